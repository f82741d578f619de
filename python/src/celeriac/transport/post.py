"""Messages through exchanges: remote control, its replies, and events. Sent once, unconfirmed, to whoever listens.

What is listened to is a ``Subscription``, the same for every transport: on AMQP a queue that goes with its reader, on
Redis a channel, or for replies a list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from celeriac.control import REPLY_EXCHANGE, REQUEST_EXCHANGE
from celeriac.errors import InvalidMessage
from celeriac.events import EVENT_EXCHANGE
from celeriac.message import Wire

FANOUT, DIRECT, TOPIC = "fanout", "direct", "topic"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange, as every peer has to declare it."""

    name: str
    kind: str
    durable: bool


REQUESTS = Exchange(REQUEST_EXCHANGE, FANOUT, durable=False)
REPLIES = Exchange(REPLY_EXCHANGE, DIRECT, durable=False)
EVENTS = Exchange(EVENT_EXCHANGE, TOPIC, durable=True)
EXCHANGES = {exchange.name: exchange for exchange in (REQUESTS, REPLIES, EVENTS)}


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue of one's own and what comes into it.

    ``expires`` and ``ttl`` are milliseconds: how long the queue outlives its reader, and a message waits in it.
    """

    exchange: Exchange
    queue: str
    keys: tuple[str, ...]
    expires: int
    ttl: int


def requests_to(node: str) -> Subscription:
    """What a node listens to; its name is part of the queue's, which is exclusive (CT-NODE-001)."""
    return Subscription(REQUESTS, f"{node}.{REQUEST_EXCHANGE}", ("",), expires=10_000, ttl=300_000)


def replies_to(key: str) -> Subscription:
    """What a controller listens to (CT-REQ-006)."""
    return Subscription(REPLIES, f"{key}.{REPLY_EXCHANGE}", (key,), expires=10_000, ttl=300_000)


def events_for(name: str, keys: Iterable[str]) -> Subscription:
    """What a monitor listens to; ``keys`` are routing keys with AMQP's wildcards, as ``#`` or ``worker.#``."""
    return Subscription(EVENTS, f"{EVENT_EXCHANGE}.{name}", tuple(keys), expires=60_000, ttl=5_000)


class Post(Protocol):
    """Sends, and receives what its subscription brings. Owned by one thread."""

    def filenos(self) -> Iterable[int]:
        """Descriptors that turn readable when ``receive`` has something to do."""

    def receive(self, timeout: float) -> list[Wire | InvalidMessage]:
        """What has come; waits up to so many seconds for the first. Raises ``BrokerUnavailable``."""

    def send(self, exchange: str, routing_key: str, wire: Wire) -> None:
        """Send and forget. Raises ``BrokerUnavailable``; what the broker refuses is lost, with a line in the log."""

    def tick(self) -> None:
        """Heartbeats; called about once a second. Raises ``BrokerUnavailable``."""

    def close(self) -> None:
        """End listening and give the connection back. May be called twice."""
