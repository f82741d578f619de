"""What a node knows and has been told: the state behind its answers, and the file that keeps it (CT-REV-005)."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celeriac.errors import InvalidCall
from celeriac.worker.clock import Clock
from celeriac.worker.pulse import Pulse
from celeriac.worker.revocations import Revocations
from celeriac.worker.settings import WorkerSettings

logger = logging.getLogger("celeriac.worker")

#: Seconds between two looks whether the state file has to be written.
SAVE_EVERY = 10.0
_RUSAGE = (
    "utime", "stime", "maxrss", "ixrss", "idrss", "isrss", "minflt", "majflt", "nswap", "inblock", "oublock",
    "msgsnd", "msgrcv", "nsignals", "nvcsw", "nivcsw",
)  # fmt: skip


class Duties:
    """State of the node. ``queues`` are those to consume: name and exchange, exchange_type, routing_key or None."""

    def __init__(
        self,
        settings: WorkerSettings,
        pulse: Pulse,
        clock: Clock,
        supervisor: int,
        order: Callable[[dict[str, Any]], None],
    ) -> None:
        self.settings = settings
        self.pulse = pulse
        self.clock = clock
        self.revoked = Revocations()
        self.events = settings.task_events
        self.queues: dict[str, dict[str, Any]] = {name: {"queue": name} for name in settings.queues}
        #: As many processes as are wanted, and between how many that may change by itself.
        self.processes = settings.concurrency
        self.bounds = settings.autoscale
        #: Tell the supervisor how many processes are wanted.
        self.order = order
        #: Of the whole worker.
        self._rates = {task: rate * settings.concurrency for task, rate in settings.rates.items()}
        self._limits: dict[str, list[float | None]] = {}
        self._supervisor = supervisor
        self._began = time.monotonic()
        self._saved = time.monotonic()
        self._changed = False
        self._shut = False
        self._load()

    # -- what the worker processes are told

    def state(self) -> dict[str, Any]:
        """All that a process has to know that starts now."""
        return {
            "revoked": self.revoked.dump(),
            "events": self.events,
            "rates": self._shares(),
            "limits": self._limits,
            "queues": list(self.queues.values()),
        }

    def revoke(self, ids: list[str], stamps: Mapping[str, Any]) -> dict[str, Any]:
        """Remember ids and stamps; what the processes are to be told of it."""
        now = time.time()
        new = Revocations()
        for known in (self.revoked, new):
            known.add(ids, now)
            known.add_stamps(stamps, now)
        self._changed = True
        return {"revoked": new.dump()}

    def rate(self, task: str, per_second: float) -> dict[str, Any]:
        """Limit the rate of a task, 0: not at all. Each process gets its share."""
        self._rates[task] = per_second
        return {"rates": {task: per_second / self.processes}}

    def _shares(self) -> dict[str, float]:
        return {task: rate / self.processes for task, rate in self._rates.items()}

    def resize(self, processes: int, bounds: Sequence[int] | None) -> dict[str, Any]:
        """There are so many processes now; what they are to be told of it."""
        self.processes = processes
        self.bounds = None if bounds is None else (bounds[0], bounds[1])
        return {"rates": self._shares()}

    def limit(self, task: str, hard: float | None, soft: float | None) -> dict[str, Any]:
        """Limit the time of a task."""
        self._limits[task] = [hard, soft]
        return {"limits": {task: [hard, soft]}}

    def shut_down(self) -> None:
        """Ask the supervisor for a warm shutdown. Asked again, nothing more happens: a second would be a cold one."""
        if not self._shut:
            self._shut = True
            os.kill(self._supervisor, signal.SIGTERM)

    # -- what is told of the worker

    def stats(self) -> dict[str, Any]:
        """What controllers show of a worker, under Celery's names (CT-INS-005)."""
        settings = self.settings
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "total": dict(self.pulse.total()),
            "pid": self._supervisor,
            "clock": str(self.clock.value),
            "uptime": int(time.monotonic() - self._began),
            "pool": self._pool(),
            "broker": _broker(settings.broker),
            "prefetch_count": settings.window * self.processes,
            "rusage": {name: getattr(used, f"ru_{name}") for name in _RUSAGE},
        }

    def _pool(self) -> dict[str, Any]:
        settings = self.settings
        threads = {"threads": settings.threads} if settings.threads else {}
        return {
            "implementation": f"celeriac.worker:{'Threads' if threads else 'Supervisor'}",
            "max-concurrency": settings.hands * self.processes,
            "processes": list(self.pulse.processes().values()),
            **threads,
            "max-tasks-per-child": "N/A",
            "timeouts": [0, 0],
        }

    def conf(self) -> dict[str, Any]:
        """The settings, under Celery's names; no passwords (SEC-URL-001)."""
        settings = self.settings
        return {
            "broker_url": settings.shown_broker,
            "result_backend": settings.shown_backend,
            "result_expires": settings.result_expires,
            "task_default_queue": settings.default_queue,
            "task_serializer": "json",
            "accept_content": sorted(settings.accept),
            "worker_concurrency": settings.hands * self.processes,
            "worker_pool": settings.pool,
            "worker_prefetch_multiplier": settings.prefetch,
            "worker_send_task_events": settings.task_events,
            "worker_state_db": settings.state_file,
        }

    # -- the state file

    def tick(self) -> None:
        """Write the state file when it is time to."""
        if self._changed and time.monotonic() - self._saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write the state file; what cannot be written is logged."""
        self._saved = time.monotonic()
        if self.settings.state_file is None or not self._changed:
            return
        path = Path(self.settings.state_file)
        scratch = path.with_name(f"{path.name}.new")
        try:
            scratch.write_text(json.dumps({"revoked": self.revoked.dump(), "clock": self.clock.value}))
            scratch.replace(path)
            self._changed = False
        except OSError as error:
            logger.error("The state file cannot be written: %s", error)

    def _load(self) -> None:
        if self.settings.state_file is None:
            return
        path = Path(self.settings.state_file)
        try:
            state = json.loads(path.read_text())
            self.revoked.load(state["revoked"], time.time())
            self.clock.adjust(state["clock"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise InvalidCall(f"{path} is no state file of a worker ({error}); name another with --statedb") from error


def _broker(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "hostname": parts.hostname,
        "userid": parts.username,
        "virtual_host": parts.path[1:] or "/",
        "port": parts.port,
        "transport": parts.scheme,
        "ssl": parts.scheme in ("amqps", "rediss"),
    }
