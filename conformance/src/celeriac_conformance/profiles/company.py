"""The company of a play: the sessions of the testee that cases act with, opened once and kept while they live."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance.bench import Bench, Session, new_queue
from celeriac_conformance.testee import Refused, TesteeBroken
from celeriac_conformance.witness import ACKED, UNSETTLED, Broker, Combo


@dataclass(frozen=True)
class Part:
    """Who can act: the role of its session, and the options that it is opened with."""

    role: str
    options: dict[str, Any] = field(default_factory=dict)
    #: Whether what it sends goes to the worker's queue, not to the one beside that nobody consumes.
    to_worker: bool = False
    #: Whether the worker's queue has no arguments, so that a producer may declare it as well.
    plain_queue: bool = False
    #: Further arguments of the worker's queue.
    queue: dict[str, Any] = field(default_factory=dict)


PARTS = {
    "producer": Part("producer"),  # what it sends stays where the suite can read it
    "teller": Part("producer", {"events": True}),
    "client": Part("producer", to_worker=True),  # what it sends is run by the server
    "server": Part("worker", plain_queue=True),
    "worker": Part("worker"),
    "second": Part("worker"),  # another worker, on a queue of its own
    "reporter": Part("worker", {"events": True}),
    "quorum": Part("worker", {"quorum": True}, queue={"x-queue-type": "quorum"}),
    "controller": Part("control"),
    "monitor": Part("events"),
}


@dataclass
class Place:
    """An open session: its queue, its node name if it is a worker, and what the suite sent to it."""

    session: Session
    queue: str
    node: str = ""
    #: Marker of a raw message -> the document to be completed when it is known how it was settled.
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Whether the worker has run a task: before that, what it subscribes to lazily may not be there.
    proven: bool = False


class Company:
    """The open sessions of one combination."""

    def __init__(self, bench: Bench, combo: Combo, broker: Broker) -> None:
        self._bench, self._combo, self._broker = bench, combo, broker
        self._places: dict[str, Place] = {}
        #: The queue beside the workers' own: what comes there stays.
        self.side = new_queue()
        broker.create(self.side)

    def enter(self, name: str, worker: Place | None) -> Place:
        """The place of a part, opened now if need be; a client sends to the ``worker``'s queue. Raises Refused."""
        part = PARTS[name]
        if (place := self._places.get(name)) is not None:
            elsewhere = part.to_worker and worker is not None and place.queue != worker.queue
            if place.session.down() is None and not elsewhere:
                return place
            self.leave([name])
        place = self._open(name, part, worker)
        self._places[name] = place
        return place

    def _open(self, name: str, part: Part, worker: Place | None) -> Place:
        if part.role != "worker":
            queue = worker.queue if part.to_worker and worker is not None else self.side
            return Place(self._bench.open(part.role, self._combo, queue, dict(part.options)), queue)
        queue, node = new_queue(), f"conf-{name}-{uuid.uuid4().hex[:8]}@suite.example"
        if part.plain_queue:
            self._broker.create(queue)
        else:
            self._broker.create_for_worker(queue, part.queue)
        return Place(self._worker(part, queue, node), queue, node)

    def _worker(self, part: Part, queue: str, node: str) -> Session:
        return self._bench.open("worker", self._combo, queue, {"concurrency": 1, "node": node, **part.options})

    def reopen(self, name: str) -> None:
        """Open the session of a worker once more at its place: the one that was there has died. Raises Refused."""
        place = self._places[name]
        place.session, place.proven = self._worker(PARTS[name], place.queue, place.node), False

    def leave(self, names: Iterable[str], broken: bool = False) -> None:
        """Close the sessions of these parts and complete the documents of what was sent to them; raises Refused."""
        faults: list[Refused | TesteeBroken] = []
        for name in names:
            if (place := self._places.pop(name, None)) is not None:
                faults += self._close(place, broken)
        for fault in faults:
            raise fault

    def _close(self, place: Place, broken: bool) -> list[Refused | TesteeBroken]:
        faults: list[Refused | TesteeBroken] = []
        try:
            if not broken:
                place.session.close()
        except (Refused, TesteeBroken) as error:
            if place.session.down() is None:
                faults.append(error)
        if place.node:
            self._settle(place)
            self._broker.delete(place.queue)
        return faults

    def _settle(self, place: Place) -> None:
        """How each message was settled is known for certain only when the worker has gone."""
        rejected = {marker: self._broker.settled(place.queue, marker) for marker in place.sent}
        leftover = self._broker.leftover(place.queue)
        for marker, document in place.sent.items():
            document["settled"] = UNSETTLED if marker in leftover else rejected[marker] or ACKED

    def take(self) -> dict[str, Any] | None:
        """The oldest message of the side queue."""
        return self._broker.take(self.side)

    def rest(self) -> list[dict[str, Any]]:
        """Everything that is in the side queue, which is empty afterwards."""
        return list(iter(self.take, None))

    def disband(self, broken: bool) -> None:
        """Close everything, and delete the queues."""
        try:
            self.leave(list(self._places), broken)
        finally:
            with suppress(Refused):
                self._broker.delete(self.side)
