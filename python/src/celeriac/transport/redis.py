"""Redis as a broker, on redis-py: connections, and publishing onto kombu's lists (BR-REDIS)."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from kombu.utils.url import maybe_sanitize_url
from redis.backoff import NoBackoff
from redis.retry import Retry

from celeriac.envelope import Envelope, list_for, lists_for
from celeriac.errors import BrokerUnavailable, InvalidCall, PublishFailed
from celeriac.transport.base import CONNECT_TIMEOUT, Outgoing

#: Seconds to wait for any answer before the connection counts as lost.
SILENCE_TIMEOUT = 30.0
#: Before an exchange's name: the set of its bindings. A member is routing key, pattern and queue.
BINDING = "_kombu.binding."
SEPARATOR = "\x06\x16"


def connect(url: str, *, connect_timeout: float = CONNECT_TIMEOUT, **options: Any) -> Any:
    """A ``redis.Redis`` for ``redis://``, ``rediss://`` or ``redis+socket://`` that connects when it is first used.

    Typed Any: redis-py's annotations give every answer as a union of all its modes.
    """

    def greet(connection: Any) -> None:
        # A server that takes the connection and says nothing is as good as none.
        connection._sock.settimeout(connect_timeout)
        connection.on_connect()
        connection._sock.settimeout(SILENCE_TIMEOUT)

    settings: dict[str, Any] = {
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": SILENCE_TIMEOUT,
        "redis_connect_func": greet,
        # By itself redis-py would send a command again whose answer was lost, and so a message twice.
        "retry": Retry(NoBackoff(), 0),
        **options,
    }
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return redis.Redis.from_url(url, **settings)
    query = parse_qs(parts.query)
    database = int(query.get("virtual_host", query.get("db", ["0"]))[0].strip("/") or 0)
    password = unquote(parts.password) if parts.password else None
    return redis.Redis(unix_socket_path=unquote(parts.path), db=database, password=password, **settings)


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn the driver's errors into ``BrokerUnavailable``."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise BrokerUnavailable(
            f"cannot use Redis at {maybe_sanitize_url(url)}: {error}; is it running, and are address, password "
            "and database number right?"
        ) from error


class RedisPublisher:
    """Pushes envelopes onto the lists of their queues, many per round trip (BR-REDIS)."""

    def __init__(self, url: str, *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._url = url
        self._client = connect(url, connect_timeout=connect_timeout)
        with translated(url):
            self._client.ping()

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """See ``Publisher.publish``. Redis has no exchanges: a message that names one raises ``InvalidCall``."""
        pipeline = self._client.pipeline(transaction=False)
        for outgoing in batch:
            priority = outgoing.wire.properties.get("priority")
            pipeline.lpush(list_for(outgoing.routing_key, priority), _item(outgoing))
        try:
            pipeline.execute()
        except (redis.RedisError, OSError) as error:
            raise PublishFailed(
                f"Redis at {maybe_sanitize_url(self._url)} did not take the message: {error}"
            ) from error

    def is_alive(self) -> bool:
        """See ``Publisher.is_alive``. redis-py connects anew by itself when an idle connection was closed."""
        return True

    def close(self) -> None:
        """See ``Publisher.close``."""
        self._client.close()


def _item(outgoing: Outgoing) -> bytes:
    if outgoing.exchange:
        raise InvalidCall(
            f"exchange {outgoing.exchange!r}: Redis routes by queue alone; leave exchange out and name a queue"
        )
    envelope = Envelope(
        wire=outgoing.wire,
        delivery_tag=str(uuid.uuid4()),
        exchange="",
        routing_key=outgoing.routing_key,
        body_encoding="base64",
    )
    return envelope.build()


def purge_queue(broker: str, queue: str) -> int:
    """Delete the messages that wait in a queue, of all priorities."""
    with translated(broker), connect(broker) as client:
        pipeline = client.pipeline(transaction=True)
        keys = lists_for(queue)
        for key in keys:
            pipeline.llen(key)
        pipeline.delete(*keys)
        return int(sum(pipeline.execute()[:-1]))


def count_queue(broker: str, queue: str) -> int | None:
    """Messages that wait in a queue, of all priorities."""
    with translated(broker), connect(broker) as client:
        return sum(int(client.llen(key)) for key in lists_for(queue))
