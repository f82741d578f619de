"""Waiting for a condition instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds that something may take on a loaded machine before a test fails.
PATIENCE = 40.0


def eventually(condition: Callable[[], T], what: str, *, timeout: float = PATIENCE) -> T:
    """Return what ``condition`` gives as soon as that is true; fail with ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what} (last seen: {value!r})")
        time.sleep(0.02)
    return value
