"""The lines of a durable case: proxies between the testee and its servers, and where on them a fault can strike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from celeriac_conformance.brokers import Broker
from celeriac_conformance.proxy import Fault, Proxy, Rule
from celeriac_conformance.proxy.rules import TO_BROKER, TO_TESTEE
from celeriac_conformance.witness import Combo

#: How many of the frames that crossed a case keeps for its report.
KEPT = 60


@dataclass(frozen=True, slots=True)
class Spot:
    """A kind of frame: its names, its direction, what its text holds (``{queue}``), and on which line it crosses."""

    names: str
    direction: str = TO_BROKER
    about: str = ""
    line: str = "broker"
    #: Whether passing the frame on stands for a moment that has no frame of its own.
    after: bool = False


#: What cases call a moment -> what crosses then, on each kind of server.
SPOTS: dict[str, dict[str, Spot]] = {
    # a task message leaves its sender
    "publish": {
        "amqp": Spot("basic.publish", about="{queue}"),
        "redis": Spot("LPUSH|EVAL|EVALSHA", about="{queue}"),
    },
    # the server has it, and says so
    "confirm": {
        "amqp": Spot("basic.ack", TO_TESTEE),
        "redis": Spot("LPUSH|EVAL|EVALSHA", about="{queue}", after=True),
    },
    # a worker settles a message
    "settle": {"amqp": Spot("basic.ack"), "redis": Spot("HDEL|ZREM", about="unacked")},
    # a worker stores a result
    "store": {
        "rpc": Spot("basic.publish", about="{reply_to}"),
        "redis": Spot("SET|SETEX|EVAL|EVALSHA", about="celery-task-meta-", line="result"),
    },
    # a reader begins to listen for results, or asks for one that may be there already
    "read": {
        "rpc": Spot("basic.consume"),
        "redis": Spot("GET|MGET", about="celery-task-meta-", line="result"),
    },
}


class Lines:
    """The proxies of one combination. With ``servers`` of the suite's own, these can be killed."""

    def __init__(self, combo: Combo, urls: dict[str, str], servers: dict[str, Broker] | None = None) -> None:
        self.combo, self.servers = combo, servers or {}
        self.broker = Proxy.of(urls[combo.broker])
        self.result = self.broker if combo.result == "rpc" else Proxy.of(urls[combo.result])
        self.faults: list[Fault] = []

    def urls(self) -> dict[str, str]:
        """What the testee is told (Bench.detours)."""
        return {"broker": self.broker.url, "result": "rpc://" if self.combo.result == "rpc" else self.result.url}

    def line(self, name: str) -> Proxy:
        """The proxy before the ``broker``, or before the ``result`` store."""
        return self.result if name == "result" else self.broker

    def plan(self, argument: dict[str, Any], words: dict[str, Any]) -> None:
        """Have a fault happen at a spot: ``at``, ``do`` and what else a rule has."""
        kinds = SPOTS[argument["at"]]
        spot = kinds[self.combo.broker if self.combo.broker in kinds and "rpc" not in kinds else self.combo.result]
        rest = {name: argument[name] for name in ("nth", "rate", "seconds") if name in argument}
        rule = Rule(
            action=argument["do"],
            name=spot.names,
            about=spot.about.format_map(words),
            direction=spot.direction,
            after=spot.after or argument.get("after", False),
            **rest,
        )
        self.faults.append(self.line(spot.line).plan(rule))

    def wire(self) -> list[str]:
        """What has crossed during the case, decoded, in order; of two lines each frame says which one it was on."""
        named = (
            {"broker": self.broker} if self.result is self.broker else {"broker": self.broker, "result": self.result}
        )
        crossed = [
            (proxy.log.began + line.seconds, f"{name} {line}")
            for name, proxy in named.items()
            for line in proxy.log.lines()[-KEPT:]
        ]
        return [text for _, text in sorted(crossed, key=lambda timed: timed[0])]

    def begin(self) -> None:
        """Forget what an earlier case has left."""
        self.heal()
        for proxy in (self.broker, self.result):
            proxy.log.clear()

    def heal(self) -> None:
        """Make the lines sound again; connections that a fault has spoilt are cut."""
        self.faults.clear()
        for proxy in (self.broker, self.result):
            proxy.heal()

    def close(self) -> None:
        """Take the proxies away."""
        for proxy in (self.broker, self.result):
            proxy.close()
