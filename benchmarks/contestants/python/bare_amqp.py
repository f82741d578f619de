"""py-amqp alone: what a worker and a producer in Python cannot be faster than without a parser of their own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import amqp

import celery_wire as wire
import job
from marks import noop


def _connect(asked: job.Job) -> amqp.Connection:
    parts = urlsplit(asked.broker_url)
    connection = amqp.Connection(f"{parts.hostname}:{parts.port}", **asked.options.get("connection", {}))
    connection.connect()
    return connection


def work(asked: job.Job) -> None:
    """Consume, decode, run, acknowledge, in as many processes as are asked for."""
    job.multiply(asked.processes)
    connection = _connect(asked)
    channel = connection.channel()
    channel.basic_qos(0, 100, False)
    every = asked.options.get("ack_every", 1)
    count = 0

    def on_message(message: amqp.Message) -> None:
        nonlocal count
        args, kwargs, _embed = json.loads(message.body)
        noop(*args, **kwargs)
        count += 1
        if count % every == 0:
            channel.basic_ack(message.delivery_tag, multiple=every > 1)

    channel.basic_consume(asked.queue, callback=on_message)
    try:
        while True:
            connection.drain_events()
    finally:
        channel.basic_ack(0, multiple=True)
        # Not in order: where messages are left, the signal may have come in the middle of a frame, and there is no more
        # reading after it.
        connection.collect()


def _publisher(asked: job.Job, channel: amqp.Channel) -> Callable[[], None]:
    text = wire.body(asked.payload)

    def publish() -> None:
        task_id = str(uuid.uuid4())
        message = amqp.Message(
            text,
            content_type=wire.CONTENT_TYPE,
            content_encoding=wire.CONTENT_ENCODING,
            application_headers=wire.headers(task_id, asked.payload),
            **wire.properties(task_id, "bench"),
        )
        channel.basic_publish(message, "", asked.queue)

    return publish


def produce(asked: job.Job) -> None:
    """Send one by one; with ``confirm_publish`` among the options of the connection, each confirmed."""
    connection = _connect(asked)
    channel = connection.channel()
    channel.queue_declare(asked.queue, durable=True, auto_delete=False)
    publish = _publisher(asked, channel)
    publish()

    def one_by_one() -> None:
        for _ in range(asked.count - 1):
            publish()

    job.timed(asked.count - 1, one_by_one)
    connection.close()


def roundtrip(asked: job.Job) -> None:
    """A call and its answer over two queues: the least that an RPC through this broker takes."""
    connection = _connect(asked)
    channel = connection.channel()
    # The other end may not be there yet, and a call without a queue would be lost.
    channel.queue_declare(asked.queue, durable=True, auto_delete=False)
    answers = channel.queue_declare("", exclusive=True).queue
    arrived: list[amqp.Message] = []
    channel.basic_consume(answers, no_ack=True, callback=arrived.append)

    def once() -> None:
        channel.basic_publish(amqp.Message(wire.body(asked.payload), reply_to=answers), "", asked.queue)
        while not arrived:
            connection.drain_events()
        arrived.clear()

    job.round_trips(asked.count, once)


def answer(asked: job.Job) -> None:
    """The other end of ``roundtrip``: takes calls, sends answers."""
    connection = _connect(asked)
    channel = connection.channel()
    channel.queue_declare(asked.queue, durable=True, auto_delete=False)

    def on_message(message: amqp.Message) -> None:
        noop()
        channel.basic_publish(amqp.Message(b"null"), "", message.properties["reply_to"])
        channel.basic_ack(message.delivery_tag)

    channel.basic_consume(asked.queue, callback=on_message)
    while True:
        connection.drain_events()
