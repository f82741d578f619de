"""What a worker held that was killed with all its processes goes back, and nothing of one that is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from celeriac.transport import Outgoing, redis_attendance, redis_consumer
from celeriac.transport.redis import RedisPublisher
from celeriac.transport.redis_attendance import HELD, HOLDERS, LOOKED
from celeriac.transport.redis_consumer import RedisConsumer
from tests.contract.redis_parts import client, consumer, numbers, publisher, receive, wire, without
from tests.support.queues import redis_length
from tests.support.waiting import eventually

__all__ = ["client", "consumer", "publisher"]


@pytest.fixture
def looks(client: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[RedisConsumer], None]:
    """Has a consumer look for what is left behind, whoever looked last; who is away for a second is gone."""
    monkeypatch.setattr(redis_attendance, "GONE_AFTER", 1)
    monkeypatch.setattr(redis_consumer, "RENEW_INTERVAL", 0)

    def look(consumer: RedisConsumer) -> None:
        client.delete(LOOKED)
        consumer.tick()

    return look


def test_what_a_killed_worker_held_goes_back_when_its_connection_is_gone(
    publisher: RedisPublisher,
    redis_url: str,
    client: Any,
    redis_queue: str,
    looks: Callable[[RedisConsumer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(3)])
    killed = RedisConsumer(redis_url, [redis_queue], holder=redis_queue)
    receive(killed, 2)
    killed._listener.disconnect()
    killed._dialogue.close()
    with closing(RedisConsumer(redis_url, [redis_queue])) as other:
        monkeypatch.setattr(redis_attendance, "GONE_AFTER", 3600)
        looks(other)
        assert redis_length(client, redis_queue) == 1, "it may be back soon"
        monkeypatch.setattr(redis_attendance, "GONE_AFTER", 1)

        def went_back() -> bool:
            looks(other)
            return redis_length(client, redis_queue) == 3

        eventually(went_back, "what it held goes back")
        again = receive(other, 3)
        assert [(number, one.redelivered) for number, one in zip(numbers(again), again, strict=True)] == [
            (0, True), (1, True), (2, False),
        ]  # fmt: skip
        assert client.zscore(HOLDERS, HELD + redis_queue) is None
        other.settle(again, (), ())


def test_who_is_connected_is_not_gone_however_long_it_said_nothing(
    publisher: RedisPublisher,
    consumer: RedisConsumer,
    redis_url: str,
    client: Any,
    redis_queue: str,
    looks: Callable[[RedisConsumer], None],
) -> None:
    publisher.publish([Outgoing(wire(), redis_queue)])
    (delivery,) = receive(consumer, 1)
    client.zadd(HOLDERS, {consumer._books: 1000})
    with closing(RedisConsumer(redis_url, [redis_queue])) as other:
        looks(other)
    assert redis_length(client, redis_queue) == 0
    assert abs(client.zscore(HOLDERS, consumer._books) - time.time()) < 5
    consumer.settle([delivery], (), ())


def test_nobody_is_gone_where_redis_was_away(
    redis_url: str, client: Any, redis_queue: str, looks: Callable[[RedisConsumer], None], monkeypatch: Any
) -> None:
    monkeypatch.setattr(redis_attendance, "GONE_AFTER", client.info("server")["uptime_in_seconds"] + 3600)
    client.zadd(HOLDERS, {HELD + redis_queue: 1000})
    with closing(RedisConsumer(redis_url, [redis_queue])) as other:
        looks(other)
    assert client.zrem(HOLDERS, HELD + redis_queue) == 1


def test_where_nobody_may_list_clients(
    redis_url: str, client: Any, redis_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    with without("client|list", client, redis_url) as url:
        with closing(RedisConsumer(url, [redis_queue], holder=redis_queue)) as limited:
            limited.tick()
            assert client.zscore(HOLDERS, HELD + redis_queue) is None
        assert "messages of dead workers wait" in caplog.text
