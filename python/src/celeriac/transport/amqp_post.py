"""Control and events over AMQP: exclusive queues on the exchanges that Celery uses (CT-REQ-001, EV-SUB-001)."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from celeriac.errors import BrokerUnavailable, InvalidCall, InvalidMessage
from celeriac.message import Wire
from celeriac.transport.amqp import message_for
from celeriac.transport.amqp_consumer import wire_of
from celeriac.transport.amqp_link import Link
from celeriac.transport.post import EXCHANGES, Subscription

logger = logging.getLogger("celeriac.transport")

RESOURCE_LOCKED = 405
#: Most seconds between two heartbeats while a reader waits.
HEARTBEAT_EVERY = 10.0


class AmqpPost:
    """Sends and receives on channels of a connection; ``owns`` says whether it closes that. Implements ``Post``.

    Raises ``InvalidCall`` when the queue of the subscription is somebody else's: two nodes of one name.
    """

    def __init__(self, link: Link, subscription: Subscription | None = None, *, owns: bool = True) -> None:
        self._link = link
        self._owns = owns
        self._arrived: deque[Wire | InvalidMessage] = deque()
        self._declared: set[str] = set()
        self._sending: Any = None
        self._listening: Any = None
        if subscription is not None:
            self._subscribe(subscription)

    def _subscribe(self, to: Subscription) -> None:
        try:
            channel = self._listening = self._link.channel()
            with self._link.translated():
                self._declare(channel, to.exchange.name)
                arguments = {"x-expires": to.expires, "x-message-ttl": to.ttl}
                channel.queue_declare(to.queue, exclusive=True, auto_delete=True, arguments=arguments)
                for key in to.keys:
                    channel.queue_bind(to.queue, to.exchange.name, routing_key=key)
                channel.basic_consume(to.queue, no_ack=True, callback=self._on_message)
        except self._link.channel_errors as error:
            if getattr(error, "reply_code", None) == RESOURCE_LOCKED:
                reason = f"queue {to.queue} is in use: every worker needs a node name of its own, see -n"
                raise InvalidCall(reason) from error
            raise BrokerUnavailable(f"cannot listen to {to.exchange.name} at {self._link.url}: {error}") from error

    def _declare(self, channel: Any, name: str) -> None:
        exchange = EXCHANGES.get(name)
        if exchange is not None and name not in self._declared:
            channel.exchange_declare(name, exchange.kind, durable=exchange.durable, auto_delete=False)
            self._declared.add(name)

    def _on_message(self, message: Any) -> None:
        self._arrived.append(wire_of(message))

    def filenos(self) -> Iterable[int]:
        """See ``Post.filenos``."""
        return (self._link.fileno(),)

    def receive(self, timeout: float) -> list[Wire | InvalidMessage]:
        """See ``Post.receive``."""
        deadline = time.monotonic() + timeout
        while True:
            remaining = deadline - time.monotonic()
            while self._link.readable(0.0 if self._arrived else max(0.0, min(remaining, HEARTBEAT_EVERY))):
                self._drain()
            if self._arrived or remaining <= 0:
                break
            self._link.tick()
        arrived = list(self._arrived)
        self._arrived.clear()
        return arrived

    def _drain(self) -> None:
        try:
            self._link.drain()
        except self._link.channel_errors as error:
            if self._listening is not None and not self._listening.is_open:
                raise BrokerUnavailable(f"the broker at {self._link.url} ended the listening: {error}") from error
            # It is the answer to something that was sent, as a reply to an exchange that is not there.
            self._sending = None
            logger.warning("The broker refused what was sent: %s", error)

    def send(self, exchange: str, routing_key: str, wire: Wire) -> None:
        """See ``Post.send``."""
        try:
            with self._link.translated():
                if self._sending is None or not self._sending.is_open:
                    self._sending = self._link.channel()
                channel = self._sending
                self._declare(channel, exchange)
                channel.basic_publish(message_for(channel, wire), exchange, routing_key)
        except InvalidCall as error:
            logger.warning("Not sent to exchange %r: %s", exchange, error)
        except self._link.channel_errors as error:
            self._sending = None
            logger.warning("Not sent to exchange %r: %s", exchange, error)

    def tick(self) -> None:
        """See ``Post.tick``."""
        self._link.tick()

    def close(self) -> None:
        """See ``Post.close``."""
        if self._owns:
            self._link.close()
