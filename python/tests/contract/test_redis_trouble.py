"""Items that are no envelopes, servers and connections that fail; and what is left of a queue."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from celeriac import BrokerUnavailable, Envelope, InvalidMessage, PublishFailed, Wire
from celeriac.transport import Outgoing, purge, redis_consumer
from celeriac.transport.redis import RedisPublisher
from celeriac.transport.redis_consumer import UNACKED, UNACKED_INDEX, RedisConsumer
from celeriac.transport.redis_line import Script
from celeriac.transport.redis_take import TAKE
from tests.contract.redis_parts import client, consumer, numbers, publisher, receive, wire, without
from tests.support.descriptors import all_closed
from tests.support.proxy import Proxy, mute_server
from tests.support.queues import redis_length
from tests.support.waiting import eventually

__all__ = ["client", "consumer", "publisher"]


# -- what is no envelope


@pytest.mark.parametrize(
    "item",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"properties": {"delivery_tag": null}}', b"[" * 2000]
    + [b'{"properties": {"delivery_tag": "x"}', b'{"delivery_tag": "x"}, {}'],
    ids=["empty", "cut", "list", "null", "not-utf8", "no-tag", "deep", "cut-behind-its-tag", "two"],
)
def test_no_envelope_at_all(consumer: RedisConsumer, client: Any, redis_queue: str, item: bytes) -> None:
    client.lpush(redis_queue, item)
    (delivery,) = receive(consumer, 1)
    assert isinstance(delivery.content, InvalidMessage) and delivery.tag is None
    assert not _booked(client, item)
    consumer.settle((), [delivery], ())
    assert redis_length(client, redis_queue) == 0


def _booked(client: Any, item: bytes) -> list[bytes]:
    """The tags under which an item is held, by whomever."""
    return [tag for tag, entry in client.hgetall(UNACKED).items() if entry.startswith(b"[" + item + b", ")]


def test_what_nobody_can_read_does_not_outlive_its_holder(
    redis_url: str, client: Any, redis_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two steps, it leaves an entry that workers of Celery stumble over."""
    item = b'{"properties": {"delivery_tag": "%s"}' % redis_queue.encode()
    client.lpush(redis_queue, item)
    with closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as killed:
        with monkeypatch.context() as patched:
            patched.setattr(redis_consumer, "_is_entry", lambda _entry: True)
            (delivery,) = receive(killed, 1)
        assert _booked(client, item) == [delivery.tag]
        with closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as successor:
            successor.recover()
            assert not _booked(client, item)
            assert client.zscore(UNACKED_INDEX, delivery.tag) is None
            assert successor.receive(1) == []


def test_what_another_took_meanwhile_stays_its_own(
    publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It bears the same tag again when it has gone back and somebody else has taken it."""
    publisher.publish([Outgoing(wire(), redis_queue)])
    restore = RedisConsumer._restore_one
    with (
        closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as killed,
        closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as successor,
        closing(RedisConsumer(redis_url, [redis_queue])) as another,
    ):
        (held,) = receive(killed, 1)

        def restored_and_taken(*arguments: Any, **options: Any) -> bool:
            restored = restore(*arguments, **options)
            (again,) = receive(another, 1)
            assert again.tag == held.tag
            return restored

        with monkeypatch.context() as patched:
            patched.setattr(RedisConsumer, "_restore_one", restored_and_taken)
            successor.recover()
        assert client.hexists(UNACKED, held.tag)
        assert client.zscore(UNACKED_INDEX, held.tag) is not None


def test_nothing_is_lost_that_cannot_be_noted(redis_url: str, client: Any, redis_queue: str) -> None:
    """As where Redis has no memory left for it."""
    items = [_item(), _item()]
    client.lpush(redis_queue, *items)
    with without("hsetnx", client, redis_url) as url:
        consumer = RedisConsumer(url, [redis_queue])
        with pytest.raises(BrokerUnavailable):
            consumer.receive(2)
    assert client.lrange(redis_queue, 0, -1) == items[::-1]


def _item(**properties: Any) -> bytes:
    envelope = Envelope(
        wire=wire(), delivery_tag=str(uuid.uuid4()), exchange="", routing_key="q", body_encoding="base64"
    )
    document = json.loads(envelope.build())
    document["properties"] |= properties
    return json.dumps(document).encode()


@pytest.mark.parametrize("tag", [5, "ü", "a" * 300])
def test_odd_tags_are_kept(consumer: RedisConsumer, client: Any, redis_queue: str, tag: Any) -> None:
    client.lpush(redis_queue, _item(delivery_tag=tag))
    (delivery,) = receive(consumer, 1)
    assert client.hexists(UNACKED, delivery.tag)
    consumer.settle([delivery], (), ())
    consumer.tick()
    assert not client.hexists(UNACKED, delivery.tag)


def test_what_cannot_go_back_is_held_still(
    consumer: RedisConsumer, publisher: RedisPublisher, client: Any, redis_queue: str
) -> None:
    publisher.publish([Outgoing(wire(), redis_queue)])
    (delivery,) = receive(consumer, 1)
    client.set(redis_queue, "no list")
    with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
        consumer.settle((), (), [delivery])
    client.delete(redis_queue)
    consumer.settle((), (), [delivery])
    assert numbers(receive(consumer, 1)) == numbers([delivery])


def test_a_server_that_does_not_know_the_script_is_told(
    publisher: RedisPublisher, redis_url: str, redis_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_consumer, "TAKE", Script(f"{TAKE.text}-- {uuid.uuid4()}"))
    with closing(RedisConsumer(redis_url, [redis_queue])) as consumer:
        publisher.publish([Outgoing(wire(number), redis_queue) for number in range(2)])
        taken = receive(consumer, 2, room=1)
        assert numbers(taken) == [0, 1]
        consumer.settle(taken, (), ())


TEXTS = st.text(st.characters(exclude_categories=()), max_size=5) | st.just("delivery_tag")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.dictionaries(TEXTS, TEXTS | st.dictionaries(TEXTS, TEXTS)), st.sampled_from([None, (",", ":")]))
@example("\U00010000", {"half": "\ud800"}, None)
def test_the_tag_is_that_of_the_properties(
    consumer: RedisConsumer, client: Any, redis_queue: str, tag: str, headers: Any, separators: Any
) -> None:
    """It is found in the text, or else by reading it: whatever the tag is, and whatever else bears its name."""
    item = json.loads(_item(delivery_tag=tag))
    item["headers"] |= headers
    client.lpush(redis_queue, json.dumps(item, separators=separators))
    (delivery,) = receive(consumer, 1)
    booked = client.hget(UNACKED, delivery.tag)
    consumer.settle([delivery], (), ())
    assert json.loads(booked) == [item, "", redis_queue]
    surrogates = any("\ud800" <= letter <= "\udfff" for letter in tag)
    assert surrogates or delivery.tag == tag.encode()


def test_tags_that_are_the_same_lose_nothing(consumer: RedisConsumer, client: Any, redis_queue: str) -> None:
    """One client gives all its messages the same tag."""
    tag = str(uuid.uuid4())
    client.lpush(redis_queue, *(_item(delivery_tag=tag) for _ in range(3)))
    held = receive(consumer, 3)
    assert len({one.tag for one in held}) == 3
    consumer.settle(held[:1], (), held[1:])
    assert redis_length(client, redis_queue) == 2


def test_a_tag_that_is_no_text(consumer: RedisConsumer, client: Any, redis_queue: str) -> None:
    item = _item(delivery_tag="@").replace(b'"@"', b'"\xff"')
    client.lpush(redis_queue, item)
    (delivery,) = receive(consumer, 1)
    assert delivery.tag is None and not _booked(client, item)
    consumer.settle((), [delivery], ())


def test_half_a_surrogate_pair_is_booked_too(consumer: RedisConsumer, client: Any, redis_queue: str) -> None:
    """Celery writes such text in ``argsrepr``."""
    whole = json.loads(_item())
    whole["headers"]["argsrepr"] = "('\ud800', 'C:\\\\ud800')"
    client.lpush(redis_queue, json.dumps(whole))
    (delivery,) = receive(consumer, 1)
    assert isinstance(delivery.content, Wire) and delivery.tag is not None
    consumer.settle((), (), [delivery])
    (again,) = receive(consumer, 1)
    assert again.redelivered
    consumer.settle([again], (), ())


# -- connections


def test_nobody_listens() -> None:
    with pytest.raises(BrokerUnavailable) as caught:
        RedisPublisher("redis://:secret@127.0.0.1:1/0")
    assert "127.0.0.1:1" in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("open_it", [RedisPublisher, lambda url, **named: RedisConsumer(url, ["q"], **named)])
def test_a_server_that_says_nothing(open_it: Any) -> None:
    with mute_server() as port:
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            open_it(f"redis://127.0.0.1:{port}/0", connect_timeout=0.3)
        assert time.monotonic() - started < 20


def test_cut_between_two_sends(redis_url: str, client: Any, redis_queue: str) -> None:
    with Proxy(redis_url) as proxy, closing(RedisPublisher(proxy.url)) as publisher:
        publisher.publish([Outgoing(wire(), redis_queue)])
        proxy.cut()
        publisher.publish([Outgoing(wire(), redis_queue)])
        assert redis_length(client, redis_queue) == 2


def test_silent_server(redis_url: str, client: Any, redis_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent once: redis-py by itself would send it again and again."""
    monkeypatch.setattr("celeriac.transport.redis.SILENCE_TIMEOUT", 0.3)
    with Proxy(redis_url) as proxy, closing(RedisPublisher(proxy.url)) as publisher:
        proxy.fall_silent()
        started = time.monotonic()
        with pytest.raises(PublishFailed, match="did not take the message"):
            publisher.publish([Outgoing(wire(), redis_queue)])
        assert time.monotonic() - started < 20
        proxy.speak_again()
        eventually(lambda: redis_length(client, redis_queue), "what was sent arrives")
        time.sleep(0.2)
        assert redis_length(client, redis_queue) == 1


def test_consumer_tells_of_a_lost_connection(redis_url: str, redis_queue: str) -> None:
    with Proxy(redis_url) as proxy:
        consumer = RedisConsumer(proxy.url, [redis_queue])
        proxy.cut()
        with pytest.raises(BrokerUnavailable):
            eventually(lambda: consumer.receive(1), "the cut")


def test_without_key_tracking(redis_url: str, client: Any, redis_queue: str, caplog: pytest.LogCaptureFixture) -> None:
    """It looks by itself then, and says so."""
    with without("client|tracking", client, redis_url) as url:
        with closing(RedisConsumer(url, [redis_queue])) as consumer, closing(RedisPublisher(redis_url)) as publisher:
            assert consumer.receive(1) == []
            publisher.publish([Outgoing(wire(), redis_queue)])
            assert numbers(consumer.receive(1)) == [0]
        assert "looking for them once a second" in caplog.text


def test_nothing_is_left_open(redis_url: str, redis_queue: str) -> None:
    with all_closed():
        for _ in range(5):
            with closing(RedisConsumer(redis_url, [redis_queue])), closing(RedisPublisher(redis_url)) as publisher:
                publisher.publish([Outgoing(wire(), redis_queue)])


def test_purge_empties_all_priorities(publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str) -> None:
    publisher.publish([Outgoing(wire(priority=priority), redis_queue) for priority in (0, 3, 6, 9)])
    assert (purge(redis_url, redis_queue), redis_length(client, redis_queue)) == (4, 0)
    assert purge(redis_url, redis_queue) == 0


def test_ten_thousand_waiting(publisher: RedisPublisher, consumer: RedisConsumer, redis_queue: str) -> None:
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(10_000)])
    started = time.monotonic()
    for _ in range(20):
        consumer.settle(receive(consumer, 8), (), ())
    assert time.monotonic() - started < 20, "a long backlog makes taking slow"
    consumer.cancel()
