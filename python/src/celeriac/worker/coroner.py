"""What worker processes die of: which of their tasks are to blame, who has to die, how soon the next may start."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Mapping

from celeriac.worker.journal import Deaths, Journal
from celeriac.worker.process import EXIT_COLD, EXIT_LIMIT

logger = logging.getLogger("celeriac.worker")

#: A process that dies sooner than this after its start, and before its first task, has the next start put off, longer
#: each time: what ails it ails its successor too.
SETTLED_SECONDS = 5.0
RESTART_DELAYS = (1, 2, 4, 8, 16, 30)
#: How it is told of tasks that were lost with a process which ended in a way of ours.
REASONS = {EXIT_COLD: "cold shutdown", EXIT_LIMIT: "another of its tasks ran into its hard time limit"}


class Coroner:
    """Reads the journals of processes, the living ones' too. ``deaths`` is what it has found, for all processes."""

    def __init__(self) -> None:
        self.deaths = Deaths()
        #: Overdue tasks that the last look saw in each process, and those that were condemned for theirs.
        self._seen: dict[int, set[bytes]] = {}
        self._condemned: set[int] = set()
        self._early_deaths: dict[int, int] = {}

    def condemn(self, journals: Mapping[int, Journal], now: float) -> list[int]:
        """Processes, by their ids, with a task beyond its hard limit that they cannot end themselves; each once.

        It keeps the interpreter's lock, so that no thread of theirs runs. What two looks see is no chance.
        """
        before = self._seen
        self._seen = {pid: set(journal.overdue(now)) for pid, journal in journals.items()}
        stuck = {pid for pid, overdue in self._seen.items() if overdue & before.get(pid, set())}
        new = sorted(stuck - self._condemned)
        self._condemned.update(new)
        return new

    def blame(self, pid: int, journal: Journal) -> None:
        """Note what the tasks that ran are to blame for, so that they are known when they come again."""
        if pid in self._condemned:
            self._condemned.discard(pid)
            for overdue in journal.overdue(time.monotonic()):
                self.deaths.condemn(overdue)
                logger.error("It was ended: task %s is beyond its hard time limit", overdue.decode(errors="replace"))
            return
        for running in journal.running():
            deaths = self.deaths.count_one(running)
            logger.error("It ran task %s, which makes %d deaths with it", running.decode(errors="replace"), deaths)

    def delay(self, number: int, lived: float, journal: Journal) -> int:
        """Seconds to wait before the next start of this number: none, but for a process that never got going."""
        if lived >= SETTLED_SECONDS or journal.used:
            self._early_deaths[number] = 0
            return 0
        deaths = self._early_deaths.get(number, 0)
        self._early_deaths[number] = deaths + 1
        return RESTART_DELAYS[min(deaths, len(RESTART_DELAYS) - 1)]


def reason(code: int) -> str:
    """Why a process with this exit code is not there any more, in Celery's words."""
    how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else REASONS.get(code, f"exitcode {code}")
    return f"Worker exited prematurely: {how}"
