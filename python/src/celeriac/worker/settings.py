"""What a worker is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from celeriac.rates import per_second
from celeriac.routes import Habits
from celeriac.serialization import DEFAULT_LIMITS, JSON, Limits
from celeriac.task import Runnable
from celeriac.tracing import NO_TRACING, Tracing
from celeriac.transport import CONNECT_TIMEOUT, WorkerNeeds, sanitized


def node_name(wanted: str | None, host: str, unique: str) -> str:
    """The name of a node: as wanted, with ``%h``, ``%n`` and ``%d`` filled in, or one that no other has (CT-NODE-001).

    ``unique`` is text that differs from worker to worker: two on one host live side by side without being named.
    """
    name, _, domain = host.partition(".")
    text = wanted or f"celeriac-{unique}@%h"
    parts = {"%%": "%", "%h": host, "%n": name, "%d": domain}
    filled = re.sub("%[%hnd]", lambda found: parts[found[0]], text)
    return filled if "@" in filled else f"{filled}@{host}"


#: Pools: how tasks run that are not ``async def``. Celery's names.
PREFORK, THREADS = "prefork", "threads"
#: Processes that remote control may add to those that a worker is started for.
SPARE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """``prefetch`` counts the messages that whoever runs tasks holds, running or next (AMQP: of each queue).

    Tasks run in the main threads of ``concurrency`` processes; or, where that is not 0, on so many ``threads`` of each.

    ``result_expires`` and ``connect_timeout`` are in seconds. A task is run until so many processes have died running
    it: ``max_deaths``; or its message has come back to its queue so often, where the broker counts that:
    ``max_returns``.
    ``hostname`` is the node name. ``control``: answer remote control and tell that the worker lives; ``task_events``:
    tell of tasks too, from the start; ``state_file`` remembers what is revoked. ``habits`` are how it sends what tasks
    link to; ``time_limits`` (hard, soft, seconds) are those of tasks whose messages have none.
    ``async_concurrency`` is how many ``async def`` tasks each process runs at a time. After a warm shutdown's
    ``soft_shutdown_timeout`` (seconds) what still runs goes back to its queue; None: it may go on. ``ready_file`` is
    there as long as all processes consume. Numbers are served at ``metrics_port``; None: not.
    ``end_of_process`` is called when one of its processes ends in order, after the last task.
    ``autoscale`` are the most and the least processes, between which their number, at first ``concurrency``, follows
    the work. A process that has run ``max_tasks``, or has more than ``max_memory`` KiB after a task, is replaced.
    """

    broker: str
    backend: str | None
    tasks: Mapping[str, Runnable]
    hostname: str
    queues: Sequence[str] = ("celery",)
    default_queue: str = "celery"
    concurrency: int = 1
    threads: int = 0
    autoscale: tuple[int, int] | None = None
    async_concurrency: int = 100
    prefetch: int = 4
    max_deaths: int = 3
    max_returns: int = 20
    result_expires: int = 86_400
    connect_timeout: float = CONNECT_TIMEOUT
    control: bool = True
    task_events: bool = False
    state_file: str | None = None
    accept: frozenset[str] = frozenset({JSON})
    limits: Limits = DEFAULT_LIMITS
    habits: Habits = field(default_factory=Habits)
    time_limits: tuple[float | None, float | None] = (None, None)
    soft_shutdown_timeout: float | None = None
    ready_file: str | None = None
    tracing: Tracing = NO_TRACING
    end_of_process: Callable[[], None] = lambda: None
    max_tasks: int | None = None
    max_memory: int | None = None
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"

    def needs(self, holder: str = "") -> WorkerNeeds:
        """What one of its processes wants of the broker, under the name that it holds messages by."""
        return WorkerNeeds(
            broker=self.broker,
            backend=self.backend,
            queues=self.queues,
            prefetch=self.window,
            result_expires=self.result_expires,
            holder=holder,
            siblings=self.concurrency - 1,
            connect_timeout=self.connect_timeout,
        )

    @property
    def pool(self) -> str:
        """Its kind, under Celery's name."""
        return THREADS if self.threads else PREFORK

    @property
    def hands(self) -> int:
        """Tasks that each process runs at a time, beside those of its event loop."""
        return self.threads or 1

    @property
    def places(self) -> int:
        """Tasks that each process runs at a time, all in all."""
        return self.hands + self.async_concurrency

    @property
    def window(self) -> int:
        """Messages that each process holds, running or next."""
        return self.prefetch * self.hands

    @property
    def most(self) -> int:
        """Processes that there may be at a time: what they share has room for so many."""
        return max(self.concurrency, self.autoscale[0] if self.autoscale else 0) + SPARE

    @property
    def rates(self) -> dict[str, float]:
        """Starts a second that each process allows of the tasks that have a rate limit: its share."""
        rates = {name: per_second(task.options.rate_limit) / self.concurrency for name, task in self.tasks.items()}
        return {name: rate for name, rate in rates.items() if rate}

    @property
    def shown_broker(self) -> str:
        """The broker's URL without its password."""
        return sanitized(self.broker)

    @property
    def shown_backend(self) -> str | None:
        """The backend's URL without its password."""
        return None if self.backend is None else sanitized(self.backend)
