"""Messages that come later: through RabbitMQ's own delays, and from the periodic scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from celery import beat

from . import cases_version, shop, topology
from .drive import provenance, run
from .topology import forget
from .vectors import Mismatch, Vector, captured, check
from .wires import Rabbit, eventually

QUEUE = "shop.quorum"
#: A quorum queue on a topic exchange: what native delayed delivery asks for.
CONF: dict[str, Any] = {
    "task_default_queue": QUEUE,
    "task_default_queue_type": "quorum",
    "task_default_exchange_type": "topic",
    "worker_detect_quorum_queues": True,
}
WORKER = "celery worker --pool solo -n w1@host.example"
TOPOLOGY_IDS = ("BR-AMQP-011", "BR-AMQP-012", "BR-AMQP-013", "BR-AMQP-024")
DELAYED_IDS = ("BR-AMQP-013", "BR-AMQP-014")
#: Two bits of the routing key are set.
DELAY = 3
DELAYED = f"add.apply_async((2, 3), countdown={DELAY})"
LEVELS = 28
EVERY_SECONDS = 0.01
SCHEDULE = {"nightly": {"task": "shop.add", "schedule": EVERY_SECONDS, "args": (2, 3)}}
TICK = "celery.beat.Scheduler(app).tick()"


def delayed(rabbit: Rabbit) -> Iterator[Vector]:
    """What a worker declares for delays by the broker, and a task that has gone through them."""
    forget(rabbit, QUEUE)
    methods = topology.of_worker(rabbit, QUEUE, **CONF)
    text = cases_version.about("a worker with a quorum queue: prefetch per consumer, exchanges for delayed delivery")
    origin = provenance(rabbit, f"app.conf.update({CONF}); {WORKER}")
    yield captured(
        cases_version.named("topology", "worker-quorum"), "topology", text, TOPOLOGY_IDS, origin, {"methods": methods}
    )
    with shop.build(rabbit.url, None, **CONF) as app:
        run(DELAYED, app)
        wire = rabbit.take(QUEUE)
    held = f"a task that RabbitMQ held for {DELAY} seconds: x-death has the exchange and the key of its publication"
    text = cases_version.about(held)
    origin = provenance(rabbit, f"app.conf.update({CONF}); {DELAYED}")
    vector = captured(cases_version.named("task-v2/optional", "delayed"), "task", text, DELAYED_IDS, origin, wire)
    check(vector, {"args": [2, 3], "retries": 0})
    if not vector.expected["message"]["eta"]:
        raise Mismatch(f"{vector.id}: no eta")
    yield vector
    forget(rabbit, QUEUE, *(f"celery_delayed_{level}" for level in range(LEVELS)))


def periodic(rabbit: Rabbit) -> Iterator[Vector]:
    """A task that the scheduler sends."""
    rabbit.empty("celery")
    with shop.build(rabbit.url, None, beat_schedule=SCHEDULE) as app:
        scheduler = beat.Scheduler(app)
        eventually("the schedule to come due", lambda: (scheduler.tick() is not None and sent(rabbit)) or None)
        wire = rabbit.take("celery")
    call = f"app.conf.beat_schedule = {json.dumps(SCHEDULE)}; {TICK}"
    text = cases_version.about("a task of the periodic scheduler")
    vector = captured(
        cases_version.named("task-v2", "beat"), "task", text, ("TM-HDR-008",), provenance(rabbit, call), wire
    )
    check(vector, {"task": "shop.add", "args": [2, 3], "root_id": vector.expected["message"]["id"]})
    yield vector


def sent(rabbit: Rabbit) -> bool:
    """Whether there is a message."""
    return bool(rabbit.channel.queue_declare("celery", passive=True).message_count)
