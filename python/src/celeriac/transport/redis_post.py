"""Control and events over Redis: channels, and for replies a list that a binding names (CT-REDIS, EV-REDIS)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from celeriac.envelope import Envelope
from celeriac.errors import InvalidMessage
from celeriac.ids import new_id
from celeriac.message import Wire
from celeriac.transport.base import CONNECT_TIMEOUT
from celeriac.transport.post import DIRECT, EVENTS, FANOUT, REQUESTS, Subscription
from celeriac.transport.redis import BINDING, SEPARATOR, connect, translated

logger = logging.getLogger("celeriac.transport")


class RedisPost:
    """Sends by PUBLISH or LPUSH; listens to channels, or to the list of its replies. Implements ``Post``."""

    def __init__(
        self, url: str, subscription: Subscription | None = None, *, connect_timeout: float = CONNECT_TIMEOUT
    ) -> None:
        self._url = url
        self._listener: Any = None
        self._bound: Subscription | None = None
        with translated(url):
            # RESP2: in RESP3 what is published comes apart from the answers, past who reads those.
            self._client = connect(url, connect_timeout=connect_timeout, protocol=2)
            self._database = self._client.connection_pool.connection_kwargs.get("db") or 0
            if subscription is None:
                # It connects when the first is sent: a worker without events has no connection for them.
                return
            self._client.ping()
            if subscription.exchange.kind == DIRECT:
                self._bind(subscription)
            else:
                self._listen(subscription)

    def _bind(self, to: Subscription) -> None:
        self._bound = to
        for key in to.keys:
            self._client.sadd(BINDING + to.exchange.name, SEPARATOR.join((key, "", to.queue)))

    def _listen(self, to: Subscription) -> None:
        self._listener = self._client.connection_pool.make_connection()
        self._listener.connect()
        command = "SUBSCRIBE" if to.exchange.kind == FANOUT else "PSUBSCRIBE"
        channels = [self._channel(to.exchange.name, key.replace("#", "*")) for key in to.keys]
        self._listener.send_command(command, *channels)
        for _ in channels:
            # From the answer on, nothing that is published is missed.
            self._listener.read_response()

    def _channel(self, exchange: str, key: str) -> str:
        name = f"/{self._database}.{exchange}"
        return f"{name}/{key}" if exchange == EVENTS.name else name

    def filenos(self) -> Iterable[int]:
        """See ``Post.filenos``. A list of replies has none: ``receive`` waits."""
        return () if self._listener is None else (self._listener._sock.fileno(),)

    def receive(self, timeout: float) -> list[Wire | InvalidMessage]:
        """See ``Post.receive``."""
        with translated(self._url):
            items = self._pop(timeout) if self._listener is None else self._hear(timeout)
        return [_content(item) for item in items]

    def _pop(self, timeout: float) -> list[bytes]:
        if self._bound is None or timeout <= 0:
            return []
        # Redis takes 0 for "without end".
        popped = self._client.brpop([self._bound.queue], timeout=max(timeout, 0.01))
        return [] if popped is None else [popped[1]]

    def _hear(self, timeout: float) -> list[bytes]:
        items: list[bytes] = []
        while self._listener.can_read(timeout=0 if items else timeout):
            kind, *_, item = self._listener.read_response()
            if kind in (b"message", b"pmessage"):
                items.append(item)
        return items

    def send(self, exchange: str, routing_key: str, wire: Wire) -> None:
        """See ``Post.send``."""
        item = Envelope(
            wire=wire,
            delivery_tag=new_id(),
            exchange=exchange,
            routing_key=routing_key,
            body_encoding="base64",
        ).build()
        with translated(self._url):
            if exchange in (REQUESTS.name, EVENTS.name):
                self._client.publish(self._channel(exchange, routing_key), item)
                return
            queues = self._queues(exchange, routing_key)
            for queue in queues:
                self._client.lpush(queue, item)
        if not queues:
            logger.warning("Not sent: no list is bound to exchange %r with key %r", exchange, routing_key)

    def _queues(self, exchange: str, routing_key: str) -> list[str]:
        """The lists that are bound to an exchange by a key (CT-REDIS-002)."""
        members = (member.decode("utf-8", "replace") for member in self._client.smembers(BINDING + exchange))
        bindings = (member.split(SEPARATOR) for member in members)
        return [parts[-1] for parts in bindings if len(parts) == 3 and parts[0] == routing_key]

    def tick(self) -> None:
        """See ``Post.tick``: a connection that was closed is found by its reader."""

    def close(self) -> None:
        """See ``Post.close``. The binding has no expiry of its own (CT-REDIS-003)."""
        try:
            if self._bound is not None:
                bound, self._bound = self._bound, None
                with translated(self._url):
                    for key in bound.keys:
                        self._client.srem(BINDING + bound.exchange.name, SEPARATOR.join((key, "", bound.queue)))
                    self._client.delete(bound.queue)
        finally:
            if self._listener is not None:
                self._listener.disconnect()
            self._client.close()


def _content(item: Any) -> Wire | InvalidMessage:
    if not isinstance(item, bytes):
        return InvalidMessage("what came is no text")
    try:
        return Envelope.parse(item).wire
    except InvalidMessage as error:
        return error
