"""A courier on fake brokers, which write down what happens in order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from celeriac import InvalidMessage, Wire
from celeriac.events import EventMessage
from celeriac.transport import Delivery, Document, Outgoing, Source, WorkerLink
from celeriac.worker.courier import Courier
from celeriac.worker.journal import Journal
from celeriac.worker.liaison import Liaison
from celeriac.worker.outcome import Outcome
from celeriac.worker.promises import Promises, Records
from celeriac.worker.running import Running
from celeriac.worker.surroundings import Surroundings
from tests.support.waiting import PATIENCE

from .worker_parts import message

WIRE = Wire(b"[]", "application/json", "utf-8", {}, {})
DOCUMENT = Document("task-1", b"{}", "application/json", "utf-8")


class FakeBroker:
    """Consumer, publisher and store in one; what happens is written down in order."""

    def __init__(self, deliveries: Iterable[Delivery] = ()) -> None:
        self.waiting = list(deliveries)
        self.events: list[Any] = []
        self.rooms: list[int] = []
        self.fails: dict[str, Exception] = {}
        self.cancelled = False
        self.recovered = 0
        self.readable, self._wake = os.pipe()
        if self.waiting:
            os.write(self._wake, b"!")

    def _do(self, name: str, *what: Any) -> None:
        if name in self.fails:
            raise self.fails.pop(name)
        self.events.append((name, *what))

    def release(self) -> None:
        """Give back its descriptors."""
        os.close(self.readable)
        os.close(self._wake)

    def send(self, *deliveries: Delivery) -> None:
        self.waiting += deliveries
        os.write(self._wake, b"!")

    # consumer

    def filenos(self) -> Iterable[int]:
        return (self.readable,)

    def receive(self, room: int) -> list[Delivery]:
        if "receive" in self.fails:
            raise self.fails.pop("receive")
        self.rooms.append(room)
        if self.cancelled or room <= 0 or not self.waiting:
            return []
        taken, self.waiting = self.waiting[:room], self.waiting[room:]
        if not self.waiting:
            os.read(self.readable, 100)
        return taken

    def settle(self, acked: Sequence[Delivery], rejected: Sequence[Delivery], returned: Sequence[Delivery]) -> None:
        if acked or rejected or returned:
            self._do("settle", [d.tag for d in acked], [d.tag for d in rejected], [d.tag for d in returned])

    def tick(self) -> None:
        pass

    def hold(self, held: int) -> None:
        self.events.append(("hold", held))

    def consume(self, sources: Sequence[Source]) -> None:
        self._do("consume", [source.queue for source in sources])

    def cancel(self) -> None:
        self.cancelled = True

    def recover(self) -> None:
        self.recovered += 1

    # publisher and store

    def publish(self, batch: Sequence[Outgoing]) -> None:
        self._do("publish", [outgoing.routing_key for outgoing in batch])

    def is_alive(self) -> bool:
        return True

    def submit(self, batch: Sequence[Document]) -> None:
        self._do("store", [document.task_id for document in batch])

    def wait(self) -> None:
        self._do("stored")

    def close(self) -> None:
        # Consumer, publisher and store are the same here.
        if ("close",) not in self.events:
            self._do("close")


class FakePost:
    """Sends nothing, but writes down what it was to send."""

    def __init__(self, events: list[Any]) -> None:
        self._events = events

    def filenos(self) -> Iterable[int]:
        return ()

    def receive(self, timeout: float) -> list[Wire | InvalidMessage]:
        raise AssertionError(f"nobody asks for {timeout}")

    def send(self, exchange: str, routing_key: str, wire: Wire) -> None:
        events = EventMessage.parse(wire).events
        self._events.append((exchange, routing_key, [event.type for event in events]))

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


def limited(delivery: Delivery, seconds: float, outcome: Outcome) -> Running:
    """A task that runs with a hard time limit, and what comes of it then."""
    return Running(delivery, message(), time.time(), lambda *_: outcome, seconds, time.monotonic() + seconds)


class Crew:
    """A courier that runs, on one fake broker after the other."""

    def __init__(self, *brokers: FakeBroker | Exception, prefetch: int = 4, liaison: Liaison | None = None) -> None:
        self.journal = Journal()
        self.promises = Promises(Records())
        self.left = threading.Event()
        self.ready: list[float] = []
        self._all = brokers
        self._brokers = iter(brokers)
        around = Surroundings(
            connect=self._connect,
            ready=lambda: self.ready.append(time.monotonic()),
            leave=self._leave,
            journal=self.journal,
            supervisor=os.getppid(),
            node="w1@h",
            promises=self.promises,
            liaison=liaison,
        )
        self.courier = Courier(prefetch, around)

    def _connect(self) -> WorkerLink:
        broker = next(self._brokers)
        if isinstance(broker, Exception):
            raise broker
        return WorkerLink(broker, broker, broker, FakePost(broker.events))

    def _leave(self) -> None:
        self.left.set()
        self.courier.abandon()

    def close(self) -> None:
        """Give back all descriptors, once the courier has ended."""
        self.courier.abandon()
        self.courier.join(PATIENCE)
        self.courier.close()
        for broker in self._all:
            if isinstance(broker, FakeBroker):
                broker.release()

    def end(self) -> None:
        self.courier.stop()
        self.courier.join(PATIENCE)
        assert not self.courier.is_alive() and not self.courier.failed
