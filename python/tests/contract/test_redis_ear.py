"""Connections to hear what is published on Redis: kept, and made anew where they were lost."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import redis

from celeriac import BrokerUnavailable, InvalidMessage
from celeriac.transport.base import Document
from celeriac.transport.redis_ear import IDLE, Ears
from celeriac.transport.redis_results import KEY_PREFIX, RedisReader
from tests.support.waiting import eventually


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def ears(redis_url: str) -> Iterator[Ears]:
    with closing(Ears(redis_url, connect_timeout=30)) as ears:
        yield ears


def heard(ears: Ears, client: Any, channel: str) -> str:
    """The connection on which something was heard."""
    with ears.on(channel) as ear:
        assert client.publish(channel, "x") == 1, "from here on nothing is missed"
        ear.hear(30)
        return str(ear._connection._sock.getsockname())


def test_a_connection_is_kept_and_leaves_its_channel(ears: Ears, client: Any) -> None:
    first, second = (f"ear-{uuid.uuid4()}" for _ in range(2))
    assert heard(ears, client, first) == heard(ears, client, second)
    eventually(lambda: client.pubsub_numsub(first, second) == [(first.encode(), 0), (second.encode(), 0)], "both left")


def test_what_was_published_before_says_nothing_of_the_next_channel(ears: Ears, client: Any) -> None:
    first, second = (f"ear-{uuid.uuid4()}" for _ in range(2))
    with ears.on(first) as ear:
        client.publish(first, "not heard")
    with ears.on(second) as again:
        assert again is ear
        assert again._next(0) is None


def test_a_connection_that_was_lost_meanwhile_is_made_anew(ears: Ears, client: Any) -> None:
    channel = f"ear-{uuid.uuid4()}"
    lost = heard(ears, client, channel)
    port = lost.rpartition(", ")[2].rstrip(")")
    (address,) = [one["addr"] for one in client.client_list() if one["addr"].endswith(f":{port}")]
    client.client_kill(address)
    eventually(lambda: address not in [one["addr"] for one in client.client_list()], "it is closed")
    assert heard(ears, client, channel) != lost


def test_a_wait_goes_on_whose_very_first_look_was_lost(
    client: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = str(uuid.uuid4())
    client.set(KEY_PREFIX + task_id, "there", ex=60)
    with closing(RedisReader(redis_url)) as reader:
        looks = iter([lost, reader.fetch])
        monkeypatch.setattr(reader, "fetch", lambda task_id: next(looks)(task_id))
        assert reader.wait(task_id, 60, lambda document: document.body) == b"there"


def test_what_is_published_in_error_does_not_end_a_wait(client: Any, redis_url: str) -> None:
    task_id = str(uuid.uuid4())
    key = KEY_PREFIX + task_id
    looked = threading.Event()

    def accept(document: Document) -> bytes | None:
        looked.set()
        if document.body == b"{":
            raise InvalidMessage("cut")
        return document.body if document.body == b"done" else None

    client.set(key, "runs", ex=60)
    with closing(RedisReader(redis_url)) as reader, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.wait, task_id, 60, accept)
        assert looked.wait(60)
        client.set(key, "done", ex=60)
        client.publish(key, "{")
        assert waiting.result(60) == b"done"


def lost(_: str) -> None:
    """A look at a key that gets no answer: the subscription before it got one."""
    raise BrokerUnavailable("the connection was cut")


def test_a_wait_that_was_broken_off_leaves_no_connection(ears: Ears) -> None:
    with pytest.raises(KeyboardInterrupt), ears.on("ear") as ear:
        raise KeyboardInterrupt
    with ears.on("ear") as other:
        assert other is not ear


def test_no_more_are_kept_than_a_few_and_none_when_closed(ears: Ears) -> None:
    open_ones = [ears.on(f"ear-{number}") for number in range(IDLE + 2)]
    listening = [one.__enter__() for one in open_ones]
    for one in open_ones[:-1]:
        one.__exit__(None, None, None)
    assert len(ears._idle) == IDLE
    ears.close()
    assert listening[-1].is_up(), "somebody listens on it"
    open_ones[-1].__exit__(None, None, None)
    assert not ears._idle
