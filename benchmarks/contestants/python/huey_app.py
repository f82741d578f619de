"""huey, on Redis."""

from __future__ import annotations

from huey import RedisHuey

import job
from marks import noop

JOB = job.current()
huey = RedisHuey("bench", url=JOB.broker_url, results=JOB.result_url is not None)


@huey.task()
def task(payload: str) -> bool:
    """The task; a result of None would not be stored."""
    noop(payload)
    return True


def work(asked: job.Job) -> list[str]:
    """Run the consumer with processes as workers."""
    command = "from huey.bin.huey_consumer import consumer_main; consumer_main()"
    return ["-c", command, "huey_app.huey", "--workers", str(asked.processes), "--worker-type", "process", "--quiet"]


def _send(asked: job.Job, count: int) -> None:
    for _ in range(count):
        task(asked.payload)


def fill(asked: job.Job) -> None:
    """Send what its workers are to find."""
    _send(asked, asked.count)
    job.answer(count=asked.count)


def produce(asked: job.Job) -> None:
    """Send one by one."""
    _send(asked, 1)
    job.timed(asked.count - 1, lambda: _send(asked, asked.count - 1))


def roundtrip(asked: job.Job) -> None:
    """Send one and wait for its result, again and again; it asks for it ever more rarely."""
    job.round_trips(asked.count, lambda: task(asked.payload).get(blocking=True, timeout=30))
