"""Kills and restarts at moments that a seed chooses, and what they explain.

A task whose process is killed, or whose broker is restarted, between its end and its acknowledgement runs again:
nothing can tell that it had ended. Anything else that runs twice is a defect.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from tests.soak.bench import Bench, Service
from tests.soak.evidence import Evidence, Run

#: A process holds this many messages (worker_prefetch_multiplier), so of these alone the end can be untold.
HELD = 4
#: Seconds before a restart within which an acknowledgement may be under way still.
UNDER_WAY = 1.0
#: All trouble is due when this part of the tasks has run. The rest is sent when it is over, to show that all goes on.
LAST = 0.95


@dataclass(frozen=True)
class Plan:
    """How much of what. ``seconds`` is what a task sleeps; the same ``seed`` chooses the same moments.

    ``queue`` is the type of the queue on RabbitMQ: classic or quorum.
    """

    broker: str
    tasks: int
    kills: int
    restarts: int
    processes: int = 4
    seconds: float = 0.002
    seed: int = 1
    queue: str = "classic"

    @property
    def troubled(self) -> int:
        """How many tasks there is trouble for."""
        return int(self.tasks * LAST)


@dataclass(frozen=True)
class Restart:
    """When the broker went and was back. ``killed``: by SIGKILL, as a power cut would end it; else in order."""

    began: float
    over: float
    killed: bool


@dataclass(frozen=True)
class Kill:
    """When a process was killed: at some time between these two."""

    began: float
    over: float


@dataclass
class Book:
    """What was done to whom and when. Reads the evidence to tell what a process may have held."""

    evidence: Evidence
    #: Process ids of those that were killed.
    killed: dict[int, Kill] = field(default_factory=dict)
    restarts: list[Restart] = field(default_factory=list)

    def explains(self, first: Run, second: Run) -> str | None:
        """Why what had run there and then could run again there and then."""
        kill = self.killed.get(first.pid)
        if kill is not None and second.at > kill.began and self._held(first, kill.over):
            return "by kills"
        restart = next((one for one in self.restarts if first.at <= one.over), None)
        if restart is None or second.at < restart.began:
            return None
        if self._held(first, restart.over):
            return "by restarts"
        # A broker that is killed forgets what it has not written to disk: RabbitMQ, the acknowledgements of a classic
        # queue. One that ends in order takes none any more while it does.
        if restart.killed:
            return "by acknowledgements that a killed broker forgot"
        return "by restarts" if first.at >= restart.began - UNDER_WAY else None

    def _held(self, run: Run, at: float) -> bool:
        """Whether it was among the last that its process had run by then."""
        return run in self.evidence.of(run.pid, until=at)[-HELD:]


class Trouble:
    """Makes it, and keeps a worker running meanwhile: one that is killed as a whole is started anew by ``start``."""

    def __init__(self, on: Bench, plan: Plan, evidence: Evidence, start: Callable[[], Service]) -> None:
        self._bench, self._evidence, self._start = on, evidence, start
        self._random = random.Random(plan.seed)
        moments = range(1, max(2, plan.troubled))
        self._kills_due = sorted(self._random.sample(moments, plan.kills))
        self._restarts_due = sorted(self._random.sample(moments, plan.restarts))
        self.service = start()
        #: Moments at which something was killed, and those at which it was a worker with all its processes.
        self.kills = self.workers_killed = 0
        self.book = Book(evidence)

    @property
    def over(self) -> bool:
        """Whether all of it has been made."""
        return not self._restarts_due and not self._kills_due

    def make(self, ran: int) -> bool:
        """Do what is due after so many tasks; whether that was anything.

        A worker that gave up for want of a broker is started anew, as systemd would.
        """
        if self.service.process.poll() is not None:
            self.service = self._start()
        if self._restarts_due and ran >= self._restarts_due[0]:
            self._restart()
            del self._restarts_due[0]
            return True
        if self._kills_due and ran >= self._kills_due[0] and self._kill():
            del self._kills_due[0]
            return True
        return False

    def _restart(self) -> None:
        """In turn as a power cut would, and in order."""
        broker, killed, began = self._bench.broker, len(self.book.restarts) % 2 == 0, time.time()
        (broker.kill if killed else broker.stop)()
        broker.start()
        self.book.restarts.append(Restart(began, time.time(), killed))

    def _kill(self) -> bool:
        """Kill a process that has run something, or the worker; False when neither has come so far."""
        children = self.service.children
        busy = sorted(self._evidence.pids.intersection(children).difference(self.book.killed))
        if not busy:
            return False
        supervisor = self.service.process.pid
        victim = self._random.choice([*busy, supervisor])
        # The supervisor goes with all it has started, as when a container is killed.
        self._end([supervisor, *children] if victim == supervisor else [victim])
        self.kills += 1
        if victim == supervisor:
            self.workers_killed += 1
            self.service.process.wait()
            self.service = self._start()
        return True

    def _end(self, pids: list[int]) -> None:
        for pid in pids:
            began = time.time()
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.book.killed[pid] = Kill(began, time.time())

    def __str__(self) -> str:
        return f"{self.kills} kills, {len(self.book.restarts)} restarts"

    def __enter__(self) -> Trouble:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.service.__exit__(kind, error, trace)
