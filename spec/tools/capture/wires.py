"""Read messages as they lie in the broker: no kombu, no decoding of bodies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import amqp
import redis

from .tags import b64, from_python

T = TypeVar("T")
PATIENCE_SECONDS = 120.0
UNACKED_KEYS = ("unacked", "unacked_index")


def eventually(what: str, attempt: Callable[[], T | None]) -> T:
    """Ask until there is an answer; raises TimeoutError naming ``what`` was awaited."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := attempt()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: nothing after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.02)
    return answer


class Rabbit:
    """A raw AMQP channel."""

    transport = "amqp"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.connection = amqp.Connection(
            host=f"{parts.hostname}:{parts.port}", userid=parts.username, password=parts.password, virtual_host="/"
        )
        self.connection.connect()
        self.channel = self.connection.channel()
        self.channel.auto_decode = False
        properties = self.connection.server_properties
        self.server = f"{properties['product']} {properties['version']}"

    def declare(self, queue: str) -> None:
        """Declare a durable queue without arguments, as Celery does."""
        self.channel.queue_declare(queue, durable=True, auto_delete=False)

    def empty(self, *queues: str) -> None:
        """Declare and purge the queues."""
        for queue in queues:
            self.declare(queue)
            self.channel.queue_purge(queue)

    def take(self, queue: str) -> dict[str, Any]:
        """The next message of the queue as a vector's wire object."""
        return wire_of(eventually(f"a message in {queue}", lambda: self.channel.basic_get(queue, no_ack=True)))


def wire_of(message: amqp.Message) -> dict[str, Any]:
    """Wire object of a message that py-amqp received; its body is untouched bytes."""
    properties = dict(message.properties)
    headers = properties.pop("application_headers", {})
    body = message.body.encode("utf-8") if isinstance(message.body, str) else bytes(message.body)
    return {
        "content_type": properties.pop("content_type", None),
        "content_encoding": properties.pop("content_encoding", None),
        "headers": {name: from_python(value) for name, value in headers.items()},
        "properties": {name: from_python(value) for name, value in properties.items()},
        "body": b64(body),
    }


class Store:
    """A raw Redis connection: lists as queues, keys as results."""

    transport = "redis"

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self.server = f"Redis {self.client.info('server')['redis_version']}"

    def empty(self, *queues: str) -> None:
        """Delete the lists of the queues, of every priority."""
        for queue in queues:
            for key in self.client.scan_iter(match=f"{queue}*"):
                self.client.delete(key)

    def take(self, key: str) -> bytes:
        """Pop the oldest item of the list ``key``, as the worker would."""
        item: bytes = eventually(f"an item in {key!r}", lambda: self.client.rpop(key))
        return item

    def document(self, task_id: str, ready: Callable[[bytes], bool]) -> dict[str, Any]:
        """The stored result of a task as a wire object, once ``ready`` says it is the awaited one."""

        def attempt() -> bytes | None:
            data = self.client.get(f"celery-task-meta-{task_id}")
            return data if data is not None and ready(data) else None

        data = eventually(f"the result of {task_id}", attempt)
        return {"content_type": "application/json", "content_encoding": "utf-8", "body": b64(data)}
