"""rq: a pool of workers that fork for each job, or of simple ones, which do not."""

from __future__ import annotations

import redis
from rq import Queue

import job
from marks import noop

JOB = job.current()
queue = Queue(JOB.queue, connection=redis.Redis.from_url(JOB.broker_url))
#: 0: the result is not kept.
KEEP = 86_400 if JOB.result_url else 0


def task(payload: str) -> None:
    """The task."""
    noop(payload)


def work(asked: job.Job) -> list[str]:
    """Run a pool of workers."""
    words = ["worker-pool", asked.queue, "--url", asked.broker_url, "--num-workers", str(asked.processes), "--quiet"]
    words += ["--worker-class", asked.options.get("worker_class", "rq.worker.Worker")]
    return ["-c", f"import sys; sys.argv[0] = 'rq'; from rq.cli import main; main({words!r})"]


def _send(asked: job.Job, count: int) -> None:
    for _ in range(count):
        queue.enqueue(task, asked.payload, result_ttl=KEEP)


def fill(asked: job.Job) -> None:
    """Send what its workers are to find."""
    with redis.Redis.from_url(asked.broker_url).pipeline() as pipeline:
        jobs = [Queue.prepare_data(task, (asked.payload,), result_ttl=KEEP) for _ in range(asked.count)]
        queue.enqueue_many(jobs, pipeline=pipeline)
        pipeline.execute()
    job.answer(count=asked.count)


def produce(asked: job.Job) -> None:
    """Send one by one."""
    _send(asked, 1)
    job.timed(asked.count - 1, lambda: _send(asked, asked.count - 1))
