"""What interrupts a running task: its soft time limit, the hard one, and a cold shutdown."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from celeriac.task import SoftTimeLimitExceeded

#: Bounds of what the system's timer takes, in seconds.
SHORTEST, LONGEST = 0.001, 1e8


class Overdue(BaseException):
    """The task ended after all, but after its hard time limit: its end was told already and this process ends."""


@contextlib.contextmanager
def soft_time_limit(seconds: float | None) -> Iterator[None]:
    """Raise ``SoftTimeLimitExceeded`` in this, the main, thread after so many seconds; None: never."""
    if not seconds:
        yield
        return

    def on_alarm(_signal: int, _frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded(seconds)

    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, min(max(seconds, SHORTEST), LONGEST))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
