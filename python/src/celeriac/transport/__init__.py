"""Transports, chosen by the scheme of a URL. The only package that knows kombu, py-amqp and redis-py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from celeriac.errors import InvalidCall
from celeriac.transport.base import (
    CONNECT_TIMEOUT,
    ChordPart,
    Consumer,
    Delivery,
    Document,
    Gathered,
    GroupStore,
    Outgoing,
    Publisher,
    ResultReader,
    ResultStore,
    RoutedDelivery,
    Source,
)
from celeriac.transport.lock import TIMEOUT, Lock
from celeriac.transport.post import Post, Subscription, events_for, replies_to, requests_to
from celeriac.transport.urls import sanitized

__all__ = [
    "CONNECT_TIMEOUT",
    "ChordPart",
    "ClientLink",
    "Consumer",
    "Delivery",
    "Document",
    "Gathered",
    "GroupStore",
    "Lock",
    "Outgoing",
    "Post",
    "Publisher",
    "ResultReader",
    "ResultStore",
    "RoutedDelivery",
    "Source",
    "WorkerLink",
    "WorkerNeeds",
    "check_urls",
    "count_waiting",
    "counts_chords",
    "events_for",
    "open_client_link",
    "open_groups",
    "open_lock",
    "open_post",
    "open_reader",
    "open_worker_link",
    "purge",
    "replies_to",
    "requests_to",
    "sanitized",
]

AMQP, REDIS, RPC = "amqp", "redis", "rpc"

#: scheme -> transport
BROKERS: Mapping[str, str] = {
    "amqp": AMQP, "amqps": AMQP, "pyamqp": AMQP,
    "redis": REDIS, "rediss": REDIS, "redis+socket": REDIS,
}  # fmt: skip
BACKENDS: Mapping[str, str] = {"rpc": RPC, "redis": REDIS, "rediss": REDIS, "redis+socket": REDIS}


@dataclass(frozen=True, slots=True)
class ClientLink:
    """What a client holds of the broker: messages out, and news of them. Not for two threads at once."""

    publisher: Publisher
    post: Post

    def close(self) -> None:
        """Give the connection back. May be called twice."""
        self.post.close()
        self.publisher.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNeeds:
    """What a worker process wants of the broker and the result backend.

    ``result_expires`` and ``connect_timeout`` are in seconds. ``holder`` is a name that the process which takes over
    from this one will bear, for ``Consumer.recover``; ``siblings`` is how many processes beside it take from the same
    queues.
    """

    broker: str
    backend: str | None = None
    queues: Sequence[str] = ()
    prefetch: int = 1
    result_expires: int = 86_400
    holder: str = ""
    siblings: int = 0
    connect_timeout: float = CONNECT_TIMEOUT


@dataclass(frozen=True, slots=True)
class WorkerLink:
    """What a worker process holds of the broker: deliveries in, messages and result documents out, groups counted."""

    consumer: Consumer
    publisher: Publisher
    store: ResultStore | None
    post: Post
    groups: GroupStore | None = None

    def close(self) -> None:
        """Close all of it; what was not settled goes back to its queue. Raises as ``Consumer.close``."""
        with ExitStack() as closing:
            if self.groups is not None:
                closing.callback(self.groups.close)
            if self.store is not None:
                closing.callback(self.store.close)
            closing.callback(self.publisher.close)
            closing.callback(self.consumer.close)
            closing.callback(self.post.close)


def _kind(url: str, known: Mapping[str, str], what: str) -> str:
    try:
        parts = urlsplit(url)
        # Read for its error: a port that is no number.
        _ = parts.port
    except ValueError as error:
        raise InvalidCall(f"{what} {sanitized(url)!r} is no URL: {error}") from None
    if parts.scheme not in known:
        names = ", ".join(f"{name}://" for name in known)
        raise InvalidCall(f"{what} {sanitized(url)!r}: its scheme is none of {names}")
    return known[parts.scheme]


def check_urls(broker: str, backend: str | None) -> None:
    """Raise ``InvalidCall`` unless both URLs name a transport and fit together; connects to nothing."""
    kind = _kind(broker, BROKERS, "broker")
    if backend is not None and _kind(backend, BACKENDS, "backend") == RPC and kind != AMQP:
        raise InvalidCall("backend 'rpc://' sends results through an AMQP broker; name a redis:// backend instead")


def open_client_link(broker: str, *, connect_timeout: float = CONNECT_TIMEOUT, confirm: bool = True) -> ClientLink:
    """Connect for sending. Raises ``BrokerUnavailable`` within ``connect_timeout`` seconds.

    Without ``confirm`` nothing is waited for that is sent over AMQP; Redis answers in any case.
    """
    if _kind(broker, BROKERS, "broker") == AMQP:
        from celeriac.transport.amqp import AmqpPublisher
        from celeriac.transport.amqp_link import Link
        from celeriac.transport.amqp_post import AmqpPost
        from celeriac.transport.amqp_unconfirmed import UnconfirmedPublisher

        link = Link(broker, connect_timeout=connect_timeout)
        publisher = AmqpPublisher(link) if confirm else UnconfirmedPublisher(link)
        return ClientLink(publisher, AmqpPost(link, owns=False))
    from celeriac.transport.redis import RedisPublisher
    from celeriac.transport.redis_post import RedisPost

    pusher = RedisPublisher(broker, connect_timeout=connect_timeout)
    return ClientLink(pusher, RedisPost(broker, connect_timeout=connect_timeout))


def open_reader(
    broker: str,
    backend: str,
    reply_to: str,
    *,
    connect_timeout: float = CONNECT_TIMEOUT,
    is_end: Callable[[Document], bool] = lambda _document: False,
) -> ResultReader:
    """A reader of results; ``reply_to`` names the client's reply queue if the backend is rpc://.

    ``is_end`` says whether a document is the end of its task: over rpc:// none that comes later takes its place.
    """
    if _kind(backend, BACKENDS, "backend") == RPC:
        from celeriac.transport.amqp_link import Link
        from celeriac.transport.rpc import RpcReader

        return RpcReader(lambda: Link(broker, connect_timeout=connect_timeout), reply_to, is_end)
    from celeriac.transport.redis_results import RedisReader

    return RedisReader(backend, connect_timeout=connect_timeout)


def counts_chords(backend: str | None) -> bool:
    """Whether a backend can count the ends of a chord's members."""
    return backend is not None and _kind(backend, BACKENDS, "backend") == REDIS


def open_groups(backend: str, *, expires: int, connect_timeout: float = CONNECT_TIMEOUT) -> GroupStore:
    """The groups of a backend that counts chords. Connects when it is first used."""
    from celeriac.transport.redis_groups import RedisGroups

    return RedisGroups(backend, expires=expires, connect_timeout=connect_timeout)


def open_lock(broker: str, name: str, *, timeout: float = TIMEOUT) -> Lock:
    """A lock of this name on a broker, which a holder that falls silent loses after ``timeout`` seconds.

    Connects when it is first used.
    """
    if _kind(broker, BROKERS, "broker") == AMQP:
        from celeriac.transport.amqp_lock import AmqpLock

        return AmqpLock(broker, name, timeout=timeout)
    from celeriac.transport.redis_lock import RedisLock

    return RedisLock(broker, name, timeout=timeout)


def open_post(
    broker: str, subscription: Subscription | None = None, *, connect_timeout: float = CONNECT_TIMEOUT
) -> Post:
    """Connect for control and events. Raises ``BrokerUnavailable``; ``InvalidCall`` for a node name that is taken."""
    if _kind(broker, BROKERS, "broker") == REDIS:
        from celeriac.transport.redis_post import RedisPost

        return RedisPost(broker, subscription, connect_timeout=connect_timeout)
    from celeriac.transport.amqp_link import HEARTBEAT, Link
    from celeriac.transport.amqp_post import AmqpPost

    link = Link(broker, connect_timeout=connect_timeout, heartbeat=HEARTBEAT)
    try:
        return AmqpPost(link, subscription)
    except BaseException:
        link.close()
        raise


def open_worker_link(needs: WorkerNeeds) -> WorkerLink:
    """Connect a worker process. Raises ``BrokerUnavailable``; nothing stays open then."""
    kind = None if needs.backend is None else _kind(needs.backend, BACKENDS, "backend")
    patience = needs.connect_timeout
    with ExitStack() as opened:
        store: ResultStore | None = None
        groups: GroupStore | None = None
        if needs.backend is not None and kind == REDIS:
            from celeriac.transport.redis_results import RedisStore

            store = RedisStore(needs.backend, expires=needs.result_expires, connect_timeout=patience)
            opened.callback(store.close)
            groups = open_groups(needs.backend, expires=needs.result_expires, connect_timeout=patience)
            opened.callback(groups.close)
        is_redis = _kind(needs.broker, BROKERS, "broker") == REDIS
        link = _redis_link(needs, store) if is_redis else _amqp_link(needs, store, rpc=kind == RPC)
        opened.pop_all()
        return replace(link, groups=groups)


def _redis_link(needs: WorkerNeeds, store: ResultStore | None) -> WorkerLink:
    from celeriac.transport.redis import RedisPublisher
    from celeriac.transport.redis_consumer import RedisConsumer
    from celeriac.transport.redis_post import RedisPost

    patience = needs.connect_timeout
    with ExitStack() as opened:
        publisher = RedisPublisher(needs.broker, connect_timeout=patience)
        opened.callback(publisher.close)
        post = RedisPost(needs.broker, connect_timeout=patience)
        opened.callback(post.close)
        consumer = RedisConsumer(
            needs.broker,
            needs.queues,
            holder=needs.holder,
            prefetch=needs.prefetch,
            siblings=needs.siblings,
            connect_timeout=patience,
        )
        link = WorkerLink(consumer, publisher, store, post)
        opened.pop_all()
        return link


def _amqp_link(needs: WorkerNeeds, store: ResultStore | None, *, rpc: bool) -> WorkerLink:
    from celeriac.transport.amqp import AmqpPublisher, RpcStore
    from celeriac.transport.amqp_consumer import AmqpConsumer
    from celeriac.transport.amqp_link import HEARTBEAT, Link
    from celeriac.transport.amqp_post import AmqpPost

    link = Link(needs.broker, connect_timeout=needs.connect_timeout, heartbeat=HEARTBEAT)
    try:
        consumer = AmqpConsumer(link, needs.queues, needs.prefetch)
    except BaseException:
        link.close()
        raise
    publisher = AmqpPublisher(link, patient=True)
    return WorkerLink(consumer, publisher, RpcStore(link) if rpc else store, AmqpPost(link, owns=False))


def purge(broker: str, queue: str) -> int:
    """Delete the messages that wait in a queue; how many it were. Raises ``BrokerUnavailable``, ``InvalidCall``."""
    if _kind(broker, BROKERS, "broker") == AMQP:
        from celeriac.transport.amqp import purge_queue
    else:
        from celeriac.transport.redis import purge_queue
    return purge_queue(broker, queue)


def count_waiting(broker: str, queue: str) -> int | None:
    """Messages that wait in a queue; None when there is no such queue (Redis: 0). Raises ``BrokerUnavailable``."""
    if _kind(broker, BROKERS, "broker") == AMQP:
        from celeriac.transport.amqp import count_queue
    else:
        from celeriac.transport.redis import count_queue
    return count_queue(broker, queue)
