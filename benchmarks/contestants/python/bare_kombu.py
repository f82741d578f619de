"""kombu alone: its Connection, Consumer and Producer around no-op tasks."""

from __future__ import annotations

import uuid

import kombu

import celery_wire as wire
import job
from marks import noop


def work(asked: job.Job) -> None:
    """Consume, decode, run, acknowledge each, in as many processes as are asked for."""
    job.multiply(asked.processes)
    with kombu.Connection(asked.broker_url) as connection:

        def on_message(body: list[object], message: kombu.Message) -> None:
            args, kwargs, _embed = body
            noop(*args, **kwargs)
            message.ack()

        queue = kombu.Queue(asked.queue, durable=True)
        with connection.Consumer([queue], callbacks=[on_message], prefetch_count=100):
            while True:
                connection.drain_events()


def produce(asked: job.Job) -> None:
    """Send one by one."""
    with kombu.Connection(asked.broker_url, transport_options=asked.options.get("transport", {})) as connection:
        producer = connection.Producer(routing_key=asked.queue)
        kombu.Queue(asked.queue, durable=True, channel=connection.default_channel).declare()

        def publish() -> None:
            task_id = str(uuid.uuid4())
            producer.publish(
                [[asked.payload], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}],
                headers=wire.headers(task_id, asked.payload),
                **wire.properties(task_id, "bench"),
            )

        def one_by_one() -> None:
            for _ in range(asked.count - 1):
                publish()

        publish()
        job.timed(asked.count - 1, one_by_one)
