"""Who is measured. A row names an adapter, what it is started with, and what it keeps (see ``Guarantee``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.model import Contestant, Guarantee

P, C, A, R, D = Guarantee
EVERYTHING = frozenset({P, C, A, R, D})
CELERY_WORKER = frozenset({P})
CELERY_LATE = frozenset({P, A, R})

#: Celery as its users tune it for short tasks: a wide window, nothing sent that nobody reads.
WIDE: Mapping[str, Any] = {"settings": {"worker_prefetch_multiplier": 64}}
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def celeriac(name: str = "celeriac", *, keeps: frozenset[Guarantee] = EVERYTHING, **options: Any) -> Contestant:
    """This repository's worker and producer."""
    return Contestant(name=name, adapter="celeriac_app", environment="celeriac", keeps=keeps, options=options)


def celery(name: str, *words: str, keeps: frozenset[Guarantee] = CELERY_WORKER, **settings: Any) -> Contestant:
    """Celery 5.7 with these words on its command line."""
    options = {"worker": words, "settings": settings}
    return Contestant(name=name, adapter="celery_app", environment="celery", keeps=keeps, options=options)


CELERIAC = celeriac()
CELERIAC_WIDE = celeriac("celeriac --prefetch 100", worker=("--prefetch", "100"))
CELERIAC_FOUR = celeriac("celeriac -c 4 --prefetch 100", worker=("--prefetch", "100"), processes=4)
CELERIAC_EVENTS = celeriac("celeriac -E", worker=("-E", "--prefetch", "100"))
CELERIAC_WORKERS = (CELERIAC, CELERIAC_WIDE)

PREFORK = celery("celery prefork", "-P", "prefork")
PREFORK_TUNED = celery("celery prefork tuned", "-P", "prefork", *QUIET, worker_prefetch_multiplier=64)
#: With a window, Celery takes in tasks that are due later ten a second, because each of them widens it by one.
PREFORK_UNLIMITED = celery("celery prefork, no window", "-P", "prefork", worker_prefetch_multiplier=0)
PREFORK_LATE = celery(
    "celery prefork, acks_late", "-P", "prefork", keeps=CELERY_LATE,
    task_acks_late=True, task_reject_on_worker_lost=True,
)  # fmt: skip
PREFORK_EVENTS = celery("celery prefork -E", "-P", "prefork", "-E")
THREADS = celery("celery threads -c10", "-P", "threads", "-c", "10")
SOLO = celery("celery solo tuned", "-P", "solo", *QUIET, worker_prefetch_multiplier=64)
CELERY_PREFORKS = (PREFORK, PREFORK_TUNED)
CELERY_WORKERS = (*CELERY_PREFORKS, PREFORK_LATE, THREADS, SOLO)


def bare(name: str, adapter: str, *, keeps: frozenset[Guarantee] = frozenset(), **options: Any) -> Contestant:
    """A driver alone: a ceiling."""
    return Contestant(name=name, adapter=adapter, environment="drivers", keeps=keeps, options=options, ceiling=True)


BARE_AMQP = bare("bare py-amqp", "bare_amqp", keeps=frozenset({P, A}))
BARE_AMQP_MANY = bare("bare py-amqp, an ack for 50", "bare_amqp", keeps=frozenset({P, A}), ack_every=50)
BARE_KOMBU = bare("bare kombu", "bare_kombu", keeps=frozenset({P, A}))
BARE_REDIS = bare("bare redis-py, one by one", "bare_redis")
BARE_REDIS_MANY = bare("bare redis-py, a hundred at once", "bare_redis", many=True)
LIBRABBITMQ = bare("C, librabbitmq, an ack each", "c_consumer", ack_every=1)
LIBRABBITMQ_MANY = bare("C, librabbitmq, an ack for 50", "c_consumer", ack_every=50)
CEILINGS_RABBITMQ = (BARE_AMQP, BARE_AMQP_MANY, BARE_KOMBU, LIBRABBITMQ, LIBRABBITMQ_MANY)
CEILINGS_REDIS = (BARE_REDIS, BARE_REDIS_MANY)


def peer(name: str, adapter: str, keeps: frozenset[Guarantee], *, fill: str = "", **options: Any) -> Contestant:
    """Another Python task queue, in the environment of its name."""
    environment = adapter.removesuffix("_app")
    return Contestant(
        name=name, adapter=adapter, environment=environment, keeps=keeps, options=options,
        fill=fill or adapter, fill_environment=environment,
    )  # fmt: skip


DRAMATIQ = peer("dramatiq -p2 -t8", "dramatiq_app", frozenset({P, A, R}))
TASKIQ = peer("taskiq -w2", "taskiq_app", frozenset({P, A, R}))
HUEY = peer("huey, 2 processes", "huey_app", frozenset({P}))
RQ = peer("rq, pool of 2", "rq_app", frozenset({P}))
RQ_SIMPLE = peer("rq, pool of 2 simple workers", "rq_app", frozenset({P}), worker_class="rq.worker.SimpleWorker")
ARQ = peer("arq, 2 workers", "arq_app", frozenset({P, A, R, D}))
PEERS_RABBITMQ = (DRAMATIQ, TASKIQ)
PEERS_REDIS = (DRAMATIQ, TASKIQ, HUEY, RQ, RQ_SIMPLE, ARQ)

# -- producers

SENDS = celeriac("celeriac, one confirmed send after the other")
SENDS_MANY = celeriac("celeriac send_many", many=True)
SENDS_UNCONFIRMED = celeriac("celeriac, confirm=False", keeps=frozenset({P}), send={"confirm": False})
CELERY_SENDS = celery("celery apply_async", keeps=frozenset({P}))
CELERY_SENDS_CONFIRMED = celery(
    "celery apply_async, confirmed", keeps=frozenset({P, C}), broker_transport_options={"confirm_publish": True}
)
CONFIRMED = frozenset({P, C})
BARE_AMQP_SENDS = bare("bare py-amqp, no confirms", "bare_amqp", keeps=frozenset({P}))
BARE_AMQP_CONFIRMED = bare(
    "bare py-amqp, each confirmed", "bare_amqp", keeps=CONFIRMED, connection={"confirm_publish": True}
)
BARE_KOMBU_SENDS = bare("bare kombu, no confirms", "bare_kombu", keeps=frozenset({P}))
AIO_PIKA = bare("aio-pika, 100 confirms in flight", "aio_pika_app", keeps=CONFIRMED, at_once=100)
AIO_PIKA_ONE = bare("aio-pika, each confirmed", "aio_pika_app", keeps=CONFIRMED, at_once=1)
DRAMATIQ_SENDS = peer("dramatiq", "dramatiq_app", frozenset({P}))
TASKIQ_SENDS = peer("taskiq", "taskiq_app", CONFIRMED)
HUEY_SENDS = peer("huey", "huey_app", CONFIRMED)
RQ_SENDS = peer("rq", "rq_app", CONFIRMED)
ARQ_SENDS = peer("arq", "arq_app", CONFIRMED)
SENDERS_RABBITMQ = (
    *(SENDS, SENDS_MANY, SENDS_UNCONFIRMED, CELERY_SENDS, CELERY_SENDS_CONFIRMED, DRAMATIQ_SENDS, TASKIQ_SENDS),
    *(AIO_PIKA, AIO_PIKA_ONE, BARE_AMQP_SENDS, BARE_AMQP_CONFIRMED, BARE_KOMBU_SENDS),
)
BARE_REDIS_SENDS = bare("bare redis-py, one by one", "bare_redis", keeps=CONFIRMED)
BARE_REDIS_SENDS_MANY = bare("bare redis-py, pipelines of 100", "bare_redis", keeps=CONFIRMED, many=True)
SENDERS_REDIS = (
    *(SENDS, SENDS_MANY, CELERY_SENDS, DRAMATIQ_SENDS, TASKIQ_SENDS, HUEY_SENDS, RQ_SENDS, ARQ_SENDS),
    *(BARE_REDIS_SENDS, BARE_REDIS_SENDS_MANY),
)

# -- round trips

CELERY_SOLO = celery("celery solo", "-P", "solo")
TRIPS_RABBITMQ = (CELERIAC, PREFORK, CELERY_SOLO, bare("bare py-amqp RPC", "bare_amqp"))
TRIPS_REDIS = (CELERIAC, PREFORK, CELERY_SOLO, DRAMATIQ, TASKIQ, HUEY, ARQ, bare("bare redis-py RPC", "bare_redis"))

# -- Node and PHP


def node(
    name: str, adapter: str, keeps: frozenset[Guarantee] = frozenset(), *, ceiling: bool = False, **options: Any
) -> Contestant:
    """A client, or a task queue, of Node."""
    fill = {"fill": adapter, "fill_environment": "node"} if adapter == "bullmq_app" else {}
    return Contestant(
        name=name, adapter=adapter, environment="node", language="node", keeps=keeps, options=options, ceiling=ceiling,
        **fill,
    )  # fmt: skip


def php(name: str, adapter: str, keeps: frozenset[Guarantee], *, ceiling: bool = False, **options: Any) -> Contestant:
    """A client of PHP."""
    return Contestant(
        name=name, adapter=adapter, environment="php", language="php", keeps=keeps, options=options, ceiling=ceiling,
    )  # fmt: skip


NODE_SENDS = node("celeriac (Node) sendMany of 100", "celeriac_client", CONFIRMED, at_once=100)
NODE_SENDS_ONE = node("celeriac (Node), one after the other", "celeriac_client", CONFIRMED, at_once=1)
CELERY_NODE_SENDS = node("celery-node", "celery_node", frozenset({P}))
CELERY_TS_SENDS = node("celery-ts", "celery_ts", frozenset({P}))
AMQPLIB = node("bare amqplib, 100 confirms in flight", "amqplib_bare", CONFIRMED, ceiling=True, at_once=100)
PHP_SENDS = php("celeriac (PHP) sendMany of 100", "celeriac_client", CONFIRMED, at_once=100)
PHP_SENDS_ONE = php("celeriac (PHP), one after the other", "celeriac_client", CONFIRMED, at_once=1)
PHP_AMQPLIB = php("bare php-amqplib, 100 confirms in flight", "amqplib_bare", CONFIRMED, ceiling=True, at_once=100)
EXT_AMQP = php("bare ext-amqp, no confirms", "ext_amqp", frozenset({P}), ceiling=True)
PHPREDIS = php("bare phpredis, pipelines of 100", "phpredis", CONFIRMED, ceiling=True, at_once=100)
FOREIGN_RABBITMQ = (
    *(NODE_SENDS, NODE_SENDS_ONE, CELERY_NODE_SENDS, CELERY_TS_SENDS, AMQPLIB),
    *(PHP_SENDS, PHP_SENDS_ONE, PHP_AMQPLIB, EXT_AMQP),
)
BULLMQ_SENDS = node("BullMQ addBulk of 100", "bullmq_app", CONFIRMED, at_once=100)
FOREIGN_REDIS = (NODE_SENDS, CELERY_NODE_SENDS, BULLMQ_SENDS, PHP_SENDS, PHPREDIS)
CELERY_NODE = node("celery-node worker, one process", "celery_node", frozenset({P}))
BULLMQ = node("BullMQ, one process, 100 at a time", "bullmq_app", frozenset({P, A, R, D}))
