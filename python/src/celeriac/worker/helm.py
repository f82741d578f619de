"""Which of a process's two threads sees to the connection.

To hand a message from one thread to the other and its outcome back takes longer than to run a small task. So the thread
that runs tasks sees to the connection itself while it has none, and between short ones; once it has not come by for a
while, the courier's does, so that heartbeats, time limits and remote control go on beside a long task.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

#: Seconds for which nobody need see to the connection: when a task has taken so long, the courier's thread does.
LULL = 0.02


class Helm:
    """Held by one of the two. The courier's thread begins with it; neither ever waits for the other to let go.

    ``take`` and ``leave`` are called by the thread that runs tasks, ``hand_over`` by the courier's, ``call`` by any.
    """

    def __init__(self) -> None:
        self._held = threading.Lock()
        self._held.acquire()
        #: Safe in signal handlers, which no other way to wake a thread is.
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._called = False
        #: How often the thread that runs tasks has come by.
        self._visits = 0
        #: Whether the courier's thread waits to be told that the helm was left.
        self._rests = False

    def take(self) -> bool:
        """Take it, if it is free."""
        return self._held.acquire(blocking=False)

    def leave(self) -> None:
        """Let it go, to run tasks."""
        self._visits += 1
        self._held.release()
        if self._rests:
            self._rests = False
            self._calls.put(None)

    def call(self) -> None:
        """Have the courier's thread take it as soon as it is free."""
        # Not once more where nobody has heeded it: with several threads that run tasks, it is never handed over.
        if not self._called:
            self._called = True
            self._calls.put(None)

    def hand_over(self, tell: Callable[[], None]) -> None:
        """Let it go and ``tell`` so; comes back with it when it is called, or when nobody has come by for a while."""
        self._held.release()
        tell()
        while not (self._is_due() and self._held.acquire(blocking=self._called)):
            pass
        self._called = False

    def _is_due(self) -> bool:
        """Wait a while; whether to take it. As long as it is held without an end, whoever holds it tells of that."""
        visits = self._visits
        if not self._called_within(LULL) and visits == self._visits:
            # Said before it is looked at, so that who leaves just now sees it, or we see that it was left.
            self._rests = True
            if not self._held.locked():
                self._rests = False
                return True
            self._called_within(None)
        return self._called

    def _called_within(self, seconds: float | None) -> bool:
        with contextlib.suppress(queue.Empty):
            self._calls.get(timeout=seconds)
            return True
        return False
