"""Celeriac: this repository's worker and producer."""

from __future__ import annotations

import job
from celeriac import Celeriac
from marks import noop

TASK = "bench.noop"
JOB = job.current()
app = Celeriac(
    "bench",
    broker=JOB.broker_url,
    backend=JOB.result_url,
    task_default_queue=JOB.queue,
    **JOB.options.get("settings", {}),
)
task = app.task(name=TASK)(noop)


def work(asked: job.Job) -> list[str]:
    """Run the worker."""
    words = ["-m", "celeriac", "-A", "celeriac_app", "worker", "-c", str(asked.processes), "-Q", asked.queue]
    return [*words, *asked.options.get("worker", ())]


def produce(asked: job.Job) -> None:
    """Send one by one, or many at once; every message confirmed unless the options say otherwise."""
    options = asked.options.get("send", {})
    task.apply_async((asked.payload,), **options)
    if asked.options.get("many"):
        sent = [task.s(asked.payload) for _ in range(asked.count - 1)]
        job.timed(asked.count - 1, lambda: app.send_many(sent))
        return

    def one_by_one() -> None:
        for _ in range(asked.count - 1):
            task.apply_async((asked.payload,), **options)

    job.timed(asked.count - 1, one_by_one)


def roundtrip(asked: job.Job) -> None:
    """Send one and wait for its result, again and again."""
    job.round_trips(asked.count, lambda: task.delay(asked.payload).get(timeout=30))
