"""How often a task may start: ``"10/m"``, ``"5/s"``, ``"100/h"``, or a number of starts a second."""

from __future__ import annotations

import re
from typing import Any

_PER_SECOND = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/([smh]))?")


def per_second(given: Any) -> float:
    """Starts a second; 0 for no limit, which 0, None and "" stand for. Raises ``ValueError`` for what is no rate."""
    if not given:
        return 0.0
    match = _RATE.fullmatch(str(given))
    if match is None:
        raise ValueError(f"Invalid rate limit string: {given!r}; it is like 10/m, 5/s or 100/h")
    return float(match[1]) / _PER_SECOND[match[2] or "s"]
