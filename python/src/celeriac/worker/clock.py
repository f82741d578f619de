"""The logical clock of a worker, in memory that its processes share (EV-FORM-007)."""

from __future__ import annotations

import mmap

_HIGHEST = 2**63


class Clock:
    """Counts what this worker sends, and never falls behind what it hears.

    Processes that count at the same instant may get the same number: events of equal number are told apart by time.
    """

    def __init__(self) -> None:
        self._cell = memoryview(mmap.mmap(-1, 8)).cast("Q")

    @property
    def value(self) -> int:
        """The number of the last event."""
        return self._cell[0]

    def forward(self) -> int:
        """The number of the next event."""
        value = self._cell[0] + 1
        self._cell[0] = value
        return value

    def adjust(self, other: object) -> None:
        """Take notice of a peer's clock."""
        if isinstance(other, int) and self.value < other < _HIGHEST:
            self._cell[0] = other
        self.forward()
