"""Celery, with its defaults unless the options say otherwise."""

from __future__ import annotations

from celery import Celery

import job
from marks import noop

JOB = job.current()
app = Celery("bench", broker=JOB.broker_url, backend=JOB.result_url)
app.conf.task_default_queue = JOB.queue
app.conf.task_ignore_result = JOB.result_url is None
app.conf.update(JOB.options.get("settings", {}))
task = app.task(name="bench.noop")(noop)


def work(asked: job.Job) -> list[str]:
    """Run the worker."""
    words = ["-m", "celery", "-A", "celery_app", "worker", "-c", str(asked.processes), "-Q", asked.queue]
    return [*words, "-l", "warning", *asked.options.get("worker", ())]


def produce(asked: job.Job) -> None:
    """Send one by one: Celery has no call that sends many."""
    task.apply_async((asked.payload,))

    def one_by_one() -> None:
        for _ in range(asked.count - 1):
            task.apply_async((asked.payload,))

    job.timed(asked.count - 1, one_by_one)


def roundtrip(asked: job.Job) -> None:
    """Send one and wait for its result, again and again."""
    job.round_trips(asked.count, lambda: task.delay(asked.payload).get(timeout=30))
