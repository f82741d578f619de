"""Waiting on a condition with a deadline: the only way this suite waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: How often a condition at a broker is looked at: often at first, as most come true at once, then less so.
SHORTEST, LONGEST = 0.002, 0.025


def until(look: Callable[[], T], seconds: float) -> T:
    """What ``look`` returns as soon as that is true; its last answer when ``seconds`` have passed."""
    deadline, interval = time.monotonic() + seconds, SHORTEST
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(interval)
        interval = min(LONGEST, interval * 1.2)
    return found
