"""Time limits of a running task."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class SoftTimeLimitExceeded(Exception):
    """Raised inside a task that has run for longer than its soft time limit; it may catch it and tidy up."""


class TimeLimitExceeded(Exception):
    """Stored for a task that was ended because it ran for longer than its hard time limit (seconds)."""


# What readers of results know these failures by.
SoftTimeLimitExceeded.__module__ = TimeLimitExceeded.__module__ = "billiard.exceptions"


@contextlib.contextmanager
def soft_time_limit(seconds: float | None) -> Iterator[None]:
    """Raise ``SoftTimeLimitExceeded`` in this, the main, thread after so many seconds; None: never."""
    if not seconds:
        yield
        return

    def on_alarm(_signal: int, _frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded(seconds)

    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
