"""Quorum queues of RabbitMQ: consumed without a global window, their count of deliveries read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from celeriac import Celeriac, TaskFailure
from celeriac.message import Wire
from celeriac.transport.amqp_consumer import RETURNS, AmqpConsumer
from celeriac.transport.amqp_link import Link
from tests.support.queues import amqp_length, dead_letters
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

#: Deliveries after the first that the queue itself allows, less than our worker would.
LIMIT = 3


@pytest.fixture
def letters(amqp_url: str, amqp_queue: str) -> Iterator[str]:
    """The dead-letter queue of a quorum queue; both are declared."""
    quorum = {"x-queue-type": "quorum", "x-delivery-limit": LIMIT}
    with dead_letters(amqp_url, amqp_queue, **quorum) as name:
        yield name


@pytest.fixture
def app(amqp_url: str, amqp_queue: str) -> Iterator[Celeriac]:
    with Celeriac(broker=amqp_url, backend="rpc://", task_default_queue=amqp_queue) as made:
        yield made


def test_returns_are_counted_and_do_not_stick(amqp_url: str, amqp_queue: str, letters: str, app: Celeriac) -> None:
    assert letters
    app.send_task("t.add", (1, 1))
    for returns in range(2):
        with closing(AmqpConsumer(Link(amqp_url), [amqp_queue], 1)) as consumer:
            (delivery,) = eventually(partial(consumer.receive, 1), "it comes")
            assert (delivery.returns, delivery.redelivered) == (returns, returns > 0)
            assert isinstance(delivery.content, Wire) and RETURNS not in delivery.content.headers


def test_a_worker_fails_what_comes_back_too_often(
    amqp_url: str, amqp_queue: str, letters: str, app: Celeriac, tmp_path: Path
) -> None:
    options = ("--max-deaths", "99", "--max-returns", "2")
    with (
        Worker(amqp_url, "rpc://", amqp_queue, tmp_path / "notes", *options) as worker,
        closing(Link(amqp_url)) as link,
    ):
        killer = app.send_task("t.die", (99, "killer"))
        with pytest.raises(TaskFailure, match="came back to the queue 2 times") as caught:
            killer.get(timeout=PATIENCE)
        assert caught.value.exc_type == "WorkerLostError"
        assert worker.notes.count("killer dies") == 2
        assert app.send_task("t.retry", (2,)).get(timeout=PATIENCE) == 2
        worker.stop()
        assert amqp_length(link, letters) == 1


def test_the_queue_itself_puts_away_what_comes_back_too_often(
    amqp_url: str, amqp_queue: str, letters: str, app: Celeriac, tmp_path: Path
) -> None:
    with Worker(amqp_url, "rpc://", amqp_queue, tmp_path / "notes", "--max-deaths", "99") as worker:
        app.send_task("t.die", (99, "killer"))
        with closing(Link(amqp_url)) as link:
            eventually(lambda: amqp_length(link, letters) == 1, "it is in the dead-letter queue", timeout=PATIENCE)
        assert worker.notes.count("killer dies") == LIMIT + 1
        assert app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
        worker.stop()
