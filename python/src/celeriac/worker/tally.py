"""How many tasks were received, succeeded, failed and so on, in memory that the processes of a worker share.

Each process counts in rows of its own, which its successors go on with; whoever reads adds them up.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from celeriac import lifecycle_events as happened
from celeriac.message import Message

#: Under which tasks are counted that are not registered here, and messages that name none.
UNKNOWN = "unknown"
COUNTERS = ("received", "succeeded", "failed", "retried", "rejected", "revoked")
#: what happened -> what is counted. What is not here is not.
COUNTED: Mapping[type, str] = {
    happened.Ready: "received",
    happened.NotYet: "received",
    happened.Succeeded: "succeeded",
    happened.Failed: "failed",
    happened.Unsent: "failed",
    happened.Unknown: "failed",
    happened.Unsupported: "failed",
    happened.Lethal: "failed",
    happened.Lost: "failed",
    happened.Retried: "retried",
    happened.Refused: "rejected",
    happened.Malformed: "rejected",
    happened.Expired: "revoked",
    happened.Revoked: "revoked",
}
#: Upper bounds of runtimes, in seconds; there is one more for all that takes longer.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_FIRST_BOUND = len(COUNTERS)
_SECONDS = _FIRST_BOUND + len(BOUNDS) + 1
_WIDTH = _SECONDS + 1
_CELL = 8


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of one task: counts by name, runs by bound of their runtime (the last: longer), and seconds of all together."""

    counts: Mapping[str, int]
    runtimes: Sequence[int]
    seconds: float


class Tally:
    """All of it; made before the processes are started. ``tasks`` are those that are registered."""

    def __init__(self, tasks: Iterable[str], processes: int) -> None:
        self._columns = {name: position for position, name in enumerate((*sorted(tasks), UNKNOWN))}
        #: In front of each process's tasks stands how many of them run.
        self._row = 1 + _WIDTH * len(self._columns)
        self._cells = memoryview(mmap.mmap(-1, _CELL * self._row * processes)).cast("d")

    def book(self, number: int) -> Book:
        """For the process with this number, counted from 1, which starts now."""
        start = (number - 1) * self._row
        return Book(self._cells[start : start + self._row], self._columns)

    def active(self) -> int:
        """How many tasks run."""
        return int(sum(self._cells[start] for start in self._rows()))

    def totals(self) -> dict[str, Numbers]:
        """The numbers of each task."""
        return {name: self._numbers(1 + column * _WIDTH) for name, column in self._columns.items()}

    def _rows(self) -> range:
        return range(0, len(self._cells), self._row)

    def _numbers(self, offset: int) -> Numbers:
        added = [sum(self._cells[start + offset + cell] for start in self._rows()) for cell in range(_WIDTH)]
        counts = {name: int(added[position]) for position, name in enumerate(COUNTERS)}
        return Numbers(counts, [int(value) for value in added[_FIRST_BOUND:_SECONDS]], added[_SECONDS])


class Book:
    """The rows of one process. Safe for its threads."""

    def __init__(self, cells: memoryview[float], columns: Mapping[str, int]) -> None:
        self._cells = cells
        self._columns = columns
        self._lock = threading.Lock()
        # What its predecessor ran when it died does not run any more.
        self._cells[0] = 0.0

    def count(self, message: Message | None, event: happened.Event, *, again: bool) -> None:
        """Count what happened, as ``Ledger.note`` says."""
        counter = COUNTED.get(type(event))
        if counter is None or (again and counter == "received"):
            return
        name = UNKNOWN if message is None else message.task
        offset = 1 + _WIDTH * self._columns.get(name, self._columns[UNKNOWN])
        with self._lock:
            self._cells[offset + COUNTERS.index(counter)] += 1
            if isinstance(event, happened.Succeeded):
                self._cells[offset + _FIRST_BOUND + bisect_left(BOUNDS, event.runtime)] += 1
                self._cells[offset + _SECONDS] += event.runtime

    def run(self, more: int) -> None:
        """So many more tasks run."""
        with self._lock:
            self._cells[0] += more


class Register(Protocol):
    """Where it is noted which tasks run: the journal."""

    def begin(self, task_id: str, until: float) -> int | None:
        """A task starts, to be over at this monotonic time; what to call ``end`` with."""

    def end(self, slot: int | None) -> None:
        """It has come to an end."""


class Ledger:
    """All that one process notes of its tasks. ``book`` is None where nobody wants numbers.

    ``total`` counts the runs of each task.
    """

    def __init__(self, register: Register, book: Book | None, total: Counter[str]) -> None:
        self._register = register
        self._book = book
        self._total = total

    def begin(self, message: Message, until: float) -> int | None:
        """A task starts, to be over at this monotonic time; what to call ``end`` with."""
        self._total[message.task] += 1
        if self._book is not None:
            self._book.run(1)
        return self._register.begin(message.id, until)

    def end(self, slot: int | None) -> None:
        """It has come to an end."""
        if self._book is not None:
            self._book.run(-1)
        self._register.end(slot)

    def note(self, message: Message | None, event: happened.Event, *, again: bool) -> None:
        """Something happened to a message. ``again``: to one that was received before and put off."""
        if self._book is not None:
            self._book.count(message, event, again=again)
