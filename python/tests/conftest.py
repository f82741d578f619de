"""Fixtures of the tests that talk to real brokers. Everything of a test bears a random name and is removed after it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
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


@pytest.fixture(params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn: RabbitMQ with rpc results, Redis with results in Redis."""
    if request.param == "rabbitmq":
        return Broker("rabbitmq", request.getfixturevalue("amqp_url"), "rpc://")
    url = request.getfixturevalue("redis_url")
    return Broker("redis", url, url)


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a queue of the test's own, on whichever broker; deleted after it."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    if "amqp_url" in request.fixturenames or "amqp_url" in request.node.funcargs or _uses(request, "rabbitmq"):
        with closing(Link(request.getfixturevalue("amqp_url"))) as link:
            channel: Any = link.channel()
            channel.queue_delete(name)
    if "redis_url" in request.fixturenames or _uses(request, "redis"):
        with closing(redis.Redis.from_url(request.getfixturevalue("redis_url"))) as client:
            client.delete(*lists_for(name))


def _uses(request: pytest.FixtureRequest, name: str) -> bool:
    broker = request.node.funcargs.get("broker")
    return isinstance(broker, Broker) and broker.name == name


@pytest.fixture
def app(broker: Broker, queue: str) -> Iterator[Celeriac]:
    """A client of that broker whose tasks go to that queue."""
    with Celeriac("test", broker=broker.url, backend=broker.backend, default_queue=queue) as client:
        yield client


@pytest.fixture
def start_worker(broker: Broker, queue: str, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers on that queue, as a user would; they are gone after the test."""
    workers: list[Worker] = []

    def start(*options: str, **named: Any) -> Worker:
        worker = Worker(broker.url, broker.backend, queue, tmp_path / "notes", *options, **named)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
