"""A transport that keeps what it gets, for tests of the application without a broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from celeriac import InvalidMessage, Message
from celeriac.events import Event, EventMessage
from celeriac.transport import ClientLink, Document, Outgoing
from celeriac.wire import Wire

T = TypeVar("T")


class FakePublisher:
    """Keeps what is published, as bytes."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.alive = True
        self.closed = 0
        self.fails: Exception | None = None

    def publish(self, batch: Sequence[Outgoing]) -> None:
        if self.fails is not None:
            raise self.fails
        self.sent += batch

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.closed += 1


class FakeReader:
    """Has documents."""

    reply_to = "oid"

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.prepared = 0
        self.closed = 0
        self.timeouts: list[float | None] = []

    def prepare(self) -> None:
        self.prepared += 1

    def fetch(self, task_id: str) -> Document | None:
        return self.documents.get(task_id)

    def wait(self, task_id: str, timeout: float | None, accept: Callable[[Document], T | None]) -> T | None:
        self.timeouts.append(timeout)
        document = self.documents.get(task_id)
        return None if document is None else accept(document)

    def forget(self, task_id: str) -> None:
        self.documents.pop(task_id, None)

    def close(self) -> None:
        self.closed += 1


class FakePost:
    """Keeps what monitors are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Event]] = []
        self.fails: Exception | None = None

    def filenos(self) -> tuple[int, ...]:
        return ()

    def receive(self, timeout: float) -> list[Wire | InvalidMessage]:
        return []

    def send(self, exchange: str, routing_key: str, wire: Wire) -> None:
        if self.fails is not None:
            raise self.fails
        message = EventMessage.parse(wire)
        assert not message.is_array
        self.told.append((exchange, routing_key, message.events[0]))

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


class Fakes:
    """The transport of a test."""

    def __init__(self) -> None:
        self.publishers: list[FakePublisher] = []
        self.reader = FakeReader()
        self.post = FakePost()
        self.opening: Exception | None = None

    def open_client_link(self, broker: str, *, connect_timeout: float, confirm: bool = True) -> ClientLink:
        if self.opening is not None:
            raise self.opening
        self.publishers.append(FakePublisher())
        return ClientLink(self.publishers[-1], self.post)

    def open_reader(
        self, broker: str, backend: str, reply_to: str, *, connect_timeout: float, is_end: Any
    ) -> FakeReader:
        return self.reader

    @property
    def sent(self) -> list[Outgoing]:
        return [outgoing for publisher in self.publishers for outgoing in publisher.sent]

    @property
    def messages(self) -> list[Message]:
        return [Message.parse(outgoing.wire.whole) for outgoing in self.sent]
