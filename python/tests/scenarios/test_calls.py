"""A4 and A9 to A12, A23, A27: single calls, good and bad."""

from __future__ import annotations

import base64
import json
import pickle
import time
import uuid
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import redis
from amqp import Connection
from amqp.basic_message import Message as AmqpMessage

from celeriac import BrokerUnavailable, Celeriac
from tests.scenarios.conftest import Crew
from tests.support.waiting import PATIENCE


def publish(crew: Crew, body: bytes, content_type: str, headers: dict[str, Any], task_id: str) -> None:
    """Put a message into the queue of the worker, with nothing but an AMQP or a Redis library."""
    encoding = "utf-8" if content_type == "application/json" else "binary"
    if crew.place.broker.name == "rabbitmq":
        url = urlsplit(crew.place.broker.url)
        with Connection(f"{url.hostname}:{url.port}", virtual_host=unquote(url.path[1:]) or "/") as connection:
            channel = connection.channel()
            message = AmqpMessage(
                body,
                content_type=content_type,
                content_encoding=encoding,
                application_headers=headers,
                correlation_id=task_id,
            )
            channel.basic_publish(message, exchange="", routing_key=crew.hand.queue)
        return
    item = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": encoding,
        "content-type": content_type,
        "headers": headers,
        "properties": {
            "correlation_id": task_id,
            "delivery_info": {"exchange": "", "routing_key": crew.hand.queue},
            "delivery_mode": 2,
            "delivery_tag": str(uuid.uuid4()),
            "body_encoding": "base64",
        },
    }
    with closing(redis.Redis.from_url(crew.place.broker.url)) as client:
        client.lpush(crew.hand.queue, json.dumps(item))


def test_a4_a_message_of_a_bare_library(crew: Crew) -> None:
    task_id = str(uuid.uuid4())
    headers = {"lang": "py", "task": "add", "id": task_id, "root_id": task_id, "parent_id": None, "retries": 0}
    publish(crew, b"[[5, 3], {}, {}]", "application/json", headers, task_id)
    assert crew.app.AsyncResult(task_id).get(PATIENCE) == 8


def test_a9_a_task_whose_code_is_elsewhere(crew: Crew) -> None:
    assert crew.app.tasks == {}
    assert crew.app.send_task("add", (2, 2)).get(PATIENCE) == 4


def test_a10_a_pickled_body(crew: Crew) -> None:
    task_id = str(uuid.uuid4())
    body = pickle.dumps((("pickled",), {}, {}))
    publish(crew, body, "application/x-python-serialize", {"task": "say", "id": task_id}, task_id)
    assert crew.app.send_task("add", (1, 1)).get(PATIENCE) == 2, "the worker lives"
    crew.hand.logged("application/x-python-serialize")
    assert "pickled" not in crew.hand.notes


def test_a11_a_publisher_and_a_subscriber(crew: Crew) -> None:
    assert crew.app.send_task("multiply", (2, 3)).get(PATIENCE) == 6


def test_a12_partials_and_immutables(crew: Crew) -> None:
    duplicate = crew.s("multiply", 2)
    assert duplicate.delay(5).get(PATIENCE) == 10
    assert crew.si("multiply", 2, 4).delay(99).get(PATIENCE) == 8


def test_a23_no_broker(crew: Crew) -> None:
    gone = {"rabbitmq": "amqp://guest:guest@127.0.0.1:1//", "redis": "redis://127.0.0.1:1/0"}[crew.place.broker.name]
    with Celeriac("scenarios", broker=gone) as app:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            (app.signature("step", ("E",)) | app.signature("step", ("T",))).apply_async()
        assert time.monotonic() - began < 20


def test_a27_a_task_that_succeeds_in_the_end(crew: Crew) -> None:
    result = crew.app.send_task("flaky", (2,))
    assert (result.get(PATIENCE), result.state) == (2, "SUCCESS")
