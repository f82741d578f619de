"""Publishing to and consuming from a real Redis, beside workers of Celery: the books are kept as kombu keeps them."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from typing import Any

import pytest

from celeriac import Envelope, InvalidCall, Message, Wire
from celeriac.transport import Outgoing, redis_consumer
from celeriac.transport.redis import CHUNK, RedisPublisher
from celeriac.transport.redis_attendance import HELD
from celeriac.transport.redis_consumer import UNACKED, UNACKED_INDEX, RedisConsumer
from tests.contract.redis_parts import client, consumer, numbers, publisher, receive, wire
from tests.support.queues import redis_length
from tests.unit.spec_data import body_of, vectors

__all__ = ["client", "consumer", "publisher"]


# -- publishing


def test_items_are_kombus(publisher: RedisPublisher, client: Any, redis_queue: str) -> None:
    """The captured item of the same call has the same keys in the same order, and the same values but for ids."""
    publisher.publish([Outgoing(wire(priority=0), redis_queue)])
    ours = json.loads(client.lindex(redis_queue, 0))
    captured = next(vector for vector in vectors("redis", invalid=False) if vector["id"] == "redis/plain")
    celerys = json.loads(body_of(captured))
    assert list(ours) == list(celerys)
    # Celery leaves out nothing that we write; reply_to is there where a client gives one.
    assert [key for key in celerys["properties"] if key in ours["properties"]] == list(ours["properties"])
    assert ours["properties"]["delivery_info"] == {"exchange": "", "routing_key": redis_queue}
    assert ours["properties"]["body_encoding"] == "base64"
    assert str(uuid.UUID(ours["properties"]["delivery_tag"])) == ours["properties"]["delivery_tag"]
    assert set(ours["headers"]) == set(celerys["headers"])


@pytest.mark.parametrize(
    ("priority", "suffix"),
    [
        (None, ""),
        (0, ""),
        (2, ""),
        (3, "\x06\x163"),
        (5, "\x06\x163"),
        (8, "\x06\x166"),
        (9, "\x06\x169"),
        (255, "\x06\x169"),
    ],
)
def test_priorities_are_lists(
    publisher: RedisPublisher, client: Any, redis_queue: str, priority: int | None, suffix: str
) -> None:
    publisher.publish([Outgoing(wire(priority=priority), redis_queue)])
    assert client.llen(redis_queue + suffix) == 1


def test_exchanges_are_refused_before_anything_is_sent(
    publisher: RedisPublisher, client: Any, redis_queue: str
) -> None:
    with pytest.raises(InvalidCall, match="Redis routes by queue alone"):
        publisher.publish([Outgoing(wire(), redis_queue), Outgoing(wire(), "key", "exchange")])
    assert redis_length(client, redis_queue) == 0


def test_a_queue_that_has_no_name_in_utf_8_is_refused_before_anything_is_sent(
    publisher: RedisPublisher, client: Any, redis_queue: str
) -> None:
    with pytest.raises(InvalidCall, match="no text in UTF-8"):
        publisher.publish([Outgoing(wire(), redis_queue), Outgoing(wire(), "mail\ud800")])
    assert client.llen(redis_queue) == 0


def test_delivery_tags_differ(publisher: RedisPublisher, client: Any, redis_queue: str) -> None:
    same = wire()
    publisher.publish([Outgoing(same, redis_queue) for _ in range(50)])
    assert len({Envelope.parse(item).delivery_tag for item in client.lrange(redis_queue, 0, -1)}) == 50


def test_many_come_in_order(publisher: RedisPublisher, client: Any, redis_queue: str) -> None:
    """More than one command holds, in two lists that take turns."""
    lists = {None: redis_queue, 3: f"{redis_queue}\x06\x163"}
    publisher.publish([Outgoing(wire(number, priority=(None, 3)[number % 2]), redis_queue) for number in range(400)])
    for at, name in enumerate(lists.values()):
        items = client.lrange(name, 0, -1)
        assert sum(map(len, items)) > 2 * CHUNK
        assert [Message.parse(Envelope.parse(item).wire).args[0] for item in reversed(items)] == [*range(at, 400, 2)]


# -- taking


def test_urgent_first_then_in_order(publisher: RedisPublisher, redis_url: str, redis_queue: str) -> None:
    priorities = [9, 0, 6, 3, 0, 9]
    publisher.publish([Outgoing(wire(number, priority=p), redis_queue) for number, p in enumerate(priorities)])
    with closing(RedisConsumer(redis_url, [redis_queue])) as consumer:
        assert numbers(receive(consumer, 6)) == [1, 4, 3, 2, 0, 5]


def test_no_more_than_there_is_room_for(publisher: RedisPublisher, consumer: RedisConsumer, redis_queue: str) -> None:
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(5)])
    assert consumer.receive(0) == []
    assert len(receive(consumer, 2)) == 2
    assert len(receive(consumer, 3, room=9)) == 3


def test_news_wakes_a_sleeper(publisher: RedisPublisher, consumer: RedisConsumer, redis_queue: str) -> None:
    """Each list of a queue in turn, each time after all were found empty: the descriptor turns readable."""
    import select

    for number, priority in enumerate((0, 3, 6, 9, 0)):
        assert consumer.receive(4) == []
        publisher.publish([Outgoing(wire(number, priority=priority), redis_queue)])
        ready, _, _ = select.select(list(consumer.filenos()), [], [], 5)
        assert ready
        (delivery,) = receive(consumer, 1)
        consumer.settle([delivery], (), ())


def test_held_is_booked_as_kombu_books_it(
    publisher: RedisPublisher, consumer: RedisConsumer, client: Any, redis_queue: str
) -> None:
    """``unacked``: tag -> [envelope, exchange, routing key]; ``unacked_index``: tag -> unix time."""
    publisher.publish([Outgoing(wire(), redis_queue)])
    item = json.loads(client.lindex(redis_queue, 0))
    (delivery,) = receive(consumer, 1)
    tag = item["properties"]["delivery_tag"].encode()
    assert delivery.tag == tag
    assert json.loads(client.hget(UNACKED, tag)) == [item, "", redis_queue]
    assert abs(client.zscore(UNACKED_INDEX, tag) - time.time()) < 5
    consumer.settle([delivery], (), ())
    consumer.tick()
    assert (client.hexists(UNACKED, tag), client.zscore(UNACKED_INDEX, tag)) == (False, None)
    assert redis_length(client, redis_queue) == 0


@pytest.mark.parametrize("how", ["settled", "closed", "recovered", "abandoned"])
def test_given_back_marked_as_redelivered(
    publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str, how: str
) -> None:
    """In order, to the end that is taken from next, exactly once, and marked as kombu marks it."""
    publisher.publish([Outgoing(wire(number, priority=3), redis_queue) for number in range(4)])
    first = RedisConsumer(redis_url, [redis_queue], holder=redis_queue)
    held = receive(first, 3)
    if how == "settled":
        first.settle((), (), held)
    elif how == "closed":
        first.close()
    assert set(client.hkeys(HELD + redis_queue)) == ({one.tag for one in held} if first._held else set())
    with closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as second:
        tags = [one.tag for one in held]
        if how == "recovered":
            second.recover()
            second.recover()
        elif how == "abandoned":
            client.zadd(UNACKED_INDEX, {tag: 1000 + place for place, tag in enumerate(tags)})
            assert second.restore_abandoned(3600) >= 3
        assert redis_length(client, redis_queue) == 4
        again = receive(second, 4)
        assert sorted(numbers(again)) == [0, 1, 2, 3]
        if how in ("settled", "closed", "recovered"):
            assert numbers(again) == [0, 1, 2, 3]
        assert {number: one.redelivered for number, one in zip(numbers(again), again, strict=True)} == {
            0: True, 1: True, 2: True, 3: False,
        }  # fmt: skip
        # The mark is the broker's; it would stick to the retries of the task.
        assert all("redelivered" not in one.content.headers for one in again if isinstance(one.content, Wire))
        booked = json.loads(client.hget(UNACKED, tags[0]))[0]
        assert booked["headers"]["redelivered"] is booked["properties"]["delivery_info"]["redelivered"] is True
        second.settle(again, (), ())
        second.tick()
        assert not client.exists(HELD + redis_queue)
    if how in ("recovered", "abandoned"):
        first.close()
        assert redis_length(client, redis_queue) == 0, "its first holder has no say any more"


def test_what_is_held_is_renewed(
    publisher: RedisPublisher, consumer: RedisConsumer, client: Any, redis_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish([Outgoing(wire(), redis_queue)])
    (delivery,) = receive(consumer, 1)
    client.zadd(UNACKED_INDEX, {delivery.tag: 1000})
    monkeypatch.setattr(redis_consumer, "RENEW_INTERVAL", 0)
    consumer.tick()
    assert abs(client.zscore(UNACKED_INDEX, delivery.tag) - time.time()) < 5
    assert redis_length(client, redis_queue) == 0


def test_left_behind_is_found_at_once(client: Any, redis_url: str, redis_queue: str) -> None:
    """What a dead worker held for longer than the visibility timeout comes with the first look."""
    item = json.dumps(_item_of(redis_queue))
    client.hset(UNACKED, f"{redis_queue}-lost", f'[{item}, "", "{redis_queue}"]')
    client.zadd(UNACKED_INDEX, {f"{redis_queue}-lost": time.time() - redis_consumer.VISIBILITY_TIMEOUT - 1})
    with closing(RedisConsumer(redis_url, [redis_queue])) as consumer:
        consumer.tick()
        (delivery,) = receive(consumer, 1)
        assert delivery.redelivered
        consumer.settle([delivery], (), ())


def test_who_is_busy_leaves_messages_to_siblings(publisher: RedisPublisher, redis_url: str, redis_queue: str) -> None:
    """One for each process beside it; beyond those, and when there are none, the window is filled."""

    def consumer() -> RedisConsumer:
        return RedisConsumer(redis_url, [redis_queue], prefetch=4, siblings=1)

    def publish(*which: int) -> None:
        publisher.publish([Outgoing(wire(number), redis_queue) for number in which])

    with closing(consumer()) as first, closing(consumer()) as second:
        publish(0, 1)
        assert numbers(first.receive(4)) == [0]
        assert first.receive(3) == []
        assert numbers(second.receive(4)) == [1]
        publish(*range(2, 9))
        assert numbers(first.receive(3)) == [2, 3, 4]
        assert numbers(second.receive(3)) == [5, 6, 7]
        assert second.receive(3) == [], "the last one is there for whoever is free first"
        assert numbers(first.receive(4)) == [8]


def test_what_went_back_comes_again_without_news(
    publisher: RedisPublisher, consumer: RedisConsumer, redis_queue: str
) -> None:
    """At once: nobody else may ever put anything on the list."""
    publisher.publish([Outgoing(wire(), redis_queue)])
    (delivery,) = receive(consumer, 1)
    assert consumer.receive(1) == []
    consumer.settle((), (), [delivery])
    (again,) = receive(consumer, 1)
    assert again.redelivered


def test_entries_of_others_stay(client: Any, redis_url: str, redis_queue: str) -> None:
    """What went through an exchange of kombu's, and what is no entry at all, is not ours to give back."""
    entries = {
        "other": json.dumps([{"headers": {}, "properties": {}}, "topic", "a.b"]),
        "junk": "{",
        "young": json.dumps([{"headers": {}, "properties": {"delivery_info": {}}}, "", redis_queue]),
    }
    names = {f"{redis_queue}-{name}": text for name, text in entries.items()}
    client.hset(UNACKED, mapping=names)
    client.zadd(UNACKED_INDEX, {name: time.time() if "young" in name else 1 for name in names})
    with closing(RedisConsumer(redis_url, [redis_queue])) as consumer:
        consumer.restore_abandoned(3600)
        assert set(client.hmget(UNACKED, *names)) == {text.encode() for text in names.values()}
    client.hdel(UNACKED, *names)
    client.zrem(UNACKED_INDEX, *names)


def _item_of(queue: str) -> dict[str, Any]:
    """An envelope as it lies on the list."""
    envelope = Envelope(wire=wire(), delivery_tag="lost", exchange="", routing_key=queue, body_encoding="base64")
    item: dict[str, Any] = json.loads(envelope.build())
    return item
