"""Interrupting a function that runs on a thread of its own, from other threads.

Python raises the exception there once it runs its code again: what waits for the system, or is in C, goes on until
then.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

from celeriac.task import SoftTimeLimitExceeded

T = TypeVar("T")


class Grip:
    """A hold on one call: ``throw`` raises an exception inside of it, ``call`` makes it in the thread that it is for.

    What is thrown before the call begins is raised when it does, what is thrown after its end is not raised at all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: ctypes.c_ulong | None = None
        self._thrown: type[BaseException] | None = None
        self._over = False

    def throw(self, error: type[BaseException]) -> None:
        """Raise an exception of this class, which takes no arguments, as soon as that can be."""
        with self._lock:
            if self._over:
                return
            self._thrown = error
            if self._thread is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, ctypes.py_object(error))

    def call(self, function: Callable[[], T], soft_limit: float | None = None) -> T:
        """Call it here; after so many seconds ``SoftTimeLimitExceeded`` is thrown. Once for each grip."""
        timer = None
        if soft_limit:
            timer = threading.Timer(min(soft_limit, threading.TIMEOUT_MAX), self.throw, (reached(soft_limit),))
            timer.daemon = True
            timer.start()
        # Whatever strikes, and wherever: it is let go before anything else is done.
        try:
            try:
                self._open()
                return function()
            finally:
                self._let_go()
        finally:
            if timer is not None:
                timer.cancel()

    def _open(self) -> None:
        with self._lock:
            if self._thrown is not None:
                raise self._thrown
            self._thread = ctypes.c_ulong(threading.get_ident())

    def _let_go(self) -> None:
        try:
            self._close()
        except BaseException:
            # It struck on the way.
            self._close()
            raise

    def _close(self) -> None:
        # First of all and without waiting for the lock: from here on nothing new is thrown.
        self._over = True
        with self._lock:
            if self._thread is not None:
                # What is on its way belongs to nobody any more.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, None)


def reached(seconds: float) -> type[SoftTimeLimitExceeded]:
    """The error of this soft limit as a class: into another thread, none but classes can be raised."""

    def __init__(self: SoftTimeLimitExceeded) -> None:  # noqa: N807  # it becomes the class's
        SoftTimeLimitExceeded.__init__(self, seconds)

    names = {"__init__": __init__, "__module__": SoftTimeLimitExceeded.__module__}
    return type(SoftTimeLimitExceeded.__name__, (SoftTimeLimitExceeded,), names)
