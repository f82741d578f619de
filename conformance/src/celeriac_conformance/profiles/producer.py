"""Profile producer: the testee publishes, the witness reads the raw message out of the broker."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance import wire
from celeriac_conformance.bench import Bench, Session, new_queue
from celeriac_conformance.brokers import HOST, free_ports
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles import LegallyUnsupported
from celeriac_conformance.testee import Answer, Refused
from celeriac_conformance.waiting import until
from celeriac_conformance.witness import Combo

#: A producer has to say within this time that there is no broker (the contract of the SDKs is 4 s).
UNREACHABLE_SECONDS = 30.0

#: That of a broker which is not there; nobody may be told it.
PASSWORD = "conf-password"


@dataclass
class ProducerGroup:
    """The producer cases of one combination, on one session."""

    bench: Bench
    combo: Combo
    queues: list[str] = field(default_factory=list)
    session: Session | None = None

    def start(self) -> None:
        """Make the session's queue and open a producer on it."""
        self.broker = self.bench.broker(self.combo)
        self.queue = self._new_queue()
        self.broker.create(self.queue)
        self.session = self.bench.open("producer", self.combo, self.queue, {})

    def observe(self, case: Case) -> dict[str, Any]:
        """Publish what the case says and read it back raw."""
        if case.steps.get("broker_is") == "unreachable":
            return self._unreachable(case)
        while self.broker.take(self.queue) is not None:
            pass  # what an earlier case left here is not this case's
        given = wire.substitutes("")
        queue, calls = self.queue, given.fill(case.steps["publish"])
        calls = calls if isinstance(calls, list) else [calls]
        if "queue" in case.steps:
            queue = self._new_queue()
            self._prepare(queue, case.steps["queue"])
            calls = [{**call, "options": {"queue": queue, **call.get("options", {})}} for call in calls]
        document = self._publish(queue, calls, "burst" in case.steps)
        about = {"called_at": given.now.timestamp(), "wanted_id": given.task_id, "session_queue": self.queue}
        return {**document, **about, "queue": self._facts(case, queue)}

    def _prepare(self, queue: str, state: Any) -> None:
        if state != "absent":
            self.broker.create(queue, state)

    def _facts(self, case: Case, queue: str) -> dict[str, Any]:
        return {"name": queue, **(self.broker.facts(queue) if "queue" in case.steps else {})}

    def _publish(self, queue: str, calls: list[dict[str, Any]], burst: bool) -> dict[str, Any]:
        """Publish and read back, each message at once or, in a burst, all at the end.

        ``at_once`` says whether each message was there the moment its confirmation was.
        """
        assert self.session is not None
        answers, messages, at_once = [], [], True
        for call in calls:
            answer = self.session.publish(call, self.bench.seconds)
            self._legal(answer)
            answers.append(answer.document())
            answered_at = time.time()
            if burst:
                continue
            message = self.broker.take(queue)
            if message is None and answer.ok is not None:
                at_once = False
                message = until(lambda: self.broker.take(queue), self._patience())
                if message is None:
                    raise Refused(f"publish said {answer.document()}, but no message came to the queue")
            messages += [message] if message else []
        while (message := self.broker.take(queue)) is not None:
            messages.append(message)  # more than was asked for
        return {
            **(messages[0] if messages else {}),
            "messages": messages,
            "count": len(messages),
            "answers": answers,
            "answer": answers[-1],
            "at_once": at_once,
            "answered_at": answered_at,
        }

    def _patience(self) -> float:
        """How long a message may be under way: not at all when the testee claims confirms."""
        return min(1.0, self.bench.seconds) if self.bench.hello.claims("confirm", True) else self.bench.seconds

    def _legal(self, answer: Answer) -> None:
        if answer.unsupported and self.bench.hello.may_lack(answer.unsupported["feature"]):
            raise LegallyUnsupported(f"{answer.unsupported['feature']}: {answer.unsupported['why']}")

    def _unreachable(self, case: Case) -> dict[str, Any]:
        (port,) = free_ports(1)
        url = f"{self.combo.broker}://guest:{PASSWORD}@{HOST}:{port}/" + ("/" if self.combo.broker == "amqp" else "0")
        session = self.bench.open("producer", self.combo, self.queue, {}, broker_url=url)
        began = time.monotonic()
        answer = session.publish(case.steps["publish"], UNREACHABLE_SECONDS)
        took = time.monotonic() - began
        session.close()
        return {"answer": answer.document(), "took": took, "port": str(port)}

    def _new_queue(self) -> str:
        self.queues.append(new_queue())
        return self.queues[-1]

    def finish(self, broken: bool) -> None:
        """Close the session and delete the queues."""
        session, self.session = self.session, None
        try:
            if session is not None and not broken:
                session.close()
        finally:
            for queue in self.queues:
                self.broker.delete(queue)
            self.queues.clear()
