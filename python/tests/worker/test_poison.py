"""Messages that harm: each is settled once, the next good one runs, and the process is the same as before.

Every invalid vector of the specification goes in one flood between two good messages, and hostile ones beside it.
"""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from celeriac import Celeriac, Envelope, InvalidMessage, Message, Result, Wire
from celeriac.job import Address
from celeriac.lifecycle import step as step_of
from celeriac.lifecycle_events import Malformed, Phase, Reject, Store
from celeriac.transport.amqp_link import Link
from celeriac.transport.redis_results import KEY_PREFIX
from tests.support.queues import amqp_length, amqp_publish, dead_letters, redis_length
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker
from tests.unit.spec_data import body_of, vectors, wire_of
from tests.unit.worker_parts import job


def message(**fields: Any) -> Message:
    """A good message, but for these fields."""
    name = fields.setdefault("id", str(uuid.uuid4()))
    return Message.create(**{"task": "t.note", "args": (name,), "origin": "gen1@test", **fields})


def step(**options: Any) -> dict[str, Any]:
    signature: dict[str, Any] = {"task": "t.note", "args": ["never"], "kwargs": {}, "subtask_type": None}
    return {**signature, "immutable": True, "options": options}


LONG = "x" * 300
#: Well-formed each of them, and dangerous to what comes after the decoding: name -> (message, state stored).
HOSTILE = {
    "long-id": (message(id=LONG, correlation_id=None), "SUCCESS"),
    "chord-of-no-group": (message(chord=step()), "SUCCESS"),
    "chord-without-size": (message(chord=step(), group="\ud800"), "SUCCESS"),
    "chord-of-nonsense": (message(chord={**step(), "subtask_type": "net"}, group="g"), "FAILURE"),
    "group-as-callback": (message(callbacks=[{**step(), "subtask_type": "group"}]), "FAILURE"),
    "chord-in-chain": (message(chain=[{**step(), "subtask_type": "chord"}]), "FAILURE"),
    "callback-to-nowhere": (message(callbacks=[step(exchange="nowhere", routing_key="x")]), "FAILURE"),
    "callback-with-long-queue": (message(callbacks=[step(queue=LONG)]), None),
    "callback-with-wild-header": (message(callbacks=[step(queue="x", headers={"n": 10**30})]), None),
    "callback-at-no-time": (message(callbacks=[step(countdown=1e300)]), "FAILURE"),
    "errback-at-no-time": (message(task="t.fail", errbacks=[step(countdown=1e300)]), "FAILURE"),
    "failing-with-wild-chain": (message(task="t.fail", chain=[step(task_id=5, reply_to=7)]), "FAILURE"),
    "failing-with-long-reply-to": (message(task="t.fail", chain=[step(task_id="a", reply_to=LONG)]), "FAILURE"),
    "evil-error": (message(task="t.evil", args=()), "FAILURE"),
    "endless-soft-limit": (message(timelimit=[None, 1e300]), "SUCCESS"),
    "endless-hard-limit": (message(timelimit=[1e300, None]), "SUCCESS"),
    "negative-limits": (message(timelimit=[None, -1]), None),
    "line-break-in-name": (message(task="a\nb"), "FAILURE"),
}


@pytest.fixture(scope="module")
def results(redis_url: str) -> Iterator[Any]:
    """The store of results, looked into directly."""
    with closing(redis.Redis.from_url(redis_url)) as client:
        yield client


def stored(results: Any, task_id: str) -> str | None:
    document = results.get(KEY_PREFIX + task_id)
    return None if document is None else Result.parse(document).status


def clear(results: Any, ids: set[str]) -> None:
    results.delete(*(KEY_PREFIX + task_id for task_id in ids))


# -- RabbitMQ, with a dead-letter queue


@pytest.fixture
def letters(amqp_url: str, amqp_queue: str) -> Iterator[str]:
    """Name of the dead-letter queue of the test's queue; both are declared."""
    with dead_letters(amqp_url, amqp_queue) as name:
        yield name


def test_rabbitmq(amqp_url: str, redis_url: str, amqp_queue: str, letters: str, results: Any, tmp_path: Path) -> None:
    poison = [vector for folder in ("task-v2", "task-v1") for vector in vectors(folder, invalid=True)]
    ids = {vector["wire"]["headers"].get("id") for vector in poison} | {m.id for m, _ in HOSTILE.values()}
    clear(results, {task_id for task_id in ids if isinstance(task_id, str)})
    with (
        Worker(amqp_url, redis_url, amqp_queue, tmp_path / "notes") as worker,
        closing(Link(amqp_url)) as link,
        Celeriac(broker=amqp_url, backend=redis_url) as app,
    ):
        first = app.send_task("t.add", ("first", ""), queue=amqp_queue)
        for vector in poison:
            amqp_publish(link, amqp_queue, wire_of(vector))
        last = app.send_task("t.add", ("last", ""), queue=amqp_queue)
        assert [result.get(timeout=PATIENCE) for result in (first, last)] == ["first", "last"]
        eventually(lambda: amqp_length(link, letters) == len(poison), "all poison is in the dead-letter queue")
        assert stored(results, poison[0]["wire"]["headers"]["id"]) == "FAILURE"
        children = worker.children
        worker.stop()
        assert len(children) == 1 and "ended" not in worker.log, worker.log
        assert amqp_length(link, amqp_queue) == 0


@pytest.mark.parametrize("name", ["task-v2", "task-v1"])
def test_what_is_stored(name: str) -> None:
    """The vectors say what has to be stored; a worker follows ``lifecycle``, which is asked here for each."""
    for vector in vectors(name, invalid=True):
        with pytest.raises(InvalidMessage) as caught:
            Message.parse(wire_of(vector))
        unread = job(None, address=Address(caught.value.task_id, None, None))
        _, actions = step_of(Phase.RECEIVED, Malformed(caught.value), unread)
        states = [action.result.status for action in actions if isinstance(action, Store)]
        expected = vector["reaction"]["store"]
        assert (states, actions[-1]) == ([expected] if expected else [], Reject()), vector["id"]


def test_hostile_messages_on_rabbitmq(amqp_url: str, amqp_queue: str, letters: str, tmp_path: Path) -> None:
    """With results over rpc, so that they have to be addressed, too."""
    with (
        Worker(amqp_url, "rpc://", amqp_queue, tmp_path / "notes") as worker,
        closing(Link(amqp_url)) as link,
        Celeriac(broker=amqp_url, backend="rpc://") as app,
    ):
        children = worker.children
        for hostile, _ in HOSTILE.values():
            amqp_publish(link, amqp_queue, hostile.build(), reply_to=LONG[:255])
        for properties in TABLES.values():
            amqp_publish(link, amqp_queue, Wire(b"[]", None, None, {}, {}), raw=properties)
        assert app.send_task("t.add", ("last", ""), queue=amqp_queue).get(timeout=PATIENCE) == "last"
        assert worker.children == children, worker.log
        assert "connect" not in worker.log.partition("ready")[2], worker.log
        worker.stop()
        assert amqp_length(link, amqp_queue) == 0
        rejected = amqp_length(link, letters)
        assert rejected >= len(TABLES)


def _table(entry: bytes) -> bytes:
    return struct.pack(">HI", 1 << 13, len(entry)) + entry


def _nested(levels: int) -> bytes:
    array = b""
    for _ in range(levels):
        array = b"A" + struct.pack(">I", len(array)) + array
    return array


#: Raw properties that RabbitMQ hands on and py-amqp cannot read.
TABLES = {
    "year-292-billion": _table(b"\x01tT" + struct.pack(">Q", 2**63)),
    "deep": _table(b"\x01a" + _nested(3000)),
    "correlation-id-not-utf8": struct.pack(">HB", 1 << 10, 2) + b"\xff\xfe",
}


# -- Redis


def test_redis(redis_url: str, redis_queue: str, results: Any, tmp_path: Path) -> None:
    poison = [body_of(vector) for vector in vectors("redis", invalid=True)]
    poison += [_item(wire_of(vector)) for vector in vectors("task-v2", invalid=True) if _fits(vector)]
    with (
        Worker(redis_url, redis_url, redis_queue, tmp_path / "notes") as worker,
        Celeriac(broker=redis_url, backend=redis_url, task_default_queue=redis_queue) as app,
    ):
        first = app.send_task("t.add", ("first", ""))
        for item in poison:
            results.lpush(redis_queue, item)
        for hostile, _ in HOSTILE.values():
            results.lpush(redis_queue, _item(hostile.build()))
        last = app.send_task("t.add", ("last", ""))
        assert [result.get(timeout=PATIENCE) for result in (first, last)] == ["first", "last"]
        for name, (hostile, state) in HOSTILE.items():
            assert state is None or stored(results, hostile.id) == state, name
        children = worker.children
        worker.stop()
        assert len(children) == 1 and "ended" not in worker.log, worker.log
        assert redis_length(results, redis_queue) == 0
        assert not _held_for(results, redis_queue)


def _fits(vector: dict[str, Any]) -> bool:
    """Whether JSON can carry the headers."""
    return bool(vector["wire"]["content_type"])


def _item(wire: Wire) -> bytes:
    tag = str(uuid.uuid4())
    envelope = Envelope(wire=wire, delivery_tag=tag, exchange="", routing_key="q", body_encoding="base64")
    return envelope.build()


def _held_for(results: Any, queue: str) -> list[Any]:
    entries = [json.loads(entry, strict=False) for entry in results.hvals("unacked")]
    return [entry for entry in entries if entry[2] == queue]
