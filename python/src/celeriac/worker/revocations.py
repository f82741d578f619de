"""Ids and stamps of revoked tasks: bounded, and forgotten after a while (CT-REV-005, WK-REV-004)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: Ids and stamps that are remembered, and for how many seconds. Celery's numbers.
MOST, SECONDS = 50_000, 10_800.0


class Revocations:
    """What is not to be run any more. Times are Unix times, handed in."""

    def __init__(self, most: int = MOST, seconds: float = SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        #: Oldest first; a stamp is the pair of its name and value.
        self._ids: dict[str, float] = {}
        self._stamps: dict[tuple[str, str], float] = {}

    def add(self, ids: Iterable[str], now: float) -> None:
        """Remember ids."""
        self._remember(self._ids, ids, now)

    def add_stamps(self, stamps: Mapping[str, Any], now: float) -> None:
        """Remember stamps: names and a value, or an array of values, each."""
        self._remember(self._stamps, _pairs(stamps), now)

    def _remember(self, known: dict[Any, float], new: Iterable[Any], now: float) -> None:
        for one in new:
            known.pop(one, None)
            known[one] = now
        while known and (len(known) > self._most or next(iter(known.values())) <= now - self._seconds):
            del known[next(iter(known))]

    def holds(self, task_id: str, stamps: Mapping[str, Any] | None, now: float) -> bool:
        """Whether a task of this id and these stamps is revoked."""
        if task_id in self._ids:
            return self._ids[task_id] > now - self._seconds
        if not self._stamps or not stamps:
            return False
        return any(self._stamps.get(pair, -math.inf) > now - self._seconds for pair in _pairs(stamps))

    def __bool__(self) -> bool:
        return bool(self._ids or self._stamps)

    def ids(self, now: float) -> list[str]:
        """The ids that are remembered, oldest first."""
        self._remember(self._ids, (), now)
        return list(self._ids)

    def dump(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {"ids": self._ids, "stamps": [[*pair, at] for pair, at in self._stamps.items()]}

    def load(self, dumped: Mapping[str, Any], now: float) -> None:
        """Remember what was dumped. Raises ValueError, TypeError or AttributeError for what never was."""
        ids = {str(one): float(at) for one, at in dumped.get("ids", {}).items()}
        stamps = {(str(name), str(value)): float(at) for name, value, at in dumped.get("stamps", [])}
        self._merge(self._ids, ids, now)
        self._merge(self._stamps, stamps, now)

    def _merge(self, known: dict[Any, float], found: dict[Any, float], now: float) -> None:
        merged = sorted({**known, **found}.items(), key=lambda pair: pair[1])
        known.clear()
        known.update(merged)
        self._remember(known, (), now)


def _pairs(stamps: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each stamp with each of its values, as text: what is compared."""
    return [
        (str(name), str(value))
        for name, held in stamps.items()
        for value in (held if isinstance(held, Sequence) and not isinstance(held, str) else (held,))
    ]
