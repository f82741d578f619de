"""What the tests of Redis as a broker share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from celeriac import Message, Wire
from celeriac.transport.base import Delivery
from celeriac.transport.redis import RedisPublisher
from celeriac.transport.redis_consumer import RedisConsumer
from tests.support.waiting import eventually


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with closing(redis.Redis.from_url(redis_url)) as connection:
        yield connection


@pytest.fixture
def publisher(redis_url: str) -> Iterator[RedisPublisher]:
    with closing(RedisPublisher(redis_url)) as open_publisher:
        yield open_publisher


@pytest.fixture
def consumer(redis_url: str, redis_queue: str) -> Iterator[RedisConsumer]:
    with closing(RedisConsumer(redis_url, [redis_queue])) as open_consumer:
        yield open_consumer


def wire(number: int = 0, **fields: Any) -> Wire:
    return Message.create(task="t", id=f"task-{number}", args=(number,), origin="test", **fields).build()


def numbers(deliveries: list[Delivery]) -> list[int]:
    messages = [Message.parse(one.content) for one in deliveries if isinstance(one.content, Wire)]
    return [message.args[0] for message in messages]


@contextmanager
def without(command: str, client: Any, redis_url: str) -> Iterator[str]:
    """The URL of a user who may do anything but this command."""
    user = f"user-{uuid.uuid4().hex[:8]}"
    client.acl_setuser(
        user, enabled=True, passwords=["+pw"], keys=["*"], channels=["*"], commands=["+@all", f"-{command}"]
    )
    parts = urlsplit(redis_url)
    try:
        yield urlunsplit(parts._replace(netloc=f"{user}:pw@{parts.hostname}:{parts.port}"))
    finally:
        client.acl_deluser(user)


def receive(consumer: RedisConsumer, count: int, room: int | None = None) -> list[Delivery]:
    got: list[Delivery] = []

    def enough() -> bool:
        got.extend(consumer.receive(room or count))
        return len(got) >= count

    eventually(enough, f"{count} deliveries")
    return got
