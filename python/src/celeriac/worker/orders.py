"""What one worker process has been told by remote control, and does from then on.

Told by the courier's thread, looked at by those that run tasks: each look is a single step on a dict.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from celeriac.message import Message
from celeriac.task import TaskOptions
from celeriac.worker.revocations import Revocations
from celeriac.worker.settings import WorkerSettings


class Rate:
    """So many starts a second, none saved up."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = 0.0
        self._asking = threading.Lock()

    def wait(self, now: float) -> float:
        """Seconds until the next start is due; 0 takes it."""
        with self._asking:
            if now < self._next:
                return self._next - now
            self._next = now + self._gap
            return 0.0


class Orders:
    """State of one process. ``telling`` is whether it sends task events; ``time_limits`` are those of all tasks."""

    def __init__(self, *, telling: bool = False, time_limits: tuple[float | None, float | None] = (None, None)) -> None:
        self.telling = telling
        self.revoked = Revocations()
        self._rates: dict[str, Rate] = {}
        self._limits: dict[str, tuple[float | None, float | None]] = {}
        self._time_limits = time_limits

    @classmethod
    def of(cls, settings: WorkerSettings) -> Orders:
        """What a process does before it is told anything."""
        orders = cls(telling=settings.task_events, time_limits=settings.time_limits)
        orders.take({"rates": settings.rates})
        return orders

    def take(self, state: Mapping[str, Any]) -> None:
        """Take over what the node knows. Keys that are missing change nothing."""
        now = time.time()
        if "revoked" in state:
            self.revoked.load(state["revoked"], now)
        if "events" in state:
            self.telling = state["events"]
        for task, per_second in state.get("rates", {}).items():
            self._rates.pop(task, None)
            if per_second:
                self._rates[task] = Rate(per_second)
        for task, (hard, soft) in state.get("limits", {}).items():
            self._limits[task] = (hard, soft)

    def is_revoked(self, message: Message) -> bool:
        """Whether a task must not run any more."""
        revoked = self.revoked
        return bool(revoked) and revoked.holds(message.id, message.stamps, time.time())

    def rate_wait(self, task: str) -> float:
        """Seconds that a task has to wait for its rate limit; 0: it starts now."""
        rate = self._rates.get(task) if self._rates else None
        return 0.0 if rate is None else rate.wait(time.monotonic())

    def limits(self, message: Message, options: TaskOptions | None = None) -> tuple[float | None, float | None]:
        """Hard and soft time limit of a task, in seconds: its message's, remote control's, its own, those of all."""
        hard, soft = message.hard_limit, message.soft_limit
        if self._limits and hard is None and soft is None and message.task in self._limits:
            return self._limits[message.task]
        if options is not None:
            hard = options.time_limit if hard is None else hard
            soft = options.soft_time_limit if soft is None else soft
        return (hard, soft) if hard is not None or soft is not None else self._time_limits
