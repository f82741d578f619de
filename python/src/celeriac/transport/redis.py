"""Redis as a broker, on redis-py: connections, and publishing onto kombu's lists (BR-REDIS)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from celeriac.envelope import lists_for
from celeriac.errors import BrokerUnavailable, InvalidCall, PublishFailed
from celeriac.transport.base import CONNECT_TIMEOUT, Outgoing, chunks
from celeriac.transport.redis_line import Line, accepted, ask
from celeriac.transport.redis_moulds import item_of, list_of
from celeriac.transport.urls import sanitized

#: Seconds to wait for any answer before the connection counts as lost.
SILENCE_TIMEOUT = 30.0
#: Bytes of messages after which a command is full: the server serves nobody else while it runs.
CHUNK = 1 << 16
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
            f"cannot use Redis at {sanitized(url)}: {error}; is it running, and are address, password "
            "and database number right?"
        ) from error


class RedisPublisher:
    """Pushes envelopes onto the lists of their queues, many per round trip (BR-REDIS)."""

    def __init__(self, url: str, *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._url = url
        self._client = connect(url, connect_timeout=connect_timeout, protocol=2)
        with translated(url):
            self._line = Line(self._client)

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """See ``Publisher.publish``. Redis has no exchanges: a message that names one raises ``InvalidCall``."""
        lists: dict[bytes, list[bytes]] = {}
        # All before the first is sent: a mistake in one of them sends none.
        for outgoing in batch:
            lists.setdefault(_list(outgoing), []).append(_item(outgoing))
        try:
            pushes = [("LPUSH", name, *chunk) for name, items in lists.items() for chunk in chunks(items, CHUNK)]
            accepted(ask(self._line.up(), pushes))
        except (redis.RedisError, OSError) as error:
            raise PublishFailed(f"Redis at {sanitized(self._url)} did not take the message: {error}") from error

    def is_alive(self) -> bool:
        """See ``Publisher.is_alive``. A connection that was closed meanwhile is made anew when it is used."""
        return True

    def close(self) -> None:
        """See ``Publisher.close``."""
        self._line.close()
        self._client.close()


def _list(outgoing: Outgoing) -> bytes:
    try:
        return list_of(outgoing.wire, outgoing.routing_key).encode()
    except UnicodeEncodeError as error:
        raise InvalidCall(f"queue {outgoing.routing_key!r:.80} is no text in UTF-8; name another") from error


def _item(outgoing: Outgoing) -> bytes:
    if outgoing.exchange:
        raise InvalidCall(
            f"exchange {outgoing.exchange!r}: Redis routes by queue alone; leave exchange out and name a queue"
        )
    return item_of(outgoing.wire, outgoing.routing_key)


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
