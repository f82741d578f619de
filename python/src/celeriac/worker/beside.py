"""Tasks that share a process with others, as the courier's thread sees them: on the event loop, or on threads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from celeriac.message import Message
from celeriac.worker.running import Running

#: Seconds that a task has to end once it is cancelled; then the whole process ends.
GRACE = 5.0


class Beside:
    """What runs beside the main thread. Whoever takes a task out of here decides how it ended.

    Those of the event loop hold no place in the prefetch window: their deliveries are ``outside``, by identity.
    ``join`` and ``part`` are called by those that run the tasks, the others by the courier.
    """

    def __init__(self) -> None:
        self._running: dict[int, Running] = {}
        self._leaving: dict[int, float] = {}
        self.outside: set[int] = set()
        #: The most that were outside at a time since ``recount``.
        self.most = 0

    def __len__(self) -> int:
        return len(self._running)

    @property
    def busy(self) -> bool:
        """Whether anything runs here, or has still to end."""
        return bool(self._running or self._leaving)

    def join(self, running: Running) -> None:
        """A task starts."""
        self._running[id(running.delivery)] = running
        if running.outside:
            self.outside.add(id(running.delivery))
            self.most = max(self.most, len(self.outside))

    def part(self, running: Running) -> bool:
        """It has ended; False: another end of it was told already."""
        key = id(running.delivery)
        # In the opposite order to ``oust``, so that none is left behind as leaving.
        first = self._running.pop(key, None) is not None
        self.outside.discard(key)
        self._leaving.pop(key, None)
        return first

    def oust(self, running: Running) -> bool:
        """Take it out, and have it cancelled; False: it has just ended."""
        key = id(running.delivery)
        self._leaving[key] = time.monotonic() + GRACE
        if self._running.pop(key, None) is None:
            self._leaving.pop(key, None)
            return False
        self.outside.discard(key)
        assert running.cancel is not None, "only what can be cancelled runs beside"
        running.cancel()
        return True

    def running(self) -> list[Running]:
        """All that runs."""
        return list(self._running.values())

    def exceeded(self) -> list[Running]:
        """Those that have run for longer than they may."""
        now = time.monotonic()
        return [running for running in self.running() if running.until <= now]

    def wanted(self, wanted: Callable[[Message], bool]) -> list[Running]:
        """Those whose message is asked for."""
        return [running for running in self.running() if wanted(running.message)]

    def stuck(self) -> bool:
        """Whether one that was taken out does not end."""
        now = time.monotonic()
        return any(until <= now for until in list(self._leaving.values()))

    def next_at(self) -> float:
        """Monotonic time at which there is something to do for the courier; infinity: never."""
        limits = (running.until for running in self.running())
        return min([*limits, *list(self._leaving.values())], default=math.inf)

    def recount(self) -> None:
        """Forget how many were outside."""
        self.most = len(self.outside)
