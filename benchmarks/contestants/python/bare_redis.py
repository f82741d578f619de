"""redis-py alone, on lists with Celery's envelopes in them."""

from __future__ import annotations

import base64
import json
import uuid

import redis

import celery_wire as wire
import job
from marks import noop

BATCH = 100


def _run(item: bytes) -> str:
    document = json.loads(item)
    args, kwargs, _embed = json.loads(base64.b64decode(document["body"]))
    noop(*args, **kwargs)
    return str(document["headers"]["id"])


def work(asked: job.Job) -> None:
    """Take, decode, run, and store a result where one is asked for; nothing brings back what a crash loses."""
    job.multiply(asked.processes)
    client = redis.Redis.from_url(asked.broker_url)
    while True:
        if asked.options.get("many"):
            taken = client.execute_command("BLMPOP", 0, 1, asked.queue, "RIGHT", "COUNT", BATCH)[1]
        else:
            taken = [client.brpop(asked.queue)[1]]
        ids = [_run(item) for item in taken]
        if asked.result_url:
            pipeline = client.pipeline(transaction=False)
            for task_id in ids:
                document = json.dumps({"status": "SUCCESS", "result": None, "task_id": task_id})
                pipeline.setex(f"celery-task-meta-{task_id}", 86_400, document)
            pipeline.execute()


def produce(asked: job.Job) -> None:
    """Push one by one, or in pipelines of a hundred."""
    client = redis.Redis.from_url(asked.broker_url)
    text = wire.body(asked.payload)
    client.ping()

    def item() -> bytes:
        return wire.envelope(str(uuid.uuid4()), asked.queue, asked.payload, text)

    def many() -> None:
        for start in range(0, asked.count, BATCH):
            pipeline = client.pipeline(transaction=False)
            for _ in range(min(BATCH, asked.count - start)):
                pipeline.lpush(asked.queue, item())
            pipeline.execute()

    def one_by_one() -> None:
        for _ in range(asked.count):
            client.lpush(asked.queue, item())

    job.timed(asked.count, many if asked.options.get("many") else one_by_one)


def roundtrip(asked: job.Job) -> None:
    """A call and its answer over two lists: the least that an RPC through this server takes."""
    client = redis.Redis.from_url(asked.broker_url)

    def once() -> None:
        client.lpush(asked.queue, wire.body(asked.payload))
        client.brpop(f"{asked.queue}.replies")

    job.round_trips(asked.count, once)


def answer(asked: job.Job) -> None:
    """The other end of ``roundtrip``: takes calls, sends answers."""
    client = redis.Redis.from_url(asked.broker_url)
    while True:
        client.brpop(asked.queue)
        noop()
        client.lpush(f"{asked.queue}.replies", b"null")
