"""A worker process at its end of the channel to the node: answers what it is asked, does what it is told.

Lives in the courier's thread. The executor only looks at ``orders``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Protocol

from celeriac.errors import InvalidMessage
from celeriac.lifecycle_events import Revoked
from celeriac.message import Message
from celeriac.text import elided
from celeriac.times import iso
from celeriac.transport import Delivery
from celeriac.worker.channel import Channel
from celeriac.worker.orders import Orders
from celeriac.worker.revocations import Revocations
from celeriac.worker.running import Running
from celeriac.worker.settings import WorkerSettings

#: Arguments whose text is longer are shown cut, as text.
SHOWN = 2_000


class Bench(Protocol):
    """What the courier has: deliveries, and the tasks that run."""

    @property
    def running(self) -> list[Running]:
        """What runs now."""

    def held(self) -> tuple[list[Delivery], list[tuple[float, Delivery]]]:
        """What is next, and what waits, with the Unix time of its turn."""

    def consume(self, queues: Iterable[Mapping[str, Any]]) -> None:
        """Consume these queues from now on."""

    def end(self, event: Revoked, wanted: Callable[[Message], bool]) -> list[str]:
        """Have what runs ended by this event where it is wanted; the ids of those that had not just ended."""


class Liaison:
    """One end of a channel, and what is known of it. ``ran`` is called after each run, by the executor."""

    def __init__(self, number: int, channel: Channel, settings: WorkerSettings) -> None:
        self.orders = Orders.of(settings)
        self.channel = channel
        self.total: Counter[str] = Counter()
        self._number = number
        self._settings = settings
        self._told: tuple[int, int] = (0, 0)
        self._informed = False

    def greet(self) -> None:
        """Say that this process is there."""
        self.channel.send({"hello": os.getpid()})

    @property
    def informed(self) -> bool:
        """Whether the node has answered the greeting."""
        return self._informed

    def hear(self, bench: Bench) -> None:
        """Answer what has come."""
        for message in self.channel.receive():
            answer = QUESTIONS[message["ask"]](self, bench, message["arguments"])
            self._informed = True
            if message["id"]:
                self.channel.send({"id": message["id"], "answer": answer})

    def tick(self, bench: Bench) -> None:
        """Tell the node how many tasks run and have run, when that has changed."""
        now = (sum(self.total.values()), len(bench.running))
        if now != self._told:
            self._told = now
            self.channel.send({"count": self._counts(bench)})

    def _counts(self, bench: Bench) -> dict[str, Any]:
        return {"pid": os.getpid(), "active": len(bench.running), "total": dict(self.total)}

    # -- questions

    def _obey(self, bench: Bench, state: Mapping[str, Any]) -> None:
        self.orders.take(state)
        if "queues" in state:
            bench.consume(state["queues"])

    def _count(self, bench: Bench, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"number": self._number, **self._counts(bench)}

    def _tasks(self, bench: Bench, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        next_ones, waiting = bench.held()
        reserved = (self._info(delivery) for delivery in next_ones)
        scheduled = ((at, self._info(delivery)) for at, delivery in waiting)
        return {
            "active": [self._info(running.delivery, running) for running in bench.running],
            "reserved": [info for info in reserved if info is not None],
            "scheduled": [
                {"eta": iso(datetime.fromtimestamp(at, timezone.utc)), "priority": 6, "request": info}
                for at, info in scheduled
                if info is not None
            ],
        }

    def _info(self, delivery: Delivery, running: Running | None = None) -> dict[str, Any] | None:
        """A task as controllers see it (CT-INS-002); None for what is no task."""
        try:
            message = running.message if running is not None else self._read(delivery)
        except InvalidMessage:
            return None
        task = self._settings.tasks.get(message.task)
        exchange, routing_key = delivery.address
        early = task is not None and not task.options.acks_late
        return {
            "id": message.id,
            "name": message.task,
            "args": _shown(list(message.args)),
            "kwargs": _shown(dict(message.kwargs)),
            "type": message.task,
            "hostname": self._settings.hostname,
            "time_start": None if running is None else running.since,
            "acknowledged": running is not None and early,
            "delivery_info": {
                "exchange": exchange,
                "routing_key": routing_key,
                "priority": message.priority or 0,
                "redelivered": delivery.redelivered,
            },
            "worker_pid": None if running is None else os.getpid(),
        }

    def _read(self, delivery: Delivery) -> Message:
        if isinstance(delivery.content, InvalidMessage):
            raise delivery.content
        return Message.parse(delivery.content, accept=self._settings.accept, limits=self._settings.limits)

    def _end(self, bench: Bench, told: Mapping[str, Any]) -> list[str]:
        self.orders.take(told)
        named = Revocations()
        named.add(told.get("ids", ()), 0.0)
        named.add_stamps(told.get("stamps", {}), 0.0)
        event = Revoked("terminated", told["signal"])
        return bench.end(event, lambda message: named.holds(message.id, message.stamps, 0.0))


QUESTIONS: Mapping[str, Callable[[Liaison, Bench, Mapping[str, Any]], Any]] = {
    "obey": Liaison._obey,
    "count": Liaison._count,
    "tasks": Liaison._tasks,
    "end": Liaison._end,
}


def _shown(value: Any) -> Any:
    """Arguments as they are, or their text where that is long or no JSON."""
    text = elided(value)
    plain = len(text) <= SHOWN and not text.endswith("...")
    return value if plain else text
