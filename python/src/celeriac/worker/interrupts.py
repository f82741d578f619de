"""What interrupts a running task: its soft time limit, the hard one, and a cold shutdown."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

from celeriac.execution.ending import ColdShutdown
from celeriac.task import SoftTimeLimitExceeded

#: Bounds of what the system's timer takes, in seconds.
SHORTEST, LONGEST = 0.001, 1e8


class Overdue(BaseException):
    """The task ended after all, but after its hard time limit: its end was told already and this process ends."""


class Stoppable(Protocol):
    """What is told to stop: the courier."""

    def stop(self) -> None:
        """End in order."""

    def abandon(self) -> None:
        """End at once."""


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
        if self._interrupts:
            self._interrupts = False
            raise ColdShutdown


@contextlib.contextmanager
def soft_time_limit(seconds: float | None) -> Iterator[None]:
    """Raise ``SoftTimeLimitExceeded`` in this thread after so many seconds; None: never.

    In the main thread by a signal, which interrupts what waits for the system. In others once Python runs again.
    """
    if not seconds:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        with _raised_by_another(min(seconds, threading.TIMEOUT_MAX)):
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


@contextlib.contextmanager
def _raised_by_another(seconds: float) -> Iterator[None]:
    thread = ctypes.c_ulong(threading.get_ident())
    lock = threading.Lock()
    over = False

    def on_time() -> None:
        with lock:
            if not over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(SoftTimeLimitExceeded))

    timer = threading.Timer(seconds, on_time)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
            # One that is on its way belongs to nobody any more.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
        timer.cancel()
