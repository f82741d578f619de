"""aio-pika alone, with publisher confirms, as many in flight as the options say."""

from __future__ import annotations

import asyncio
import uuid

import aio_pika

import celery_wire as wire
import job


def produce(asked: job.Job) -> None:
    """Send, a batch awaited at a time."""
    loop = asyncio.new_event_loop()
    connection, exchange = loop.run_until_complete(_connect(asked))
    at_once = asked.options.get("at_once", 100)
    text = wire.body(asked.payload).encode()

    async def send(count: int) -> None:
        for start in range(0, count, at_once):
            batch = (_message(asked, text) for _ in range(min(at_once, count - start)))
            await asyncio.gather(*(exchange.publish(one, asked.queue) for one in batch))

    loop.run_until_complete(send(1))
    job.timed(asked.count - 1, lambda: loop.run_until_complete(send(asked.count - 1)))
    loop.run_until_complete(connection.close())


async def _connect(asked: job.Job) -> tuple[aio_pika.abc.AbstractConnection, aio_pika.abc.AbstractExchange]:
    connection = await aio_pika.connect(asked.broker_url)
    channel = await connection.channel()
    await channel.declare_queue(asked.queue, durable=True)
    return connection, channel.default_exchange


def _message(asked: job.Job, text: bytes) -> aio_pika.Message:
    task_id = str(uuid.uuid4())
    return aio_pika.Message(
        text,
        content_type=wire.CONTENT_TYPE,
        content_encoding=wire.CONTENT_ENCODING,
        headers=wire.headers(task_id, asked.payload),
        correlation_id=task_id,
        delivery_mode=2,
    )
