"""dramatiq, with its RabbitMQ or its Redis broker; results, where asked for, in Redis."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

import job
from marks import noop

JOB = job.current()
# pika takes "//" for a virtual host without a name.
broker = (
    RabbitmqBroker(url=JOB.broker_url.removesuffix("//") + "/%2F")
    if JOB.broker == "amqp"
    else RedisBroker(url=JOB.broker_url)
)
if JOB.result_url:
    broker.add_middleware(Results(backend=RedisBackend(url=JOB.result_url), store_results=True))
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=JOB.queue)
def task(payload: str) -> bool:
    """The task; a result of None would not be stored."""
    noop(payload)
    return True


def work(asked: job.Job) -> list[str]:
    """Run the worker: processes, and threads in each, which it cannot do without."""
    threads = str(asked.options.get("threads", 8))
    return ["-m", "dramatiq", "dramatiq_app", "--processes", str(asked.processes), "--threads", threads]


def _send(asked: job.Job, count: int) -> None:
    for _ in range(count):
        task.send(asked.payload)


def fill(asked: job.Job) -> None:
    """Send what its workers are to find."""
    _send(asked, asked.count)
    broker.close()
    job.answer(count=asked.count)


def produce(asked: job.Job) -> None:
    """Send one by one."""
    _send(asked, 1)
    job.timed(asked.count - 1, lambda: _send(asked, asked.count - 1))
    broker.close()


def roundtrip(asked: job.Job) -> None:
    """Send one and wait for its result, again and again."""
    job.round_trips(asked.count, lambda: task.send(asked.payload).get_result(block=True, timeout=30_000))
