"""AMQP 0-9-1 through kombu's py-amqp transport: publishing with confirms, consuming, rpc results.

Source: spec/bindings/amqp.md. kombu reads the URL and opens the connection; from there on the channel is
used as it is, so that a delivery stays raw and confirms and acknowledgements can be batched.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kombu.connection import Connection
from kombu.transport.pyamqp import Channel
from kombu.utils.url import maybe_sanitize_url

from celeriac.errors import BrokerUnavailable, InvalidCall, PublishFailed, PublishRefused
from celeriac.message import Wire
from celeriac.transport.base import CONFIRM_TIMEOUT, CONNECT_TIMEOUT, Delivery, Document, Outgoing

#: Messages published before their confirms are read; bounds what both sides have to buffer.
CONFIRM_WINDOW = 500
#: Seconds to wait for the rest of a frame whose beginning has come.
FRAME_TIMEOUT = 5.0
#: Seconds between heartbeats that a worker's connection asks for.
HEARTBEAT = 60

NOT_FOUND = 404
TRANSIENT = 1


class Link:
    """One AMQP connection. Errors of the driver become ``BrokerUnavailable``. Not for two threads at once.

    Raises ``BrokerUnavailable`` when no connection comes up within ``connect_timeout`` seconds.
    """

    def __init__(self, url: str, *, connect_timeout: float = CONNECT_TIMEOUT, heartbeat: int = 0) -> None:
        self.url = maybe_sanitize_url(url)
        make: Any = Connection
        self._kombu = make(url, connect_timeout=connect_timeout, heartbeat=heartbeat)
        self._transport = self._kombu.transport
        with self.translated():
            self._amqp = self._transport.establish_connection()
        # Without it py-amqp spins on a socket that has nothing to read.
        self._amqp.transport.raise_on_initial_eintr = True

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the driver's errors into ``BrokerUnavailable``; those that concern one channel pass through."""
        try:
            yield
        except self._transport.channel_errors:
            raise
        # AttributeError: what py-amqp raises when its connection went away underneath it.
        except (*self._transport.connection_errors, OSError, AttributeError) as error:
            reason = str(error) or type(error).__name__
            raise BrokerUnavailable(
                f"cannot reach the broker at {self.url}: {reason}; is it running, and are address, user, "
                "password and virtual host right?"
            ) from error

    @property
    def channel_errors(self) -> tuple[type[Exception], ...]:
        """What the broker's refusal of one call on a channel raises."""
        return tuple(self._transport.channel_errors)

    def channel(self) -> Channel:
        """Open a channel that leaves bodies as they are."""
        with self.translated():
            channel: Channel = self._amqp.channel()
        channel.auto_decode = False
        return channel

    def fileno(self) -> int:
        """Descriptor of the socket."""
        return int(self._amqp.sock.fileno())

    def readable(self, timeout: float = 0.0) -> bool:
        """Whether something has come within ``timeout`` seconds."""
        sock = self._amqp.sock
        if sock is None:
            raise BrokerUnavailable(f"the connection to {self.url} is closed")
        # TLS may hold decrypted bytes that the descriptor does not tell of.
        pending = getattr(sock, "pending", None)
        if pending is not None and pending():
            return True
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def drain(self) -> None:
        """Read and dispatch what has come; call it when ``readable``."""
        with self.translated(), contextlib.suppress(TimeoutError):
            self._amqp.drain_events(timeout=FRAME_TIMEOUT)

    def tick(self) -> None:
        """Send a heartbeat when one is due; raise ``BrokerUnavailable`` when none came for too long."""
        with self.translated():
            self._amqp.heartbeat_tick()

    def ensure_queue(self, name: str) -> None:
        """Leave a queue that exists as it is; declare one that does not: durable, without arguments.

        A declaration with other arguments than the queue has would be refused (406), so it is asked for first.
        """
        probe = self.channel()
        try:
            with self.translated():
                probe.queue_declare(name, passive=True)
                probe.close()
        except self.channel_errors as error:
            if getattr(error, "reply_code", None) != NOT_FOUND:
                raise InvalidCall(f"queue {name!r} cannot be used: {error}") from error
            channel = self.channel()
            with self.translated():
                channel.queue_declare(name, durable=True, auto_delete=False)
                channel.close()

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with contextlib.suppress(BrokerUnavailable, *self.channel_errors), self.translated():
            self._amqp.close()


class AmqpPublisher:
    """Publishes with publisher confirms, many in flight (BR-AMQP).

    ``declare`` makes sure that queues addressed by name exist, ``mandatory`` that no message vanishes for want of one.
    """

    def __init__(self, link: Link, *, declare: bool = True, mandatory: bool = True) -> None:
        self._link = link
        self._declare = declare
        self._mandatory = mandatory
        self._known_queues: set[str] = set()
        self._channel: Any = None
        self._sent = 0
        self._unconfirmed: dict[int, Outgoing] = {}
        self._refused: dict[Outgoing, str] = {}

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """See ``Publisher.publish``."""
        self._refused.clear()
        if self._declare:
            self._ensure_queues(batch)
        try:
            with self._link.translated():
                for outgoing in batch:
                    self._send(outgoing)
                    if len(self._unconfirmed) >= CONFIRM_WINDOW:
                        self._confirmed(below=CONFIRM_WINDOW)
                self._confirmed(below=1)
        except self._link.channel_errors as error:
            self._drop_channel()
            self._blame(batch, error)
        except BrokerUnavailable as error:
            self._drop_channel()
            raise PublishFailed(f"the connection was lost before the broker confirmed: {error}") from error
        if self._refused:
            raise PublishRefused("; ".join(dict.fromkeys(self._refused.values())), tuple(self._refused))

    def _blame(self, batch: Sequence[Outgoing], error: Exception) -> None:
        """Find out which message made the broker close the channel, which takes the others down with it."""
        if len(batch) == 1:
            raise PublishRefused(f"the broker refused a message for {_target(batch[0])}: {error}", batch) from error
        refused: dict[Outgoing, str] = {}
        for outgoing in batch:
            try:
                self.publish([outgoing])
            except PublishRefused as refusal:  # noqa: PERF203  # once a message, on the way to an error
                refused[outgoing] = str(refusal)
        self._refused = refused

    def _send(self, outgoing: Outgoing) -> None:
        channel = self._channel = self._channel or self._open_channel()
        wire = outgoing.wire
        properties = dict(wire.properties)
        message = channel.prepare_message(
            wire.body,
            priority=properties.pop("priority", None),
            content_type=wire.content_type,
            content_encoding=wire.content_encoding,
            headers=dict(wire.headers),
            properties=properties,
        )
        try:
            channel.basic_publish(message, outgoing.exchange, outgoing.routing_key, mandatory=self._mandatory)
        except (ValueError, OverflowError) as error:
            raise InvalidCall(f"a header or property cannot be written in an AMQP table: {error}") from error
        self._sent += 1
        self._unconfirmed[self._sent] = outgoing

    def _open_channel(self) -> Channel:
        channel = self._link.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)
        self._sent = 0
        return channel

    def _drop_channel(self) -> None:
        self._channel = None
        self._unconfirmed.clear()

    def _ensure_queues(self, batch: Iterable[Outgoing]) -> None:
        names = {outgoing.routing_key for outgoing in batch if not outgoing.exchange}
        for name in names - self._known_queues:
            self._link.ensure_queue(name)
            self._known_queues.add(name)

    def _confirmed(self, *, below: int) -> None:
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while len(self._unconfirmed) >= below:
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

    def _on_ack(self, tag: int, multiple: bool) -> None:
        for done in self._tags(tag, multiple):
            del self._unconfirmed[done]

    def _on_nack(self, tag: int, multiple: bool) -> None:
        for done in self._tags(tag, multiple):
            outgoing = self._unconfirmed.pop(done)
            self._refused[outgoing] = f"the broker refused (nack) a message for {_target(outgoing)}"

    def _tags(self, tag: int, multiple: bool) -> list[int]:
        if multiple:
            return [pending for pending in self._unconfirmed if pending <= tag]
        return [tag] if tag in self._unconfirmed else []

    def _on_return(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        self._known_queues.discard(routing_key)
        reason = f"no queue takes it ({error}); start a worker that consumes it, or declare the queue"
        for outgoing in self._unconfirmed.values():
            same = (outgoing.exchange, outgoing.routing_key) == (exchange, routing_key)
            if same and outgoing.wire.properties.get("correlation_id") == message.properties.get("correlation_id"):
                self._refused[outgoing] = f"{_target(outgoing)}: {reason}"

    def close(self) -> None:
        """See ``Publisher.close``."""
        self._drop_channel()
        self._link.close()


def _target(outgoing: Outgoing) -> str:
    if outgoing.exchange:
        return f"exchange {outgoing.exchange!r} with key {outgoing.routing_key!r}"
    return f"queue {outgoing.routing_key!r}"


class AmqpConsumer:
    """Consumes queues with a prefetch window and settles in batches (BR-AMQP)."""

    def __init__(self, link: Link, queues: Sequence[str], prefetch: int) -> None:
        self._link = link
        self._queues = tuple(queues)
        self._prefetch = self._window = prefetch
        self._arrived: deque[Delivery] = deque()
        self._unsettled: dict[int, None] = {}
        self._tags: list[str] = []
        for queue in self._queues:
            link.ensure_queue(queue)
        self._channel = link.channel()
        with link.translated():
            self._consume()

    def _consume(self) -> None:
        # Per consumer, not per channel: quorum queues refuse a global window.
        self._channel.basic_qos(0, self._window, False)
        for queue in self._queues:
            self._tags.append(self._channel.basic_consume(queue, callback=self._receiver(queue)))

    def _receiver(self, queue: str) -> Any:
        def on_message(message: Any) -> None:
            self._unsettled[message.delivery_tag] = None
            self._arrived.append(
                Delivery(_wire(message), message.delivery_tag, queue, message.delivery_info["redelivered"])
            )

        return on_message

    def filenos(self) -> Iterable[int]:
        """See ``Consumer.filenos``."""
        return (self._link.fileno(),)

    def receive(self, room: int) -> list[Delivery]:  # noqa: ARG002  # the interface's
        """See ``Consumer.receive``; the broker's prefetch window keeps the number within bounds."""
        while self._link.readable():
            self._link.drain()
        deliveries = list(self._arrived)
        self._arrived.clear()
        return deliveries

    def settle(self, acked: Sequence[Delivery], rejected: Sequence[Delivery], returned: Sequence[Delivery]) -> None:
        """See ``Consumer.settle``."""
        with self._link.translated():
            self._ack({delivery.tag for delivery in acked})
            for requeue, deliveries in ((False, rejected), (True, returned)):
                for delivery in deliveries:
                    self._channel.basic_reject(delivery.tag, requeue=requeue)
                    del self._unsettled[delivery.tag]

    def _ack(self, tags: set[int]) -> None:
        oldest = []
        for tag in self._unsettled:
            if tag not in tags:
                break
            oldest.append(tag)
        # One frame acknowledges everything up to a tag: right for the oldest run only.
        if oldest:
            self._channel.basic_ack(oldest[-1], multiple=True)
        for tag in tags.difference(oldest):
            self._channel.basic_ack(tag)
        for tag in tags:
            del self._unsettled[tag]

    def tick(self) -> None:
        """See ``Consumer.tick``."""
        self._link.tick()

    def hold(self, held: int) -> None:
        """See ``Consumer.hold``. A new window counts for new consumers only, so it is widened in large steps."""
        wanted = self._prefetch + held
        if wanted <= self._window and (held or self._window == self._prefetch):
            return
        self._window = min(max(2 * self._window, wanted), 0xFFFF) if held else self._prefetch
        with self._link.translated():
            for tag in self._tags:
                self._channel.basic_cancel(tag)
            self._tags.clear()
            self._consume()

    def close(self) -> None:
        """See ``Consumer.close``."""
        self._link.close()


def _wire(message: Any) -> Wire:
    properties: dict[str, Any] = dict(message.properties)
    headers: Mapping[str, Any] | None = properties.pop("application_headers", None)
    content_type = properties.pop("content_type", None)
    content_encoding = properties.pop("content_encoding", None)
    body = message.body
    return Wire(
        body=body if isinstance(body, bytes) else bytes(body or b""),
        content_type=content_type,
        content_encoding=content_encoding,
        headers=headers or {},
        properties=properties,
    )


class RpcStore:
    """Sends result documents to the queue that the task asked for (RS-RPC).

    Confirmed, so that a task is not acknowledged before its result is safe; not mandatory, because a caller
    that has gone took its queue along.
    """

    def __init__(self, link: Link) -> None:
        self._publisher = AmqpPublisher(link, declare=False, mandatory=False)

    def store(self, batch: Sequence[Document]) -> None:
        """See ``ResultStore.store``; a document without a reply address is for nobody and is left out."""
        self._publisher.publish(
            [Outgoing(_reply(document), document.reply_to) for document in batch if document.reply_to]
        )

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
        raise InvalidCall(f"queue {queue!r} cannot be purged: {error}") from error
    finally:
        link.close()
