"""What a worker process has in hand: the tasks that run, and the deliveries that are next or wait."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from celeriac.lifecycle_events import Revoked
from celeriac.message import Message
from celeriac.transport import Consumer, Delivery, Source
from celeriac.worker.beside import Beside
from celeriac.worker.holding import Holding
from celeriac.worker.interrupts import Overdue
from celeriac.worker.outcome import Outcome
from celeriac.worker.running import Running


class Foreground:
    """The task that the main thread runs, or none. Whoever takes it out of here decides how it ended."""

    def __init__(self) -> None:
        self._running: deque[Running] = deque()

    def begin(self, running: Running) -> None:
        """A task starts."""
        self._running.append(running)

    def lift(self) -> None:
        """It has ended. Raises ``Overdue`` when another end of it was told already."""
        try:
            self._running.pop()
        except IndexError:
            raise Overdue from None

    def claim(self, running: Running) -> bool:
        """Take out what runs, that and nothing else; False when it has just ended."""
        try:
            self._running.remove(running)
        except ValueError:
            return False
        return True

    @property
    def task(self) -> Running | None:
        """What runs, if anything does."""
        with contextlib.suppress(IndexError):
            return self._running[0]
        return None

    def limit_at(self) -> float:
        """Monotonic time at which its hard limit is reached; infinity: never."""
        running = self.task
        return math.inf if running is None else running.until


class Workbench:
    """See ``Bench``: what remote control asks of a process. ``report`` takes the outcomes of what it ends."""

    def __init__(self, prefetch: int, report: Callable[[Outcome], None]) -> None:
        self.foreground = Foreground()
        self.beside = Beside()
        self.holding = Holding(prefetch, self.beside)
        #: The outcome of a task of the foreground that was ended: the process has to end with it.
        self.ending: Outcome | None = None
        self._report = report
        #: The queues to consume, and whether the consumer has still to be told; None: as it was told to begin with.
        self._sources: Sequence[Source] | None = None
        self._moved = False

    @property
    def running(self) -> list[Running]:
        """See ``Bench.running``."""
        task = self.foreground.task
        return [*(() if task is None else (task,)), *self.beside.running()]

    def held(self) -> tuple[list[Delivery], list[tuple[float, Delivery]]]:
        """See ``Bench.held``."""
        return self.holding.listed(running.delivery for running in self.running)

    def consume(self, queues: Iterable[Mapping[str, Any]]) -> None:
        """See ``Bench.consume``."""
        self._sources = [Source(**queue) for queue in queues]
        self._moved = True

    def end(self, event: Revoked, wanted: Callable[[Message], bool]) -> list[str]:
        """See ``Bench.end``."""
        ended = []
        for one in self.beside.wanted(wanted):
            if self.beside.oust(one):
                self._report(one.settle(event))
                ended.append(one.message.id)
        running = self.foreground.task
        if running is not None and wanted(running.message) and self.foreground.claim(running):
            self.ending = running.settle(event)
            ended.append(running.message.id)
        return ended

    def enforce_limits(self, now: float) -> None:
        """End what has run for longer than it may, as of this monotonic time."""
        for one in self.beside.exceeded():
            if self.beside.oust(one):
                self._report(one.exceeded())
        running = self.foreground.task
        if running is not None and running.until <= now and self.foreground.claim(running):
            self.ending = running.exceeded()

    def limit_at(self) -> float:
        """Monotonic time at which there is a limit to enforce; infinity: never."""
        limit = self.foreground.limit_at()
        return min(limit, self.beside.next_at()) if self.beside.busy else limit

    def begin(self) -> None:
        """A new connection is up: its consumer has been told nothing."""
        self.holding.begin()
        self._moved = self._sources is not None

    def move(self, consumer: Consumer) -> None:
        """Have the consumer consume what it is to, if that has changed."""
        if self._moved and self._sources is not None:
            self._moved = False
            consumer.consume(self._sources)
