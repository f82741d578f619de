"""What a worker is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from celeriac.serialization import DEFAULT_LIMITS, JSON, Limits
from celeriac.task import Runnable


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """``prefetch`` counts the messages that each process holds, running or next (AMQP: of each queue).

    ``result_expires`` is in seconds. A task is run until so many processes have died running it: ``max_deaths``.
    """

    broker: str
    backend: str | None
    tasks: Mapping[str, Runnable]
    hostname: str
    queues: Sequence[str] = ("celery",)
    default_queue: str = "celery"
    concurrency: int = 1
    prefetch: int = 4
    max_deaths: int = 3
    result_expires: int = 86_400
    accept: frozenset[str] = frozenset({JSON})
    limits: Limits = DEFAULT_LIMITS
