"""What is still to run, for benches side by side: each takes the next batch that may start now."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from threading import Event, Lock

from celeriac_conformance.plan import Batch
from celeriac_conformance.turns import Turn
from celeriac_conformance.waiting import LONGEST

#: What takes longest for its number of cases is begun first, so that no bench is left alone with it at the end.
_WEIGHT = {"durable": 8, "worker": 2, "play": 2}


class Agenda:
    """The batches that no bench has taken yet. ``urls`` are those of the servers, by name."""

    def __init__(self, batches: Sequence[Batch], urls: dict[str, str], jobs: int = 1) -> None:
        self._urls = urls
        self._left = list(batches) if jobs == 1 else sorted(batches, key=_first)
        self._lock = Lock()
        self._over = Event()

    @property
    def over(self) -> bool:
        """Whether nothing more is to run."""
        return self._over.is_set()

    def end(self) -> None:
        """Let nothing more begin, and nobody wait for a turn."""
        self._over.set()

    def batches(self) -> Generator[Batch, None, None]:
        """Batches to run, each held until the next is asked for; ends when none is left or the agenda is over."""
        while (taken := self._next()) is not None:
            batch, turn = taken
            try:
                yield batch
            finally:
                if turn is not None:
                    turn.give_back()

    def _next(self) -> tuple[Batch, Turn | None] | None:
        while not self.over:
            with self._lock:
                if not self._left:
                    return None
                if (taken := self._take()) is not None:
                    return taken
            self._over.wait(LONGEST)  # others hold the turns of all that are left, perhaps of another suite
        return None

    def _take(self) -> tuple[Batch, Turn | None] | None:
        """The first batch whose turn it is now."""
        for batch in self._left:
            turn = self._turn(batch)
            if turn is None or turn.take():
                self._left.remove(batch)
                return batch, turn
        return None

    def _turn(self, batch: Batch) -> Turn | None:
        return Turn(self._urls[batch.combo.broker], batch.alone) if batch.combo is not None and batch.hears else None


def _first(batch: Batch) -> tuple[bool, bool, int]:
    """Codec is done at once. What is alone comes before others make it wait; then the longest."""
    return batch.combo is not None, not batch.alone, -len(batch.cases) * _WEIGHT.get(batch.stage, 1)
