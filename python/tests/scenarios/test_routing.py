"""A17: messages to an exchange. Queues are bound by whoever runs the broker; this package binds none of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from celeriac import Celeriac, InvalidCall
from celeriac.transport.amqp_link import Link
from tests.scenarios.conftest import KINDS, Crew, Place, new_name
from tests.support.waiting import PATIENCE, eventually


@pytest.fixture
def exchanges(place: Place) -> Iterator[tuple[str, str]]:
    """A topic exchange and one for broadcasts, to which the queues of both workers are bound."""
    if place.broker.name == "redis":
        pytest.skip("SKIPPED: Redis has no exchanges; see test_a17_redis_has_none")
    topic, broadcast = new_name("topic"), new_name("broadcast")
    with closing(Link(place.broker.url)) as link:
        channel: Any = link.channel()
        channel.exchange_declare(topic, "topic", auto_delete=False)
        channel.exchange_declare(broadcast, "fanout", auto_delete=False)
        for kind in KINDS:
            queue = place.hand(kind).queue
            channel.queue_bind(queue, topic, routing_key=f"{kind}.feed.#")
            channel.queue_bind(queue, broadcast)
        yield topic, broadcast
        channel.exchange_delete(topic)
        channel.exchange_delete(broadcast)


def test_a17_topic_and_broadcast(crew: Crew, exchanges: tuple[str, str]) -> None:
    topic, broadcast = exchanges
    feed, everybody = new_name("feed"), new_name("everybody")
    key = f"{crew.hand.kind}.feed.news.today"
    assert crew.app.send_task("say", (feed,), exchange=topic, routing_key=key).get(PATIENCE) == feed
    crew.app.send_task("say", (everybody,), exchange=broadcast, routing_key="any")
    hands = [crew.place.hand(kind) for kind in KINDS]
    eventually(lambda: all(everybody in hand.notes for hand in hands), "every worker runs the broadcast")
    for hand in hands:
        assert crew.app.send_task("add", (1, 1), queue=hand.queue).get(PATIENCE) == 2
        assert hand.notes.count(everybody) == 1
        assert hand.notes.count(feed) == (hand is crew.hand)


def test_a17_redis_has_none(redis_url: str) -> None:
    with Celeriac("a17", broker=redis_url) as app, pytest.raises(InvalidCall, match="Redis routes by queue alone"):
        app.send_task("say", ("x",), exchange="feed", routing_key="feed.x")
