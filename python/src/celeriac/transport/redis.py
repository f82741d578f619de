"""Redis as a broker, on redis-py: kombu's lists and ``unacked`` bookkeeping, taken and settled in batches.

Source: spec/bindings/redis.md. Workers of Celery may share the queues: what is taken here stands in kombu's
``unacked`` hash and index at once, in the same atomic step that takes it off its list.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from kombu.utils.url import maybe_sanitize_url

from celeriac.envelope import Envelope, list_for, lists_for
from celeriac.errors import BrokerUnavailable, InvalidCall, InvalidMessage, PublishFailed
from celeriac.transport.base import CONNECT_TIMEOUT, Delivery, Outgoing

UNACKED = "unacked"
UNACKED_INDEX = "unacked_index"
UNACKED_MUTEX = "unacked_mutex"
#: Seconds after which a message whose worker fell silent goes back to its queue. Celery's default.
VISIBILITY_TIMEOUT = 3600.0
#: Seconds between renewals of what this worker holds and searches for what others left behind.
RENEW_INTERVAL = 30.0
RESTORE_LIMIT = 100
MUTEX_SECONDS = 300
#: Where Redis tells which watched keys have changed.
INVALIDATIONS = "__redis__:invalidate"

# KEYS: unacked, its index, then the lists in the order of their urgency. ARGV: how many, unix time now.
# Answers {number of the list, tag or false, item} each. What is not an envelope with a tag cannot be
# kept in ``unacked``; it is handed out without a tag and is off its list for good.
TAKE = """
local taken = {}
for list = 3, #KEYS do
  while #taken < tonumber(ARGV[1]) do
    local item = redis.call('RPOP', KEYS[list])
    if not item then break end
    local ok, envelope = pcall(cjson.decode, item)
    local properties = ok and type(envelope) == 'table' and envelope.properties
    local tag = type(properties) == 'table' and properties.delivery_tag
    if type(tag) == 'string' or type(tag) == 'number' then
      tag = tostring(tag)
      while redis.call('HEXISTS', KEYS[1], tag) == 1 do tag = tag .. '+' end
      local info = type(properties.delivery_info) == 'table' and properties.delivery_info or {}
      local exchange = type(info.exchange) == 'string' and info.exchange or ''
      local key = type(info.routing_key) == 'string' and info.routing_key or ''
      local entry = '[' .. item .. ', ' .. cjson.encode(exchange) .. ', ' .. cjson.encode(key) .. ']'
      redis.call('HSET', KEYS[1], tag, entry)
      redis.call('ZADD', KEYS[2], ARGV[2], tag)
      taken[#taken + 1] = {list - 2, tag, item}
    else
      taken[#taken + 1] = {list - 2, false, item}
    end
  end
end
return taken
"""

# KEYS: unacked, its index, the list. ARGV: tag, item. Back to the end that is taken from next, exactly once.
RESTORE = """
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('RPUSH', KEYS[3], ARGV[2])
  return 1
end
return 0
"""


def connect(url: str, *, connect_timeout: float = CONNECT_TIMEOUT, **options: Any) -> Any:
    """A ``redis.Redis`` for ``redis://``, ``rediss://`` or ``redis+socket://`` that connects when it is first used.

    Typed Any: redis-py's annotations give every answer as a union of all its modes.
    """
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        query = parse_qs(parts.query)
        database = int(query.get("virtual_host", query.get("db", ["0"]))[0].strip("/") or 0)
        password = unquote(parts.password) if parts.password else None
        path = unquote(parts.path)
        return redis.Redis(unix_socket_path=path, db=database, password=password, **options)
    return redis.Redis.from_url(url, socket_connect_timeout=connect_timeout, **options)


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
            if outgoing.exchange:
                raise InvalidCall(
                    f"exchange {outgoing.exchange!r}: Redis routes by queue alone; leave exchange out and name a queue"
                )
            envelope = Envelope(
                wire=outgoing.wire,
                delivery_tag=str(uuid.uuid4()),
                exchange=outgoing.exchange,
                routing_key=outgoing.routing_key,
                body_encoding="base64",
            )
            priority = outgoing.wire.properties.get("priority")
            pipeline.lpush(list_for(outgoing.routing_key, priority), envelope.build())
        try:
            pipeline.execute()
        except redis.RedisError as error:
            raise PublishFailed(
                f"Redis at {maybe_sanitize_url(self._url)} did not take the message: {error}"
            ) from error

    def close(self) -> None:
        """See ``Publisher.close``."""
        self._client.close()


class RedisConsumer:
    """Takes from the lists of its queues, most urgent first, and keeps kombu's books (BR-REDIS).

    It is told of new messages by Redis' key tracking (CLIENT TRACKING, Redis 6 and later), so that waiting
    takes nothing off a list and costs nothing. While this worker lives it renews the deliveries it holds; those
    of a worker that fell silent go back to their queue after VISIBILITY_TIMEOUT.
    """

    def __init__(self, url: str, queues: Sequence[str], *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._url = url
        self._lists = [(key, queue) for queue in queues for key in lists_for(queue)]
        # The most urgent list of every queue before the next urgent ones.
        self._lists.sort(key=lambda pair: lists_for(pair[1]).index(pair[0]))
        self._keys = [key for key, _ in self._lists]
        self._held: dict[str, Delivery] = {}
        self._items: dict[str, tuple[str, bytes]] = {}
        self._renewed = time.monotonic()
        self._news = True
        with translated(url):
            # RESP2: in RESP3 the news would come to the connection that asked, among its answers.
            self._client = connect(url, connect_timeout=connect_timeout, single_connection_client=True, protocol=2)
            self._listener: Any = self._client.connection_pool.get_connection()
            self._take = self._client.register_script(TAKE)
            self._restore = self._client.register_script(RESTORE)
            self._track()

    def _track(self) -> None:
        listener_id = self._ask_listener("CLIENT", "ID")
        self._ask_listener("SUBSCRIBE", INVALIDATIONS)
        self._client.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", str(listener_id), "NOLOOP")

    def _ask_listener(self, *command: str) -> Any:
        self._listener.send_command(*command)
        return self._listener.read_response()

    def filenos(self) -> Iterable[int]:
        """See ``Consumer.filenos``."""
        return (self._listener._sock.fileno(),)

    def receive(self, room: int) -> list[Delivery]:
        """See ``Consumer.receive``."""
        with translated(self._url):
            while self._listener.can_read(timeout=0):
                self._listener.read_response()
                self._news = True
            deliveries: list[Delivery] = []
            while self._news and len(deliveries) < room:
                wanted = room - len(deliveries)
                taken = self._take_up_to(wanted)
                deliveries += taken
                # Asking whether the lists exist is what makes Redis tell of their next change.
                if len(taken) < wanted and not self._client.exists(*self._keys):
                    self._news = False
            return deliveries

    def _take_up_to(self, count: int) -> list[Delivery]:
        rows = self._take(keys=[UNACKED, UNACKED_INDEX, *self._keys], args=[count, time.time()])
        return [self._delivery(self._lists[number - 1], tag, item) for number, tag, item in rows]

    def _delivery(self, place: tuple[str, str], tag: bytes | None, item: bytes) -> Delivery:
        key, queue = place
        try:
            content: Any = Envelope.parse(item).wire
            redelivered = content.headers.get("redelivered") is True
        except InvalidMessage as error:
            content, redelivered = error, False
        name = tag.decode() if tag is not None else None
        delivery = Delivery(content, name, queue, redelivered)
        if name is not None:
            self._held[name] = delivery
            self._items[name] = (key, item)
        return delivery

    def settle(self, acked: Sequence[Delivery], rejected: Sequence[Delivery], returned: Sequence[Delivery]) -> None:
        """See ``Consumer.settle``. Redis has no dead-letter queues: what is rejected is gone."""
        with translated(self._url):
            done = [delivery.tag for delivery in (*acked, *rejected) if delivery.tag is not None]
            pipeline = self._client.pipeline(transaction=True)
            if done:
                pipeline.hdel(UNACKED, *done)
                pipeline.zrem(UNACKED_INDEX, *done)
            # The last taken goes back first, so that the order stays.
            for delivery in reversed(returned):
                if delivery.tag is not None:
                    key, item = self._items[delivery.tag]
                    self._restore(keys=[UNACKED, UNACKED_INDEX, key], args=[delivery.tag, item], client=pipeline)
            pipeline.execute()
        for delivery in (*acked, *rejected, *returned):
            self._held.pop(delivery.tag, None)
            self._items.pop(delivery.tag, None)

    def tick(self) -> None:
        """Renew what is held; give back what silent workers left behind."""
        if time.monotonic() - self._renewed < RENEW_INTERVAL:
            return
        self._renewed = time.monotonic()
        with translated(self._url):
            if self._held:
                self._client.zadd(UNACKED_INDEX, dict.fromkeys(self._held, time.time()), xx=True)
            self.restore_abandoned(VISIBILITY_TIMEOUT)
            # A safety net under the tracking: a change that was not told would be found here.
            self._news = True

    def restore_abandoned(self, older_than: float) -> int:
        """Put deliveries that nobody renewed for ``older_than`` seconds back on their lists; how many it were."""
        if not self._client.set(UNACKED_MUTEX, "1", nx=True, ex=MUTEX_SECONDS):
            return 0
        try:
            limit = time.time() - older_than
            tags = self._client.zrangebyscore(UNACKED_INDEX, "-inf", limit, start=0, num=RESTORE_LIMIT)
            return sum(self._restore_one(tag) for tag in tags if tag.decode() not in self._held)
        finally:
            self._client.delete(UNACKED_MUTEX)

    def _restore_one(self, tag: bytes) -> bool:
        entry = self._client.hget(UNACKED, tag)
        if entry is None:
            self._client.zrem(UNACKED_INDEX, tag)
            return False
        try:
            envelope, exchange, routing_key = json.loads(entry)
            if exchange or not isinstance(routing_key, str):
                # Through an exchange of kombu's: its own workers know the binding and give it back.
                return False
            envelope["headers"]["redelivered"] = True
            envelope["properties"]["delivery_info"]["redelivered"] = True
            key = list_for(routing_key, envelope["properties"].get("priority"))
        except (ValueError, TypeError, KeyError):
            return False
        return bool(self._restore(keys=[UNACKED, UNACKED_INDEX, key], args=[tag, json.dumps(envelope)]))

    def hold(self, held: int) -> None:
        """Nothing to do: the caller's ``room`` is the window."""

    def close(self) -> None:
        """Give back what is held, then close."""
        with contextlib.suppress(BrokerUnavailable):
            self.settle((), (), list(self._held.values()))
        self._listener.disconnect()
        self._client.close()


def purge_queue(broker: str, queue: str) -> int:
    """Delete the messages that wait in a queue, of all priorities."""
    with translated(broker), connect(broker) as client:
        pipeline = client.pipeline(transaction=True)
        keys = lists_for(queue)
        for key in keys:
            pipeline.llen(key)
        pipeline.delete(*keys)
        return int(sum(pipeline.execute()[:-1]))
