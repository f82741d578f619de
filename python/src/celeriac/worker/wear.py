"""When a process has run for long enough, and another takes its place: after so many tasks, or with so much memory."""

from __future__ import annotations

import os
import resource
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Wear:
    """``tasks`` a process may run at most, ``kibibytes`` it may have when a task has ended; None: any number.

    ``total`` counts its runs, those that go on as well.
    """

    tasks: int | None
    kibibytes: int | None
    total: Counter[str]

    def reason(self) -> str | None:
        """Why the process is to end now, or None."""
        if self.tasks is not None and (ran := sum(self.total.values())) >= self.tasks:
            return f"it has run {ran} tasks"
        if self.kibibytes is not None and (used := memory()) > self.kibibytes:
            return f"it has {used} KiB of memory"
        return None


def memory() -> int:
    """Memory of this process that is resident now, in KiB; where the system does not tell, the most it ever was."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
