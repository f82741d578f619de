"""The lock of beat on real brokers: one holder, claims once, free again when its holder is gone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta, timezone

import pytest

from celeriac import BrokerUnavailable
from celeriac.transport import Lock, open_lock
from celeriac.transport.redis_lock import RedisLock
from tests.conftest import Broker
from tests.support.proxy import Proxy
from tests.support.queues import forget_lock
from tests.support.waiting import eventually

DUE = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a lock that nobody else has; nothing is left of it."""
    fixture = next(found for found in ("broker", "amqp_url", "redis_url") if found in request.fixturenames)
    where = request.getfixturevalue(fixture)
    name = f"test-{uuid.uuid4().hex}"
    yield name
    forget_lock(where.url if isinstance(where, Broker) else where, name)


def test_one_has_it_at_a_time(broker: Broker, name: str) -> None:
    with ExitStack() as stack:
        first, second, other = (
            stack.enter_context(closing(open_lock(broker.url, at))) for at in (name, name, name + "x")
        )
        assert [lock.take() for lock in (first, second, first, second, other)] == [True, False, True, False, True]
        assert first.claim("a", DUE)
        assert not second.claim("a", DUE)
        first.close()
        eventually(second.take, "the lock is free")


def test_a_connection_that_is_lost_loses_it(amqp_url: str, name: str) -> None:
    with (
        Proxy(amqp_url) as proxy,
        closing(open_lock(proxy.url, name)) as first,
        closing(open_lock(amqp_url, name)) as second,
    ):
        assert first.take()
        proxy.cut()
        eventually(second.take, "the lock is free")
        assert not claims(first)
        assert second.claim("a", DUE)


def claims(lock: Lock) -> bool:
    try:
        return lock.claim("a", DUE)
    except BrokerUnavailable:
        return False


def test_a_holder_that_slept_claims_nothing(redis_url: str, name: str) -> None:
    with closing(RedisLock(redis_url, name, timeout=0.05)) as first, closing(open_lock(redis_url, name)) as second:
        assert first.take()
        eventually(second.take, "the time has run out")
        assert not first.claim("a", DUE)
        assert not first.take()
        first.close()
        assert second.claim("a", DUE), "closing gives back what is one's own alone"


def test_nothing_is_claimed_by_two(broker: Broker, name: str) -> None:
    with closing(open_lock(broker.url, name)) as first:
        assert first.take() and first.claimed() == {}
        assert first.claim("a", DUE)
        assert first.claim("a", DUE), "the same answer, where the first was lost"
        assert not first.claim("a", DUE - timedelta(microseconds=1))
        assert first.claim("b", DUE)
    with closing(open_lock(broker.url, name)) as second:
        eventually(second.take, "the lock is free")
        assert second.claimed() == {"a": DUE, "b": DUE}
        assert not second.claim("a", DUE)
        assert second.claim("a", DUE + timedelta(microseconds=1))


def test_who_does_not_have_it_claims_nothing(broker: Broker, name: str) -> None:
    with closing(open_lock(broker.url, name)) as first, closing(open_lock(broker.url, name)) as second:
        assert not first.claim("a", DUE)
        assert second.take() and not first.take()
        assert not first.claim("a", DUE)
