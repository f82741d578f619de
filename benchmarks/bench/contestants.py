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


def celeriac(name: str = "celeriac", **options: Any) -> Contestant:
    """This repository's worker and producer."""
    return Contestant(name=name, adapter="celeriac_app", environment="celeriac", keeps=EVERYTHING, options=options)


def celery(
    name: str, *words: str, quick: bool = True, keeps: frozenset[Guarantee] = CELERY_WORKER, **settings: Any
) -> Contestant:
    """Celery 5.7 with these words on its command line."""
    options = {"worker": words, "settings": settings}
    return Contestant(name=name, adapter="celery_app", environment="celery", keeps=keeps, options=options, quick=quick)


CELERIAC = celeriac()
CELERIAC_WIDE = celeriac("celeriac --prefetch 100", worker=("--prefetch", "100"))
CELERIAC_EVENTS = celeriac("celeriac -E", worker=("-E", "--prefetch", "100"))
CELERIAC_WORKERS = (CELERIAC, CELERIAC_WIDE)

PREFORK = celery("celery prefork", "-P", "prefork")
PREFORK_TUNED = celery("celery prefork tuned", "-P", "prefork", *QUIET, worker_prefetch_multiplier=64)
PREFORK_LATE = celery(
    "celery prefork, acks_late", "-P", "prefork", quick=False, keeps=CELERY_LATE,
    task_acks_late=True, task_reject_on_worker_lost=True,
)  # fmt: skip
PREFORK_EVENTS = celery("celery prefork -E", "-P", "prefork", "-E")
THREADS = celery("celery threads -c10", "-P", "threads", "-c", "10", quick=False)
SOLO = celery("celery solo tuned", "-P", "solo", *QUIET, quick=False, worker_prefetch_multiplier=64)
CELERY_PREFORKS = (PREFORK, PREFORK_TUNED)
CELERY_WORKERS = (*CELERY_PREFORKS, PREFORK_LATE, THREADS, SOLO)


def bare(
    name: str, adapter: str, *, keeps: frozenset[Guarantee] = frozenset(), quick: bool = True, **options: Any
) -> Contestant:
    """A driver alone: a ceiling."""
    return Contestant(
        name=name, adapter=adapter, environment="drivers", keeps=keeps, options=options, ceiling=True, quick=quick
    )


BARE_AMQP = bare("bare py-amqp", "bare_amqp", keeps=frozenset({P, A}))
BARE_AMQP_MANY = bare("bare py-amqp, an ack for 50", "bare_amqp", keeps=frozenset({P, A}), ack_every=50)
BARE_KOMBU = bare("bare kombu", "bare_kombu", keeps=frozenset({P, A}), quick=False)
BARE_REDIS = bare("bare redis-py, one by one", "bare_redis", quick=False)
BARE_REDIS_MANY = bare("bare redis-py, a hundred at once", "bare_redis", many=True)
