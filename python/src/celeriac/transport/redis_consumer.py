"""Consuming from kombu's lists in Redis, with kombu's ``unacked`` bookkeeping, in batches (BR-REDIS).

Workers of Celery may share the queues: what is taken here stands in the ``unacked`` hash and index at once, in the
same atomic step that takes it off its list.
"""

from __future__ import annotations

import json
import logging
import math
import ssl
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import redis

from celeriac.envelope import Envelope, list_for, lists_for
from celeriac.errors import InvalidMessage
from celeriac.message import Wire
from celeriac.transport.base import CONNECT_TIMEOUT, Delivery, RoutedDelivery, Source
from celeriac.transport.casts import Casts
from celeriac.transport.redis import BINDING, SEPARATOR, connect, translated
from celeriac.transport.redis_attendance import HELD, Attendance
from celeriac.transport.redis_casts import cast_of
from celeriac.transport.redis_line import Call, Command, Dialogue, accepted
from celeriac.transport.redis_take import RESTORE, TAKE

logger = logging.getLogger("celeriac.transport")

UNACKED = "unacked"
UNACKED_INDEX = "unacked_index"
UNACKED_MUTEX = "unacked_mutex"
#: Seconds after which a message whose worker fell silent goes back to its queue. Celery's default.
VISIBILITY_TIMEOUT = 3600.0
#: Seconds that the tags of a holder outlive their last renewal: by then all of it has gone back.
HELD_EXPIRES = int(2 * VISIBILITY_TIMEOUT)
#: Seconds between renewals of what this worker holds and searches for what others left behind; the first is at once.
RENEW_INTERVAL = 10.0
RESTORE_LIMIT = 100
#: Messages that are taken in one step: nobody else is served meanwhile, and Lua can pass few thousand.
BATCH = 100
MUTEX_SECONDS = 300
#: Where Redis tells which watched keys have changed.
INVALIDATIONS = "__redis__:invalidate"
#: Bytes of them to read at a time.
NEWS = 4096
#: How kombu marks, as a header and in the delivery information, what is given back.
REDELIVERED = "redelivered"


class RedisConsumer:
    """Takes from the lists of its queues, most urgent first, and keeps kombu's books. Implements ``Consumer``.

    It is told of new messages by Redis' key tracking (CLIENT TRACKING, Redis 6 and later), so that waiting
    takes nothing off a list and costs nothing; where Redis does not offer it, it looks about once a second. While this
    worker lives it renews the deliveries it holds; those of a worker that fell silent go back to their queue after
    VISIBILITY_TIMEOUT, those of one of ours whose connection is gone after GONE_AFTER, those of one whose name a new
    consumer bears at once (``recover``): what is taken is noted under ``holder`` in the same atomic step.

    ``prefetch`` is the ``room`` of who holds nothing. Who does leaves ``siblings`` messages on the lists, one for each
    process beside it: one that idles there would otherwise find nothing, while this one keeps them waiting.
    """

    def __init__(
        self,
        url: str,
        queues: Sequence[str],
        *,
        holder: str = "",
        prefetch: int = 1,
        siblings: int = 0,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self._url = url
        self._books = HELD + (holder or uuid.uuid4().hex)
        self._read_from(queues)
        self._casts = Casts(cast_of)
        self._held: dict[bytes, tuple[str, bytes]] = {}
        self._prefetch = prefetch
        self._siblings = siblings
        self._renewed = -math.inf
        self._news = True
        self._cancelled = not queues
        with translated(url):
            # RESP2: in RESP3 the news would come to the connection that asked, among its answers.
            client = connect(url, connect_timeout=connect_timeout, single_connection_client=True, protocol=2)
            self._dialogue = Dialogue(client)
            self._listener: Any = client.connection_pool.make_connection()
            self._listener.connect()
            self._tracked = self._track()
            #: From here on it is read from without redis-py, and never waited for.
            self._ear = self._listener._sock
            self._ear.settimeout(0)
            self._attendance = Attendance(self._dialogue, self._books) if queues else None

    def _read_from(self, queues: Sequence[str]) -> None:
        self._lists = [(key, queue) for queue in queues for key in lists_for(queue)]
        # The most urgent list of every queue before the next urgent ones.
        self._lists.sort(key=lambda pair: lists_for(pair[1]).index(pair[0]))
        self._keys = [UNACKED, UNACKED_INDEX, self._books, *(key for key, _ in self._lists)]
        # As if sent to the queue by its name: that is where it goes back to.
        self._ends = [f', "", {json.dumps(queue)}]' for _, queue in self._lists]

    def _track(self) -> bool:
        """Have Redis tell the listener when a list changes; False where it does not offer that."""
        try:
            listener_id = self._ask_listener("CLIENT", "ID")
            self._ask_listener("SUBSCRIBE", INVALIDATIONS)
            self._dialogue.client.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", str(listener_id), "NOLOOP")
        except redis.ResponseError as error:
            logger.warning("Redis does not tell of new messages (%s): looking for them once a second", error)
            return False
        return True

    def _ask_listener(self, *command: str) -> Any:
        self._listener.send_command(*command)
        return self._listener.read_response()

    def filenos(self) -> Iterable[int]:
        """See ``Consumer.filenos``."""
        return (self._ear.fileno(),)

    def receive(self, room: int) -> list[Delivery]:
        """See ``Consumer.receive``."""
        with translated(self._url):
            self._hear()
            deliveries: list[Delivery] = []
            while self._news and not self._cancelled and len(deliveries) < room:
                wanted = room - len(deliveries)
                idle = wanted >= self._prefetch
                most = min(wanted, BATCH)
                taken, more = self._take_up_to(most, idle)
                deliveries += taken
                if len(taken) < most and not more:
                    self._news = False
                elif self._siblings and not idle:
                    # What is there is the siblings'; we look again when a task has ended.
                    break
            return deliveries

    def _hear(self) -> None:
        """Take what has come: whatever it is, a list has changed."""
        try:
            while self._ear.recv(NEWS):
                self._news = True
        except (BlockingIOError, ssl.SSLWantReadError):
            self._news = self._news or not self._tracked
        else:
            raise redis.ConnectionError("the server closed the connection")

    def _take_up_to(self, count: int, idle: bool) -> tuple[list[Delivery], bool]:
        """Take; and whether there is more."""
        limits = (count, int(idle), self._siblings)
        call = TAKE.call(self._keys, (*limits, _now(), HELD_EXPIRES, f"{time.time_ns()}.", *self._ends))
        ((lists, tags, more),) = self._dialogue.run([call])
        taken = [(place, item) for place, items in zip(self._lists, lists, strict=True) for item in reversed(items)]
        return [self._delivery(place, tag, item) for (place, item), tag in zip(taken, tags, strict=True)], bool(more)

    def _delivery(self, place: tuple[str, str], tag: bytes | None, item: bytes) -> Delivery:
        key, queue = place
        if tag is not None:
            self._held[tag] = (key, item)
        wire = self._casts.wire(item)
        if wire is not None:
            return Delivery(wire, tag, queue)
        try:
            envelope = Envelope.parse(item)
        except InvalidMessage as error:
            return Delivery(error, tag if self._keeps(tag, item) else None, queue)
        plain, redelivered = _unmarked(envelope.wire)
        if envelope.exchange:
            return RoutedDelivery(plain, tag, queue, redelivered, 0, (envelope.exchange, envelope.routing_key))
        self._casts.learn(item, envelope.wire)
        return Delivery(plain, tag, queue, redelivered)

    def _keeps(self, tag: bytes | None, item: bytes) -> bool:
        """Whether an item that is no envelope as we want it can stay in ``unacked``: others could give it back."""
        if tag is None or _is_entry(b'[%s, "", ""]' % item):
            return True
        # Workers of Celery would stumble over its entry.
        self._forget([tag], self._books)
        del self._held[tag]
        return False

    def _forget(self, tags: Sequence[bytes], books: str) -> None:
        """Strike tags out of all books."""
        accepted(self._dialogue.ask(_removal(tags, books)))

    def settle(self, acked: Sequence[Delivery], rejected: Sequence[Delivery], returned: Sequence[Delivery]) -> None:
        """See ``Consumer.settle``. Redis has no dead-letter queues: what is rejected is gone.

        As on AMQP, what is done is written and not waited for: a task that is acknowledged early runs when that is on
        its way. What Redis refuses is raised by whatever is asked next, ``tick`` at the latest, or ``close``, and comes
        again.
        """
        done = [delivery.tag for delivery in (*acked, *rejected) if delivery.tag is not None]
        back = [delivery.tag for delivery in returned if delivery.tag is not None]
        if not done and not back:
            return
        with translated(self._url):
            if done:
                self._dialogue.tell(_removal(done, self._books))
            if back:
                # The last taken goes back first, so that the order stays.
                self._dialogue.run([self._return(tag) for tag in reversed(back)])
        for tag in (*done, *back):
            del self._held[tag]
        # Whether or not Redis tells a connection of what it did itself.
        self._news = self._news or bool(back)

    def _return(self, tag: bytes) -> Call:
        key, item = self._held[tag]
        return RESTORE.call([UNACKED, UNACKED_INDEX, self._books, key], [tag, _marked(item)])

    def tick(self) -> None:
        """Renew what is held; give back what silent workers left behind."""
        with translated(self._url):
            self._dialogue.collect()
        if time.monotonic() - self._renewed < RENEW_INTERVAL:
            return
        self._renewed = time.monotonic()
        with translated(self._url):
            if self._held:
                self._dialogue.client.zadd(UNACKED_INDEX, dict.fromkeys(self._held, _now()), xx=True)
                self._dialogue.client.expire(self._books, HELD_EXPIRES)
            self.restore_abandoned(VISIBILITY_TIMEOUT)
            self._restore_from_the_gone()
            # A safety net under the tracking: a change that was not told would be found here.
            self._news = True

    def restore_abandoned(self, older_than: float) -> int:
        """Put deliveries that nobody renewed for ``older_than`` seconds back on their lists; how many it were."""
        if not self._dialogue.client.set(UNACKED_MUTEX, "1", nx=True, ex=MUTEX_SECONDS):
            return 0
        try:
            limit = time.time() - older_than
            tags = self._dialogue.client.zrangebyscore(UNACKED_INDEX, "-inf", limit, start=0, num=RESTORE_LIMIT)
            return sum(self._restore_one(tag, self._books) for tag in tags if tag not in self._held)
        finally:
            self._dialogue.client.delete(UNACKED_MUTEX)

    def _restore_from_the_gone(self) -> None:
        if self._attendance is None:
            return
        for books in self._attendance.gone():
            self._restore_all(books)
            self._attendance.strike_out(books)

    def recover(self) -> None:
        """See ``Consumer.recover``."""
        with translated(self._url):
            self._restore_all(self._books)
            self._news = True

    def _restore_all(self, books: str) -> None:
        """Put back what a holder had taken that is no more."""
        # The last taken goes back first, so that the order stays.
        for tag in _last_first(self._dialogue.client.hgetall(books)):
            if tag not in self._held:
                self._drop_unreadable(tag, books)
                self._restore_one(tag, books)
                # It may have been settled, or gone back, without having been struck out. Or be held again, by another.
                self._dialogue.client.hdel(books, tag)

    def _drop_unreadable(self, tag: bytes, books: str) -> None:
        """Strike out an entry that its holder would have struck out at once, had it not died."""
        entry = self._dialogue.client.hget(UNACKED, tag)
        if entry is not None and not _is_entry(entry):
            self._forget([tag], books)

    def _restore_one(self, tag: bytes, books: str) -> bool:
        entry = self._dialogue.client.hget(UNACKED, tag)
        if entry is None:
            self._dialogue.client.zrem(UNACKED_INDEX, tag)
            return False
        try:
            envelope, exchange, queue = json.loads(entry)
            if exchange or not isinstance(queue, str):
                # Through an exchange of kombu's: its own workers know the binding and give it back.
                return False
            key = list_for(queue, envelope["properties"].get("priority"))
            item = _marked(json.dumps(envelope).encode())
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        (restored,) = self._dialogue.run([RESTORE.call([UNACKED, UNACKED_INDEX, books, key], [tag, item])])
        return bool(restored)

    def hold(self, held: int) -> None:
        """Nothing to do: the caller's ``room`` is the window."""

    def consume(self, sources: Sequence[Source]) -> None:
        """See ``Consumer.consume``. A binding is kombu's: its producers look queues up there."""
        with translated(self._url):
            for source in sources:
                if source.exchange:
                    member = SEPARATOR.join((source.routing_key, "", source.queue))
                    self._dialogue.client.sadd(BINDING + source.exchange, member)
        self._read_from([source.queue for source in sources])
        self._cancelled = not sources
        self._news = True

    def cancel(self) -> None:
        """See ``Consumer.cancel``."""
        self._cancelled = True

    def close(self) -> None:
        """See ``Consumer.close``. Raises ``BrokerUnavailable``, too, when what was settled last may not have been."""
        try:
            self.settle((), (), [Delivery(_NOTHING, tag, "") for tag in self._held])
            with translated(self._url):
                self._dialogue.collect()
        finally:
            self._listener.disconnect()
            self._dialogue.close()


_NOTHING = Wire(b"", None, None, {}, {})


def _now() -> int:
    # Whole seconds: in a small index, Redis compares them much faster than fractions.
    return int(time.time())


def _removal(tags: Sequence[bytes], books: str) -> list[Command]:
    """What strikes tags out of all books."""
    strikes = (("HDEL", UNACKED, *tags), ("ZREM", UNACKED_INDEX, *tags), ("HDEL", books, *tags))
    return [("MULTI",), *strikes, ("EXEC",)]


def _last_first(places: Mapping[bytes, bytes]) -> list[bytes]:
    """Tags by their places in the order in which they were taken."""
    return sorted(places, key=places.__getitem__, reverse=True)


def _is_entry(entry: bytes) -> bool:
    """Whether workers of Celery could read what lies in ``unacked``: three values in JSON."""
    try:
        return len(json.loads(entry)) == 3
    except (ValueError, TypeError, RecursionError):
        return False


def _unmarked(wire: Wire) -> tuple[Wire, bool]:
    """The message without the mark of a redelivery, which would stick to its retries, and whether it was there."""
    if REDELIVERED not in wire.headers:
        return wire, False
    headers = {name: value for name, value in wire.headers.items() if name != REDELIVERED}
    return replace(wire, headers=headers), wire.headers[REDELIVERED] is True


def _marked(item: bytes) -> bytes:
    """The list item, marked as kombu marks what is given back; as it is if it cannot be read."""
    try:
        envelope = json.loads(item)
        envelope["headers"][REDELIVERED] = True
        envelope["properties"]["delivery_info"][REDELIVERED] = True
        return json.dumps(envelope).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return item
