"""arq: two workers, each with a hundred jobs at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from arq.worker import Worker, func

import job
from marks import noop

JOB = job.current()
SETTINGS = RedisSettings.from_dsn(JOB.broker_url)
KEEP = 86_400 if JOB.result_url else 0


async def task(_context: dict[str, Any], payload: str) -> None:
    """The task."""
    noop(payload)


def work(asked: job.Job) -> None:
    """Run the workers; it has no command that starts several."""
    job.multiply(asked.processes)

    async def forever() -> None:
        functions = [func(task, name="task", keep_result=KEEP)]
        worker = Worker(functions, queue_name=asked.queue, redis_settings=SETTINGS, max_jobs=100, handle_signals=False)
        await worker.async_run()

    asyncio.run(forever())


async def _send(pool: ArqRedis, asked: job.Job, count: int, at_once: int) -> None:
    for start in range(0, count, at_once):
        calls = range(min(at_once, count - start))
        await asyncio.gather(*(pool.enqueue_job("task", asked.payload, _queue_name=asked.queue) for _ in calls))


def fill(asked: job.Job) -> None:
    """Send what its workers are to find."""

    async def all_of_it() -> None:
        await _send(await create_pool(SETTINGS), asked, asked.count, 50)

    asyncio.run(all_of_it())
    job.answer(count=asked.count)


def produce(asked: job.Job) -> None:
    """Send one by one."""
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(create_pool(SETTINGS))
    loop.run_until_complete(_send(pool, asked, 1, 1))
    job.timed(asked.count - 1, lambda: loop.run_until_complete(_send(pool, asked, asked.count - 1, 1)))


def roundtrip(asked: job.Job) -> None:
    """Send one and wait for its result, again and again."""
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(create_pool(SETTINGS))

    async def once() -> None:
        sent = await pool.enqueue_job("task", asked.payload, _queue_name=asked.queue)
        assert sent is not None
        await sent.result(timeout=30, poll_delay=0.001)

    job.round_trips(asked.count, lambda: loop.run_until_complete(once()))
