"""taskiq, on taskiq-aio-pika or on taskiq-redis' stream; results, where asked for, in Redis."""

from __future__ import annotations

import asyncio
import logging

from taskiq import AsyncBroker
from taskiq_aio_pika import AioPikaBroker
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

import job
from marks import noop

JOB = job.current()
logging.disable(logging.INFO)


def _broker() -> AsyncBroker:
    made: AsyncBroker
    if JOB.broker == "amqp":
        made = AioPikaBroker(JOB.broker_url, **JOB.options.get("rabbitmq", {}))
    else:
        made = RedisStreamBroker(JOB.broker_url)
    if JOB.result_url:
        made = made.with_result_backend(RedisAsyncResultBackend(JOB.result_url))
    return made


broker = _broker()


@broker.task(task_name="bench.noop")
async def task(payload: str) -> None:
    """The task, which waits for nothing."""
    noop(payload)


def work(asked: job.Job) -> list[str]:
    """Run the worker."""
    words = ["-m", "taskiq", "worker", "taskiq_app:broker", "--workers", str(asked.processes)]
    return [*words, "--log-level", "WARNING", *asked.options.get("worker", ())]


async def _send(asked: job.Job, count: int, at_once: int) -> None:
    left = count
    while left:
        batch = min(left, at_once)
        await asyncio.gather(*(task.kiq(asked.payload) for _ in range(batch)))
        left -= batch


def fill(asked: job.Job) -> None:
    """Send what its workers are to find."""

    async def all_of_it() -> None:
        await broker.startup()
        await _send(asked, asked.count, 100)
        await broker.shutdown()

    asyncio.run(all_of_it())
    job.answer(count=asked.count)


def produce(asked: job.Job) -> None:
    """Send as many at once as the options say."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(broker.startup())
    loop.run_until_complete(_send(asked, 1, 1))
    sending = _send(asked, asked.count - 1, asked.options.get("at_once", 1))
    job.timed(asked.count - 1, lambda: loop.run_until_complete(sending))
    loop.run_until_complete(broker.shutdown())


def roundtrip(asked: job.Job) -> None:
    """Send one and wait for its result, again and again; it asks for it every millisecond."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(broker.startup())

    async def once() -> None:
        sent = await task.kiq(asked.payload)
        await sent.wait_result(check_interval=0.001, timeout=30)

    job.round_trips(asked.count, lambda: loop.run_until_complete(once()))
    loop.run_until_complete(broker.shutdown())
