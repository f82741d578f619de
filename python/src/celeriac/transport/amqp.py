"""Publishing over AMQP 0-9-1 with publisher confirms: task messages, and results for ``rpc://`` (BR-AMQP)."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from kombu.transport.pyamqp import Channel

from celeriac.errors import BrokerUnavailable, InvalidCall, PublishFailed, PublishRefused
from celeriac.message import Wire
from celeriac.transport.amqp_frames import address
from celeriac.transport.amqp_link import NOT_FOUND, Link
from celeriac.transport.amqp_moulds import properties
from celeriac.transport.base import CONFIRM_TIMEOUT, Document, Outgoing
from celeriac.wire import Content

logger = logging.getLogger("celeriac.transport")

#: Messages published before their confirms are read; bounds what both sides have to buffer.
CONFIRM_WINDOW = 500
#: Bytes that gather before they are written.
CHUNK = 1 << 16
TRANSIENT = 1
#: Longest name that the protocol carries, in bytes.
LONGEST_NAME = 255


#: A message and its properties, encoded.
Prepared: TypeAlias = tuple[Outgoing, bytes]


class _ChannelClosed(Exception):
    def __init__(self, reason: Exception) -> None:
        self.reason = reason


class AmqpPublisher:
    """Publishes with publisher confirms, many in flight. Implements ``Publisher``.

    ``declare`` makes sure that queues addressed by name exist, ``mandatory`` that no message vanishes for want of one.
    ``patient`` waits for as long as the broker says that it blocks publishers: a worker that gave up would be given its
    tasks again, and run them again.
    """

    def __init__(self, link: Link, *, declare: bool = True, mandatory: bool = True, patient: bool = False) -> None:
        self._link = link
        self._patient = patient
        self._declare = declare
        self._mandatory = mandatory
        self._known_queues: set[str] = set()
        self._channel: Any = None
        self._sent = 0
        self._unsent: deque[Prepared] = deque()
        self._unconfirmed: dict[int, Prepared] = {}
        #: Why the broker closed the channel, whoever read that.
        self._closed: Exception | None = None
        self._refused: dict[Outgoing, str] = {}
        self._unwritten: list[bytes] = []
        self._unwritten_bytes = 0

    def is_alive(self) -> bool:
        """See ``Publisher.is_alive``."""
        return self._link.is_alive()

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """See ``Publisher.publish``."""
        self.submit(batch)
        self.wait()

    def submit(self, batch: Sequence[Outgoing]) -> None:
        """Send all; ``wait`` before any more is sent. Raises as ``publish``, but for what is refused."""
        for outgoing in batch:
            check_target(outgoing)
        with self._link.translated():
            self._channel = self._channel or self._open_channel()
        # All before the first is sent: a mistake in one of them sends none.
        prepared = [(outgoing, properties_of(self._channel, outgoing.wire)) for outgoing in batch]
        if self._declare:
            self._ensure_queues(batch)
        self._refused = {}
        self._unsent.extend(prepared)
        self._take(self._send_all)

    def wait(self) -> None:
        """Return when the broker has taken all that was sent. Raises as ``publish``, but for ``InvalidCall``."""
        self._take(self._confirm_all)
        refused, self._refused = self._refused, {}
        if refused:
            raise PublishRefused("; ".join(dict.fromkeys(refused.values())), tuple(refused))

    def _take(self, step: Callable[[], None]) -> None:
        """Take a step. Where the broker closes the channel over one message, that one is refused, not the others."""
        # Of another channel, whose holder does not learn of it: the connection is as good as lost.
        losses: tuple[type[Exception], ...] = (BrokerUnavailable, *self._link.channel_errors)
        try:
            with self._link.translated():
                step()
        except _ChannelClosed as closed:
            left = [*self._unconfirmed.values(), *self._unsent]
            self._drop_channel()
            self._blame(left, closed.reason)
        except losses as error:
            self._drop_channel()
            raise PublishFailed(f"the connection was lost before the broker confirmed: {error}") from error

    def _blame(self, left: Sequence[Prepared], reason: Exception) -> None:
        """Find out which message made the broker close the channel, which takes the unconfirmed others down with it."""
        if len(left) == 1:
            outgoing, _ = left[0]
            self._refused[outgoing] = f"the broker refused a message for {_target(outgoing)}: {reason}"
            return
        for pair in left:
            self._unsent.append(pair)
            self._take(self._send_all)
            self._take(self._confirm_all)

    def _send_all(self) -> None:
        self._channel = self._channel or self._open_channel()
        while self._unsent:
            if len(self._unconfirmed) >= CONFIRM_WINDOW:
                self._confirmed(below=CONFIRM_WINDOW)
            self._send(*self._unsent.popleft())
        self._flush()

    def _confirm_all(self) -> None:
        self._confirmed(below=1)

    def _send(self, outgoing: Outgoing, properties: bytes) -> None:
        self._sent += 1
        self._unconfirmed[self._sent] = (outgoing, properties)
        to = address(self._channel.channel_id, outgoing.exchange, outgoing.routing_key, mandatory=self._mandatory)
        frames = to.frames(properties, outgoing.wire.body, self._link.frame_max)
        self._unwritten.append(frames)
        self._unwritten_bytes += len(frames)
        if self._unwritten_bytes >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        unwritten, self._unwritten, self._unwritten_bytes = self._unwritten, [], 0
        if unwritten:
            self._link.write(b"".join(unwritten))

    def _open_channel(self) -> Channel:
        channel = self._link.channel(self._on_close)
        channel.confirm_select()
        # Its own: what is told late of a channel that was given up says nothing of the same tags on another.
        unconfirmed: dict[int, Prepared] = {}
        self._unconfirmed = unconfirmed
        confirmed = partial(self._on_confirmation, unconfirmed)
        channel.events["basic_ack"].add(partial(confirmed, taken=True))
        channel.events["basic_nack"].add(partial(confirmed, taken=False))
        channel.events["basic_return"].add(partial(self._on_return, unconfirmed))
        self._link.intake.confirmations[channel.channel_id] = confirmed
        self._sent = 0
        return channel

    def _drop_channel(self) -> None:
        if self._channel is not None:
            self._link.intake.confirmations.pop(self._channel.channel_id, None)
        self._channel = self._closed = None
        self._unsent.clear()
        self._unconfirmed.clear()
        self._unwritten.clear()
        self._unwritten_bytes = 0

    def _ensure_queues(self, batch: Iterable[Outgoing]) -> None:
        names = {outgoing.routing_key for outgoing in batch if not outgoing.exchange}
        for name in names - self._known_queues:
            self._link.ensure_queue(name)
            self._known_queues.add(name)

    def _confirmed(self, *, below: int) -> None:
        self._flush()
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while len(self._unconfirmed) >= below:
            if self._closed is not None:
                raise _ChannelClosed(self._closed)
            if self._patient and self._link.blocked:
                deadline = time.monotonic() + CONFIRM_TIMEOUT
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                count = len(self._unconfirmed)
                self._drop_channel()
                raise PublishFailed(
                    f"the broker did not confirm {count} message(s) within {CONFIRM_TIMEOUT:g} s; it may be "
                    "short of memory or disk and block publishers"
                )
            if self._link.readable(remaining):
                self._link.drain()

    def _on_confirmation(self, unconfirmed: dict[int, Prepared], tag: int, multiple: bool, taken: bool) -> None:
        for done in _tags(unconfirmed, tag, multiple):
            outgoing, _ = unconfirmed.pop(done)
            if not taken:
                self._refused[outgoing] = f"the broker refused (nack) a message for {_target(outgoing)}"

    def _on_return(
        self, unconfirmed: dict[int, Prepared], error: Exception, exchange: str, routing_key: str, message: Any
    ) -> None:
        self._known_queues.discard(routing_key)
        reason = f"no queue takes it ({error}); start a worker that consumes it, or declare the queue"
        returned = message.properties.get("correlation_id")
        for outgoing, _ in unconfirmed.values():
            same = (outgoing.exchange, outgoing.routing_key) == (exchange, routing_key)
            if same and outgoing.wire.whole.properties.get("correlation_id") == returned:
                self._refused[outgoing] = f"{_target(outgoing)}: {reason}"

    def _on_close(self, reason: Exception) -> None:
        self._closed = reason

    def close(self) -> None:
        """See ``Publisher.close``."""
        self._drop_channel()
        self._link.close()


def _tags(unconfirmed: dict[int, Prepared], tag: int, multiple: bool) -> list[int]:
    if multiple:
        return [pending for pending in unconfirmed if pending <= tag]
    return [tag] if tag in unconfirmed else []


def properties_of(channel: Channel, wire: Content) -> bytes:
    """The properties of a message, encoded. Raises ``InvalidCall`` when they cannot be."""
    quick = properties(wire)
    if quick is not None:
        return quick
    serialized: bytes = message_for(channel, wire.whole)._serialize_properties()
    return serialized


def message_for(channel: Channel, wire: Wire) -> Any:
    """A message of py-amqp's, its properties written already. Raises ``InvalidCall`` when they cannot be."""
    others = dict(wire.properties)
    prepare: Any = channel.prepare_message
    message = prepare(
        wire.body,
        priority=others.pop("priority", None),
        content_type=wire.content_type,
        content_encoding=wire.content_encoding,
        headers=dict(wire.headers),
        properties=others,
    )
    try:
        serialized = message._serialize_properties()
    except Exception as error:
        raise InvalidCall(f"a header or property cannot be written in an AMQP table: {error}") from error
    # py-amqp would do it once more when it sends.
    message._serialize_properties = lambda: serialized
    return message


def check_target(outgoing: Outgoing) -> None:
    """Raise ``InvalidCall`` for a name that the protocol cannot carry."""
    for name in (outgoing.exchange, outgoing.routing_key):
        if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
            raise InvalidCall(f"{name!r:.80} cannot name a queue, exchange or key: text of at most 255 bytes can")


def _target(outgoing: Outgoing) -> str:
    if outgoing.exchange:
        return f"exchange {outgoing.exchange!r} with key {outgoing.routing_key!r}"
    return f"queue {outgoing.routing_key!r}"


class RpcStore:
    """Sends result documents to the queue that the task asked for (RS-RPC). Implements ``ResultStore``.

    Confirmed, so that a task is not acknowledged before its result is safe; not mandatory, because a caller
    that has gone took its queue along.
    """

    def __init__(self, link: Link) -> None:
        self._publisher = AmqpPublisher(link, declare=False, mandatory=False, patient=True)

    def submit(self, batch: Sequence[Document]) -> None:
        """See ``ResultStore.submit``; a document without a reply address is for nobody and is left out.

        So is, with a line in the log, one whose address the broker refuses: it would refuse it for ever.
        """
        replies = [Outgoing(_reply(document), document.reply_to) for document in batch if document.reply_to]
        if not replies:
            return
        try:
            self._publisher.submit(replies)
        except InvalidCall as error:
            self._store_apart(replies, error)

    def wait(self) -> None:
        """See ``ResultStore.wait``."""
        try:
            self._publisher.wait()
        except PublishRefused as error:
            logger.error("A result could not be delivered: %s", error)

    def _store_apart(self, replies: Sequence[Outgoing], error: InvalidCall) -> None:
        """One reply cannot be written, so none was sent: send the others."""
        if len(replies) == 1:
            logger.error("A result could not be delivered: %s", error)
            return
        for reply in replies:
            try:
                self._publisher.publish([reply])
            except (InvalidCall, PublishRefused) as refusal:  # noqa: PERF203  # on the way to an error
                logger.error("A result could not be delivered: %s", refusal)

    def close(self) -> None:
        """Nothing to give back: the connection is the consumer's."""


def _reply(document: Document) -> Wire:
    return Wire(
        body=document.body,
        content_type=document.content_type,
        content_encoding=document.content_encoding,
        headers={},
        properties={"correlation_id": document.correlation_id, "delivery_mode": TRANSIENT, "priority": 0},
    )


def purge_queue(broker: str, queue: str) -> int:
    """Delete the messages that wait in a queue; raises ``InvalidCall`` when there is no such queue."""
    link = Link(broker)
    try:
        with link.translated():
            return int(link.channel().queue_purge(queue) or 0)
    except link.channel_errors as error:
        if getattr(error, "reply_code", None) == NOT_FOUND:
            reason = f"there is no queue {queue!r} at {link.url}; check its name, and the virtual host of the URL"
            raise InvalidCall(reason) from error
        raise InvalidCall(f"queue {queue!r} cannot be purged: {error}") from error
    finally:
        link.close()


def count_queue(broker: str, queue: str) -> int | None:
    """Messages that wait in a queue; None when there is no such queue."""
    link = Link(broker)
    try:
        with link.translated():
            return int(link.channel().queue_declare(queue, passive=True).message_count)
    except link.channel_errors as error:
        if getattr(error, "reply_code", None) == NOT_FOUND:
            return None
        raise InvalidCall(f"queue {queue!r} cannot be looked at: {error}") from error
    finally:
        link.close()
