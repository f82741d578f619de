"""Fixtures of the tests that talk to real brokers. Everything of a test bears a random name and is removed after it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from celeriac import Celeriac
from celeriac.envelope import lists_for
from celeriac.transport.amqp_link import Link
from tests.support.brokers import shared_broker
from tests.support.worker import Worker


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    with shared_broker("rabbitmq") as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with shared_broker("redis") as url:
        yield url


@dataclass(frozen=True)
class Broker:
    """A broker and the backend that goes with it."""

    name: str
    url: str
    backend: str

    def remove(self, queue: str) -> None:
        """Delete a queue of a test, which may not exist."""
        remove = _remove_amqp if self.name == "rabbitmq" else _remove_redis
        remove(self.url, queue)


def _remove_amqp(url: str, queue: str) -> None:
    with closing(Link(url)) as link:
        channel: Any = link.channel()
        channel.queue_delete(queue)


def _remove_redis(url: str, queue: str) -> None:
    with closing(redis.Redis.from_url(url)) as client:
        client.delete(*lists_for(queue))


def _name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def amqp_queue(amqp_url: str) -> Iterator[str]:
    """Name of a queue on RabbitMQ, not declared yet; deleted after the test."""
    name = _name()
    yield name
    _remove_amqp(amqp_url, name)


@pytest.fixture
def redis_queue(redis_url: str) -> Iterator[str]:
    """Name of a queue on Redis; deleted after the test."""
    name = _name()
    yield name
    _remove_redis(redis_url, name)


@pytest.fixture(scope="session", params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn: RabbitMQ with rpc results, Redis with results in Redis."""
    if request.param == "rabbitmq":
        return Broker("rabbitmq", request.getfixturevalue("amqp_url"), "rpc://")
    url = request.getfixturevalue("redis_url")
    return Broker("redis", url, url)


@pytest.fixture
def queue(broker: Broker) -> Iterator[str]:
    """Name of a queue of the test's own, on that broker; deleted after it."""
    name = _name()
    yield name
    broker.remove(name)


@pytest.fixture
def app(broker: Broker, queue: str) -> Iterator[Celeriac]:
    """A client of that broker whose tasks go to that queue."""
    with Celeriac("test", broker=broker.url, backend=broker.backend, task_default_queue=queue) as client:
        yield client


@pytest.fixture
def start_worker(
    request: pytest.FixtureRequest, broker: Broker, queue: str, tmp_path: Path
) -> Iterator[Callable[..., Worker]]:
    """Starts workers on that queue, as a user would, with the module's WORKER_OPTIONS; they are gone after the test."""
    always = getattr(request.module, "WORKER_OPTIONS", ())
    with ExitStack() as workers:

        def start(*options: str, **named: Any) -> Worker:
            return workers.enter_context(
                Worker(broker.url, broker.backend, queue, tmp_path / "notes", *always, *options, **named)
            )

        yield start


@dataclass(frozen=True)
class Shop:
    """A worker that the tests of a module share, and a client of it."""

    app: Celeriac
    worker: Worker
    broker: Broker
    queue: str


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One process on a queue of its own, with the module's SHOP_OPTIONS; the tests that share it leave it running."""
    options = getattr(request.module, "SHOP_OPTIONS", ())
    queue = _name()
    notes = tmp_path_factory.mktemp("shop") / "notes"
    environment = {"CELERIAC_TEST_CHILDREN": queue}
    with (
        Celeriac("test", broker=broker.url, backend=broker.backend, task_default_queue=queue) as client,
        Worker(broker.url, broker.backend, queue, notes, *options, environment=environment) as worker,
    ):
        yield Shop(client, worker, broker, queue)
        worker.stop()
    broker.remove(queue)
