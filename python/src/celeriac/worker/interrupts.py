"""What interrupts a running task: its soft time limit, the hard one, and a cold shutdown."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from celeriac.task import SoftTimeLimitExceeded

#: Bounds of what the system's timer takes, in seconds.
SHORTEST, LONGEST = 0.001, 1e8


class Overdue(BaseException):
    """The task ended after all, but after its hard time limit: its end was told already and this process ends."""


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
