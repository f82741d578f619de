"""What interrupts a running task: its soft time limit, the hard one, and a cold shutdown."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

from celeriac.execution.ending import ColdShutdown
from celeriac.task import SoftTimeLimitExceeded

#: Bounds of what the system's timer takes, in seconds.
SHORTEST, LONGEST = 0.001, 1e8


class Overdue(BaseException):
    """Another end of the task was told already: it is beyond its hard limit, or was terminated. Nothing more is told.

    Raised when it has ended after all; and inside of it, where it runs on a thread that goes on without it.
    """


class Stoppable(Protocol):
    """What is told to stop: the courier."""

    def stop(self) -> None:
        """End in order."""

    def abandon(self) -> None:
        """End at once."""

    @property
    def attended(self) -> bool:
        """Whether the main thread is at its work, and ends by itself."""


class Terminations:
    """What a process does about SIGTERM: at the first it ends in order, at the second at once."""

    def __init__(self, courier: Stoppable) -> None:
        self._courier = courier
        self._asked = 0
        self._interrupts = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Meanwhile a second signal raises ``ColdShutdown``, once. Before and after there is no task to interrupt."""
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False

    def on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle the signal, in the main thread. Raises ``ColdShutdown``."""
        self._asked += 1
        if self._asked == 1:
            self._courier.stop()
            return
        self._courier.abandon()
        if self._interrupts and not self._courier.attended:
            self._interrupts = False
            raise ColdShutdown


@contextlib.contextmanager
def soft_time_limit(seconds: float) -> Iterator[None]:
    """Raise ``SoftTimeLimitExceeded`` in the main thread after so many seconds, even while it waits for the system."""

    def on_alarm(_signal: int, _frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded(seconds)

    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, min(max(seconds, SHORTEST), LONGEST))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
