"""Fills a queue with Celery's messages for whoever speaks Celery's protocol: the same ones for each of them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import amqp
import redis

import celery_wire as wire
import job

BATCH = 500


def fill(asked: job.Job) -> None:
    """Put ``count`` messages into the queue, and return when the broker has all of them."""
    (_on_rabbitmq if asked.broker == "amqp" else _on_redis)(asked)
    job.answer(count=asked.count)


def _eta(asked: job.Job) -> str | None:
    return (datetime.now(timezone.utc) + timedelta(seconds=asked.delay)).isoformat() if asked.delay else None


def _on_rabbitmq(asked: job.Job) -> None:
    parts = urlsplit(asked.broker_url)
    with amqp.Connection(f"{parts.hostname}:{parts.port}") as connection:
        channel = connection.channel()
        channel.confirm_select()
        channel.queue_declare(asked.queue, durable=True, auto_delete=False)
        replies = f"{asked.queue}.replies"
        channel.queue_declare(replies, durable=True, auto_delete=False)
        text, eta = wire.body(asked.payload), _eta(asked)
        open_tags = _confirmations(channel)
        for number in range(asked.count):
            task_id = str(uuid.uuid4())
            message = amqp.Message(
                text,
                content_type=wire.CONTENT_TYPE,
                content_encoding=wire.CONTENT_ENCODING,
                application_headers={**wire.headers(task_id, asked.payload), "eta": eta},
                **wire.properties(task_id, replies),
            )
            open_tags.add(number + 1)
            channel.basic_publish(message, "", asked.queue)
            while len(open_tags) >= BATCH:
                connection.drain_events(timeout=30)
        while open_tags:
            connection.drain_events(timeout=30)


def _confirmations(channel: amqp.Channel) -> set[int]:
    unconfirmed: set[int] = set()

    def on_ack(tag: int, multiple: bool) -> None:
        unconfirmed.difference_update([t for t in unconfirmed if t <= tag] if multiple else [tag])

    channel.events["basic_ack"].add(on_ack)
    return unconfirmed


def _on_redis(asked: job.Job) -> None:
    client = redis.Redis.from_url(asked.broker_url)
    text = wire.body(asked.payload)
    for start in range(0, asked.count, BATCH):
        pipeline = client.pipeline(transaction=False)
        for _ in range(min(BATCH, asked.count - start)):
            pipeline.lpush(asked.queue, wire.envelope(str(uuid.uuid4()), asked.queue, asked.payload, text))
        pipeline.execute()
