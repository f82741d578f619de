"""The bench: the testee, its restarts, and the witnesses beside it, as one run uses them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celeriac_conformance.testee import Answer, Hello, Pending, Refused, Seat, Testee, TesteeBroken
from celeriac_conformance.witness import COMBOS, Broker, Combo, Results
from celeriac_conformance.witness.amqp import AmqpBroker, RpcResults
from celeriac_conformance.witness.amqp_mail import AmqpMail
from celeriac_conformance.witness.commands import Commands
from celeriac_conformance.witness.mail import Mail
from celeriac_conformance.witness.redis import RedisBroker, RedisResults
from celeriac_conformance.witness.redis_mail import RedisMail

#: How often a run goes on after its testee has broken down.
MOST_RESTARTS = 3

#: Starting a process or a worker takes longer than a step; how many times the deadline of a step it may take.
HELLO_STEPS, OPEN_STEPS, CLOSE_STEPS, BYE_STEPS = 3, 6, 3, 3
#: The least that a process is given to start, however short a step may be: that is up to the machine.
HELLO_SECONDS = 30.0

#: Roles that cannot do without a result backend.
WITH_RESULTS = frozenset({"worker", "result"})


class RestartsExhausted(Exception):
    """The testee broke down more often than a run puts up with."""


@dataclass
class Bench:
    """What the profiles work with. ``urls`` has "amqp" and "redis" where there is such a broker."""

    command: Sequence[str]
    urls: dict[str, str]
    seconds: float
    seed: int
    cwd: Path | None = None
    restarts: int = 0
    #: ``broker`` and ``result`` -> the URL that the testee is told in place of the server's own: a proxy's.
    detours: dict[str, str] = field(default_factory=dict)
    seat: Seat = field(default_factory=Seat)
    _brokers: dict[str, Broker] = field(default_factory=dict)
    _results: dict[Combo, Results] = field(default_factory=dict)
    _mails: dict[str, Mail] = field(default_factory=dict)
    _commands: Commands | None = None

    @property
    def testee(self) -> Testee:
        """The testee, once ``start`` has been called."""
        return self.seat.testee

    def start(self) -> Hello:
        """Start the testee and greet it; raises TesteeBroken."""
        self.random = random.Random(self.seed)
        self.seat.take(self.command, self.cwd)
        self.hello = self.testee.hello(max(HELLO_SECONDS, HELLO_STEPS * self.seconds))
        return self.hello

    def twin(self) -> Bench:
        """Another bench like this one, for a testee of its own, which is still to be started."""
        return Bench(self.command, self.urls, self.seconds, self.seed, self.cwd)

    def start_like(self, other: Bench) -> None:
        """Start the testee; raises TesteeBroken also where it claims something else than the one on the other bench."""
        if self.start() != other.hello:
            raise TesteeBroken("it claims something else than the first")

    def restart(self) -> None:
        """Replace a broken testee by a new one that claims the same; raises RestartsExhausted or TesteeBroken."""
        self.restarts += 1
        if self.restarts > MOST_RESTARTS:
            self.seat.kill()
            raise RestartsExhausted(f"the testee broke down {self.restarts} times")
        self.replace()

    def replace(self) -> None:
        """Kill the testee and all that it has started, and start another, with the evidence there is; see restart."""
        self.seat.take(self.command, self.cwd)
        if self.testee.hello(max(HELLO_SECONDS, HELLO_STEPS * self.seconds)) != self.hello:
            raise TesteeBroken("the restarted testee claims something else than before")

    def combos(self) -> list[Combo]:
        """The combinations that the testee claims and this run has servers for."""
        claimed = [combo for combo in COMBOS if self.hello.claims("broker", combo.broker) and self._has_results(combo)]
        return [combo for combo in claimed if {self._server(combo.result), combo.broker} <= set(self.urls)]

    def _has_results(self, combo: Combo) -> bool:
        """Whether the testee claims the backend, or has no use for any: it neither stores results nor reads them."""
        return self.hello.claims("result", combo.result) or not self.hello.roles & WITH_RESULTS

    @staticmethod
    def _server(result: str) -> str:
        return "amqp" if result == "rpc" else result

    # -- witnesses --------------------------------------------------------------------------------

    def broker(self, combo: Combo) -> Broker:
        """The witness at the combination's broker; raises BrokerDown."""
        if combo.broker not in self._brokers:
            witness = AmqpBroker if combo.broker == "amqp" else RedisBroker
            self._brokers[combo.broker] = witness(self.urls[combo.broker])
        return self._brokers[combo.broker]

    def results(self, combo: Combo) -> Results:
        """The witness at the combination's result backend; raises BrokerDown."""
        if combo not in self._results:
            self._results[combo] = (
                RpcResults(self.urls["amqp"])
                if combo.result == "rpc"
                else RedisResults(self.urls["redis"], str(uuid.uuid4()))
            )
        return self._results[combo]

    def mail(self, combo: Combo) -> Mail:
        """The witness of remote control and events at the combination's broker; raises BrokerDown."""
        if combo.broker not in self._mails:
            witness = AmqpMail if combo.broker == "amqp" else RedisMail
            self._mails[combo.broker] = witness(self.urls[combo.broker])
        return self._mails[combo.broker]

    def commands(self) -> Commands:
        """The witness of what Redis is told, from the first call of this on until ``unwatch``; raises BrokerDown."""
        if self._commands is None:
            self._commands = Commands(self.urls["redis"])
        return self._commands

    def unwatch(self) -> None:
        """Let Redis tell no more: what nobody reads piles up there."""
        if self._commands is not None:
            self._commands.close()
            self._commands = None

    def result_url(self, combo: Combo) -> str | None:
        """The result URL that a session of the combination is opened with; None for who claims no such backend."""
        if not self.hello.claims("result", combo.result):
            return None
        return "rpc://" if combo.result == "rpc" else self.urls["redis"]

    # -- sessions ---------------------------------------------------------------------------------

    def open(self, role: str, combo: Combo, queue: str, options: dict[str, Any], broker_url: str = "") -> Session:
        """Open a session; raises Refused when the testee does not, TesteeBroken when it breaks."""
        name = f"{role}-{uuid.uuid4().hex[:12]}"
        answer = self.testee.ask(
            "open",
            OPEN_STEPS * self.seconds,
            session=name,
            role=role,
            broker_url=broker_url or self.detours.get("broker", self.urls[combo.broker]),
            result_url=self.detours.get("result", self.result_url(combo)),
            queue=queue,
            options=options,
        )
        answer.must(f"open of a {role} on {combo}")
        return Session(self.testee, name, CLOSE_STEPS * self.seconds)

    def close(self) -> str | None:
        """End the testee and the witnesses; the answer is what was wrong with the testee's end, or None."""
        fault = None
        if self.seat.taken and self.testee.fault is None:
            try:
                self.testee.bye(BYE_STEPS * self.seconds)
            except TesteeBroken as error:
                fault = str(error)
        self.seat.kill()
        self.dismiss()
        return fault

    def dismiss(self) -> None:
        """Take leave of the witnesses."""
        witnesses: list[Broker | Results | Mail] = [
            *self._brokers.values(),
            *self._results.values(),
            *self._mails.values(),
        ]
        for witness in (*witnesses, *filter(None, (self._commands,))):
            with suppress(Exception):  # the run is over: a witness that cannot say goodbye changes no verdict
                witness.close()

    def beside(self, urls: dict[str, str]) -> Bench:
        """The same testee and other servers, for cases that kill theirs."""
        other = Bench(self.command, urls, self.seconds, self.seed, self.cwd, seat=self.seat)
        other.hello, other.random = self.hello, self.random
        return other


@dataclass(slots=True)
class Session:
    """An open session of the testee."""

    testee: Testee
    name: str
    close_seconds: float

    def publish(self, call: dict[str, Any], seconds: float) -> Answer:
        """Have the testee send a task message, or the messages of a canvas."""
        return self.begin_publish(call).wait(seconds)

    def begin_publish(self, call: dict[str, Any]) -> Pending:
        """As publish, without waiting for the answer."""
        what = (
            {"canvas": call["canvas"]}
            if "canvas" in call
            else {"task": call.get("task", "conf.echo"), "args": call.get("args", []), "kwargs": call.get("kwargs", {})}
        )
        what |= {"foreign": True} if call.get("foreign") else {}
        options = call.get("options", {})
        return self.testee.send("publish", session=self.name, **what, options=options)

    def await_(self, task_id: str, timeout_ms: int, seconds: float) -> Answer:
        """Have the testee wait for a result, ``timeout_ms`` at most."""
        return self.begin_await(task_id, timeout_ms).wait(seconds)

    def begin_await(self, task_id: str, timeout_ms: int) -> Pending:
        """As await_, without waiting for the answer."""
        return self.testee.send("await", session=self.name, task_id=task_id, timeout_ms=timeout_ms)

    def close(self) -> None:
        """Close in order; raises Refused or TesteeBroken."""
        self.testee.ask("close", self.close_seconds, session=self.name).must("close")

    def down(self) -> str | None:
        """Why the worker of this session has ended by itself, or None while it has not."""
        ends = [event for event in self.testee.events if event["event"] == "down" and event["session"] == self.name]
        return ends[0]["why"] if ends else None


def new_queue() -> str:
    """A queue name that nobody has used."""
    return f"conf-{uuid.uuid4().hex[:16]}"


__all__ = ["Answer", "Bench", "Refused", "RestartsExhausted", "Session", "new_queue"]
