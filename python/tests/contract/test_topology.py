"""What this package declares on RabbitMQ, held against what Celery declares (spec/vectors/topology).

A declaration that differs closes the channel of whoever comes second.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kombu.transport.pyamqp import Channel

from celeriac.transport import (
    WorkerNeeds,
    events_for,
    open_post,
    open_reader,
    open_worker_link,
    replies_to,
    requests_to,
)
from tests.unit.spec_data import vectors

WORKER, CLIENT = (
    next(vector["message"] for vector in vectors("topology", invalid=False) if vector["id"] == f"topology/{name}")
    for name in ("worker", "client-rpc")
)
EXCHANGE = ("type", "passive", "durable", "auto_delete", "arguments")
QUEUE = ("passive", "durable", "exclusive", "auto_delete", "arguments")
CONSUME = ("no_ack", "exclusive", "arguments")


class Recorder:
    """The calls of all channels, by method, with every argument by its name."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: dict[str, list[dict[str, Any]]] = {}
        for name in ("exchange_declare", "queue_declare", "queue_bind", "basic_consume"):
            patch.setattr(Channel, name, self._recording(name, getattr(Channel, name)))

    def _recording(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        def record(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            self.calls.setdefault(name, []).append(dict(bound.arguments))
            return method(*args, **kwargs)

        return record

    def exchange(self, name: str) -> dict[str, Any]:
        """How an exchange was declared."""
        (found,) = (call for call in self.calls["exchange_declare"] if call["exchange"] == name)
        return {field: found[field] for field in EXCHANGE}

    def queue(self, name: str) -> dict[str, Any]:
        """How a queue was declared at last."""
        *_, found = (call for call in self.calls["queue_declare"] if call["queue"] == name)
        return {field: found[field] for field in QUEUE}

    def bindings(self, queue: str) -> list[dict[str, Any]]:
        """What a queue was bound to."""
        fields = ("exchange", "routing_key", "arguments")
        return [{field: call[field] for field in fields} for call in self.calls["queue_bind"] if call["queue"] == queue]

    def consume(self, queue: str) -> dict[str, Any]:
        """How a queue is consumed."""
        (found,) = (call for call in self.calls["basic_consume"] if call["queue"] == queue)
        return {field: found[field] for field in CONSUME}


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with monkeypatch.context() as patch:
        yield Recorder(patch)


def theirs(message: dict[str, Any], queue: str) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Queue, bindings and consumer of a vector; ``queue`` is the end or the beginning of the name."""
    (name,) = (name for name in message["queues"] if name.endswith(queue) or name.startswith(queue))
    bindings, consumers = (
        [{field: one[field] for field in one if field != "queue"} for one in message[kind] if one["queue"] == name]
        for kind in ("bindings", "consumes")
    )
    return message["queues"][name], bindings, consumers[0]


@pytest.mark.parametrize(
    ("exchange", "ending"),
    [
        ("celery.pidbox", "@host.example.celery.pidbox"),
        ("reply.celery.pidbox", ".reply.celery.pidbox"),
        ("celeryev", "celeryev."),
    ],
)
def test_exchanges_and_their_queues(amqp_url: str, recorder: Recorder, exchange: str, ending: str) -> None:
    unique = str(uuid.uuid4())
    subscription = {
        "celery.pidbox": lambda: requests_to(f"{unique}@host.example"),
        "reply.celery.pidbox": lambda: replies_to(unique),
        "celeryev": lambda: events_for(unique, ["worker.#"]),
    }[exchange]()
    open_post(amqp_url, subscription).close()
    queue, bindings, consumer = theirs(WORKER, ending)
    assert recorder.exchange(exchange) == WORKER["exchanges"][exchange]
    assert recorder.queue(subscription.queue) == queue
    assert recorder.consume(subscription.queue) == consumer
    keys = [binding["routing_key"] for binding in bindings]
    # The one of replies is the client's own, an id.
    expected = [unique] if exchange == "reply.celery.pidbox" else keys
    assert recorder.bindings(subscription.queue) == [{**bindings[0], "routing_key": key} for key in expected]


def test_reply_queue_of_rpc(amqp_url: str, recorder: Recorder) -> None:
    oid = str(uuid.uuid4())
    with closing(open_reader(amqp_url, "rpc://", oid)) as reader:
        reader.prepare()
    (queue,) = (declared for declared in CLIENT["queues"].values() if declared["auto_delete"])
    assert recorder.queue(oid) == queue


def test_task_queue(amqp_url: str, amqp_queue: str, recorder: Recorder) -> None:
    """Durable and without arguments; never declared when it is there, so never with other arguments than it has."""
    for _ in range(2):
        open_worker_link(WorkerNeeds(broker=amqp_url, queues=[amqp_queue])).close()
    first, second, *others = [call for call in recorder.calls["queue_declare"] if call["queue"] == amqp_queue]
    assert (first["passive"], second["passive"]) == (True, False)
    assert [call["passive"] for call in others] == [True]
    assert {**{field: second[field] for field in QUEUE}, "arguments": {}} == WORKER["queues"]["shop.in"]
    assert recorder.calls["basic_consume"][0]["no_ack"] is False
