"""What a transport is: narrow interfaces and the values that cross them.

A transport moves raw messages and raw result documents. It knows no task, no state and no serializer;
what it hands out has not been decoded. One object belongs to one thread unless its docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from celeriac.errors import InvalidMessage
from celeriac.message import Wire
from celeriac.wire import Content

T = TypeVar("T")

#: Seconds within which a connection comes up or ``BrokerUnavailable`` is raised.
CONNECT_TIMEOUT = 4.0
#: Seconds within which the broker confirms what was published or ``PublishFailed`` is raised.
CONFIRM_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A message and where it goes. On AMQP ``exchange`` '' means the queue named by ``routing_key``."""

    wire: Content
    routing_key: str
    exchange: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A queue to consume; with an ``exchange``, it is declared and the queue bound to it by ``routing_key``."""

    queue: str
    exchange: str | None = None
    exchange_type: str = "direct"
    routing_key: str = ""


def chunks(items: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """The items in order, some at a time: as many as it takes to have ``size`` bytes."""
    chunk: list[bytes] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += len(item)
        if held >= size:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


#: Exchange and routing key.
Address: TypeAlias = tuple[str, str]


@dataclass(slots=True)
class Delivery:
    """A message as it came, not yet settled.

    As ``Wire``, it is not frozen for the price of that alone: nobody changes it.

    ``content`` is the raw message, or the error that says why not even its envelope could be read.
    ``tag`` means something to the consumer that made it alone, and only as long as its connection lives.
    ``returns`` is how often it came back to its queue, as far as the broker counts (quorum queues of RabbitMQ do).
    """

    content: Wire | InvalidMessage
    tag: Any
    queue: str
    redelivered: bool = False
    returns: int = 0

    @property
    def address(self) -> Address:
        """What it was sent to: most name their queue, and no exchange."""
        return "", self.queue


@dataclass(slots=True)
class RoutedDelivery(Delivery):
    """One that an exchange brought into its queue."""

    sent_to: Address = ("", "")

    @property
    def address(self) -> Address:
        """What it was sent to."""
        return self.sent_to


@dataclass(frozen=True, slots=True)
class Document:
    """An encoded result document and whom it is for: Redis needs ``task_id``, rpc needs the reply address."""

    task_id: str
    body: bytes
    content_type: str
    content_encoding: str
    reply_to: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChordPart:
    """The end of a member of a chord. ``entry`` is what its body will be made of: ``[1, id, state, result]`` as JSON.

    ``index`` is its place in the header; None: at the end.
    """

    group_id: str
    task_id: str
    index: int | None
    entry: bytes


@dataclass(frozen=True, slots=True)
class Gathered:
    """All entries of a chord, in order, and the group as its sender saved it (None: it did not)."""

    saved: bytes | None
    entries: Sequence[bytes]


class Publisher(Protocol):
    """Sends task messages. Not for two threads at once."""

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Send all, then return when the broker has taken each of them.

        Raises ``InvalidCall`` before the first is sent when one of them cannot be written; ``PublishRefused`` when the
        broker does not take some of them, the others being safe; ``PublishFailed`` when it could not be asked or did
        not confirm. A message may be in the queue although an error was raised (its confirmation was lost); it never is
        missing when none was raised.
        """

    def is_alive(self) -> bool:
        """Whether the connection is up, as far as can be told without asking the broker."""

    def close(self) -> None:
        """Give the connection back. May be called twice."""


class Consumer(Protocol):
    """Takes deliveries from queues and settles them. Owned by one thread that waits on its file descriptors."""

    def filenos(self) -> Iterable[int]:
        """Descriptors that turn readable when ``receive`` has something to do."""

    def receive(self, room: int) -> list[Delivery]:
        """Deliveries that are there now, without waiting. ``room`` is how many the caller can still hold.

        Raises ``BrokerUnavailable`` when the connection is lost; deliveries not settled come again then.
        """

    def settle(self, acked: Sequence[Delivery], rejected: Sequence[Delivery], returned: Sequence[Delivery]) -> None:
        """Settle many at once: done, refused for good (to a dead-letter queue), back to the queue."""

    def tick(self) -> None:
        """Heartbeats and housekeeping; called about once a second."""

    def hold(self, held: int) -> None:
        """Tell how many deliveries are set aside for later, so that they do not use up the prefetch window."""

    def consume(self, sources: Sequence[Source]) -> None:
        """Consume these queues and no others from now on; what was taken from others is still held.

        Raises ``BrokerUnavailable`` for a queue that the broker does not let be consumed.
        """

    def cancel(self) -> None:
        """Take no more. ``receive`` still hands out what had come before. May be called twice."""

    def recover(self) -> None:
        """Give back what the last holder of this consumer's name had taken and not settled when it died."""

    def close(self) -> None:
        """End consuming; what was not settled goes back to its queue.

        Raises ``BrokerUnavailable`` when it could not be given back and the broker does not do that by itself.
        """


class ResultStore(Protocol):
    """Where a worker puts result documents, which takes a round trip: other work may go on meanwhile."""

    def submit(self, batch: Sequence[Document]) -> None:
        """Write all; ``wait`` before any more is written. Raises ``BrokerUnavailable``, ``PublishFailed``."""

    def wait(self) -> None:
        """Return when all that was written is readable. Raises as ``submit``."""

    def close(self) -> None:
        """Give the connection back. May be called twice."""


class GroupStore(Protocol):
    """Where chords are counted and groups are kept. Safe for many threads."""

    def expect(self, sizes: Sequence[tuple[str, int]]) -> None:
        """Note how many results groups will have, before their messages are sent. Raises ``BrokerUnavailable``."""

    def expect_more(self, group_id: str, more: int = 1) -> None:
        """Note that so many results are to come in addition."""

    def count(self, parts: Sequence[ChordPart]) -> list[Gathered | None]:
        """Count the ends of members, each once however often it is told, in one step each.

        For each: all there is, when it was the last and whoever asks is to send the body (a crash before ``finish``
        does not matter: the same part may be counted again and gets the same answer); else None.
        """

    def finish(self, part: ChordPart, *, broken: bool) -> None:
        """The body was sent; ``broken``: it will not be, because a member failed."""

    def save(self, group_id: str, document: bytes) -> None:
        """Keep what a group is made of."""

    def load(self, group_id: str) -> bytes | None:
        """What was kept of a group, or None."""

    def forget(self, group_id: str) -> None:
        """Drop what was kept of a group."""

    def close(self) -> None:
        """Give the connection back. May be called twice."""


class ResultReader(Protocol):
    """Where a client looks for result documents. Safe for many threads."""

    @property
    def reply_to(self) -> str | None:
        """Queue that answers come to (rpc), or None when results are kept in a store."""

    def prepare(self) -> None:
        """Be ready to receive before the first message that asks for a result is sent."""

    def fetch(self, task_id: str) -> Document | None:
        """The newest document of the task that is there now, or None."""

    def wait(self, task_id: str, timeout: float | None, accept: Callable[[Document], T | None]) -> T | None:
        """What ``accept`` makes of the first document of the task that it does not answer with None.

        Waits up to ``timeout`` seconds (None: for ever); None when the time is over. What ``accept`` raises passes
        through.
        """

    def forget(self, task_id: str) -> None:
        """Drop what is kept of the task."""

    def close(self) -> None:
        """Give the connections back. May be called twice. Who waits still is told ``BrokerUnavailable``."""
