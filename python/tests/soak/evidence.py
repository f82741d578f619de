"""What ran, as the tasks themselves wrote it: one line each, appended to a file that nobody else writes.

One ``write`` with O_APPEND is whole or not there, whatever kills its process; worker and broker have no part in it.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

#: Environment variable that names the file.
FILE = "CELERIAC_SOAK_EVIDENCE"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that came to its end: in which process, and when (Unix time)."""

    pid: int
    at: float


def write(number: int) -> None:
    """Note that the task of this number has run. Called in the task."""
    line = f"{number} {os.getpid()} {time.time():.6f}\n".encode()
    descriptor = os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


class Evidence:
    """The file, read as it grows. ``runs`` are those of each number, in order."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("rb")
        self._rest = b""
        self.runs: defaultdict[int, list[Run]] = defaultdict(list)
        #: What each process ran, in order.
        self._by_pid: defaultdict[int, list[Run]] = defaultdict(list)

    def read(self) -> int:
        """Take in what has been written since; how many numbers have run by now."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            number, pid, at = line.split()
            run = Run(int(pid), float(at))
            self.runs[int(number)].append(run)
            self._by_pid[run.pid].append(run)
        return len(self.runs)

    @property
    def pids(self) -> set[int]:
        """The processes that have run anything."""
        return set(self._by_pid)

    def of(self, pid: int, *, until: float) -> list[Run]:
        """What a process had run by then, in order."""
        runs = self._by_pid[pid]
        return runs[: bisect_right(runs, until, key=lambda run: run.at)]

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
