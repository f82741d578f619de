"""Reads the evidence that tasks leave: contestants/python/marks.py writes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

RECORD = struct.Struct("=QQQ")
#: Written by a contestant that has found out which program to run, and now starts it: monotonic nanoseconds.
BEGAN = "began"


@dataclass(frozen=True)
class Tally:
    """How many tasks ran, and the monotonic seconds of the first and of the last."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0

    @property
    def rate(self) -> float:
        """Tasks a second, between the first and the last."""
        return (self.count - 1) / (self.last - self.first) if self.last > self.first else 0.0


def read(folder: Path) -> Tally:
    """The sum over all threads of all processes."""
    records = [RECORD.unpack(data) for data in _files(folder) if len(data) == RECORD.size]
    ran = [(count, first, last) for count, first, last in records if count]
    if not ran:
        return Tally()
    counts, firsts, lasts = zip(*ran, strict=True)
    return Tally(sum(counts), min(firsts) / 1e9, max(lasts) / 1e9)


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir() if path.name != BEGAN]


def began(folder: Path) -> float | None:
    """When the program was started that is measured, in monotonic seconds; None: it is the one that was started."""
    mark = folder / BEGAN
    return int(mark.read_text()) / 1e9 if mark.exists() else None
