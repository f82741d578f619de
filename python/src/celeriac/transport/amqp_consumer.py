"""Consuming from AMQP queues: a prefetch window, raw deliveries, settlements in batches (BR-AMQP)."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from amqp.serialization import decode_properties_basic

from celeriac.errors import BrokerUnavailable, InvalidCall
from celeriac.message import Wire
from celeriac.transport.amqp_casts import Parts, cast_of
from celeriac.transport.amqp_intake import Receiver
from celeriac.transport.amqp_link import Link
from celeriac.transport.amqp_tables import decoded
from celeriac.transport.base import Address, Delivery, RoutedDelivery, Source
from celeriac.transport.casts import Casts

#: Largest prefetch window of the protocol.
WIDEST_WINDOW = 0xFFFF
#: Header in which a quorum queue says how often a message came back to it.
RETURNS = "x-delivery-count"


class AmqpConsumer:
    """Consumes queues, with a prefetch window for each. Implements ``Consumer``.

    What the broker refuses on the channel (a queue that somebody else has for himself, a delivery that was held for
    longer than the broker allows) takes the channel down with all that is unsettled: ``BrokerUnavailable`` too.
    """

    def __init__(self, link: Link, queues: Sequence[str], prefetch: int) -> None:
        self._link = link
        self._queues = tuple(queues)
        self._prefetch = self._window = prefetch
        self._arrived: deque[Delivery] = deque()
        self._unsettled: dict[int, None] = {}
        self._tags: dict[str, str] = {}
        self._casts = Casts(cast_of)
        with self._translated():
            for queue in self._queues:
                link.ensure_queue(queue)
            self._channel = link.channel()
            self._consume()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        refusals: tuple[type[Exception], ...] = (InvalidCall, *self._link.channel_errors)
        try:
            with self._link.translated():
                yield
        except refusals as error:
            queues = ", ".join(self._queues)
            raise BrokerUnavailable(f"cannot consume {queues} at {self._link.url}: {error}") from error

    def _consume(self) -> None:
        # Per consumer, not per channel: quorum queues refuse a global window.
        self._channel.basic_qos(0, self._window, False)
        for queue in self._queues:
            self._tags[queue] = self._channel.basic_consume(queue, callback=self._receiver(queue))

    def _receiver(self, queue: str) -> Receiver:
        return _Receiver(queue, self._arrived, self._unsettled, self._casts)

    def filenos(self) -> Iterable[int]:
        """See ``Consumer.filenos``."""
        return (self._link.fileno(),)

    def receive(self, room: int) -> list[Delivery]:  # noqa: ARG002  # the interface's
        """See ``Consumer.receive``; the broker's prefetch window keeps the number within bounds."""
        with self._translated():
            self._link.catch_up()
        deliveries = list(self._arrived)
        self._arrived.clear()
        return deliveries

    def settle(self, acked: Sequence[Delivery], rejected: Sequence[Delivery], returned: Sequence[Delivery]) -> None:
        """See ``Consumer.settle``."""
        with self._translated():
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
        self._window = min(max(2 * self._window, wanted), WIDEST_WINDOW) if held else self._prefetch
        self.cancel()
        with self._translated():
            self._consume()

    def consume(self, sources: Sequence[Source]) -> None:
        """See ``Consumer.consume``."""
        if set(self._queues) == {source.queue for source in sources}:
            return
        new = [source for source in sources if source.queue not in self._queues]
        self._queues = tuple(source.queue for source in sources)
        with self._translated():
            for queue in self._tags.keys() - self._queues:
                self._channel.basic_cancel(self._tags.pop(queue))
            for source in new:
                self._declare(source)
                self._tags[source.queue] = self._channel.basic_consume(
                    source.queue, callback=self._receiver(source.queue)
                )

    def _declare(self, source: Source) -> None:
        self._link.ensure_queue(source.queue)
        if source.exchange:
            # On a channel of its own: a refusal must not take down what is unsettled.
            channel = self._link.channel()
            channel.exchange_declare(source.exchange, source.exchange_type, durable=True, auto_delete=False)
            channel.queue_bind(source.queue, source.exchange, routing_key=source.routing_key)
            channel.close()

    def cancel(self) -> None:
        """See ``Consumer.cancel``."""
        tags, self._tags = self._tags, {}
        with self._translated():
            for tag in tags.values():
                self._channel.basic_cancel(tag)

    def recover(self) -> None:
        """See ``Consumer.recover``. Nothing to do: the broker does it when a connection ends."""

    def close(self) -> None:
        """See ``Consumer.close``."""
        self._link.close()


class _Receiver:
    """Takes the messages of one queue, in either of the two forms in which they come. Implements ``Receiver``."""

    def __init__(self, queue: str, arrived: deque[Delivery], unsettled: dict[int, None], casts: Casts[Parts]) -> None:
        self._queue = queue
        self._arrived = arrived
        self._unsettled = unsettled
        self._casts = casts

    def __call__(self, message: Any) -> None:
        told = message.delivery_info
        address = (told["exchange"], told["routing_key"]) if told["exchange"] else None
        self._add(wire_of(message), message.delivery_tag, told["redelivered"], address)

    def take(self, tag: int, redelivered: bool, properties: bytes, body: bytes, address: Address | None) -> None:
        """See ``Receiver.take``."""
        parts = properties, body
        wire = self._casts.wire(parts)
        if wire is None:
            wire = wire_from(properties, body)
            self._casts.learn(parts, wire)
        self._add(wire, tag, redelivered, address)

    def _add(self, wire: Wire, tag: int, redelivered: bool, address: Address | None) -> None:
        self._unsettled[tag] = None
        plain, returns = uncounted(wire)
        if address is None:
            self._arrived.append(Delivery(plain, tag, self._queue, redelivered, returns))
        else:
            self._arrived.append(RoutedDelivery(plain, tag, self._queue, redelivered, returns, address))


def uncounted(wire: Wire) -> tuple[Wire, int]:
    """The message without its queue's count of returns, which would stick to its retries, and that count."""
    if RETURNS not in wire.headers:
        return wire, 0
    headers = dict(wire.headers)
    returns = headers.pop(RETURNS)
    return replace(wire, headers=headers), returns if isinstance(returns, int) else 0


def wire_of(message: Any) -> Wire:
    """The raw message of py-amqp's."""
    return _wire(dict(message.properties), message.body)


def wire_from(properties: bytes, body: bytes) -> Wire:
    """The raw message of encoded properties; those that cannot be read are none, so that it is refused as malformed."""
    found = decoded(properties)
    if found is None:
        try:
            found, _ = decode_properties_basic(properties, 0)
        except Exception:  # noqa: BLE001  # whatever the bytes do to py-amqp
            found = {}
    return _wire(found, body)


def _wire(properties: dict[str, Any], body: Any) -> Wire:
    headers: Mapping[str, Any] | None = properties.pop("application_headers", None)
    content_type = properties.pop("content_type", None)
    content_encoding = properties.pop("content_encoding", None)
    return Wire(
        body=body if isinstance(body, bytes) else bytes(body or b""),
        content_type=content_type,
        content_encoding=content_encoding,
        headers=headers or {},
        properties=properties,
    )
