"""Waiting for a signal, not for ever.

``signal.sigtimedwait`` would do, but for what CPython makes of a process that is stopped while it waits (SIGSTOP, a
paused container, a debugger) and goes on when the time is over: it gives a signal that never came, read from memory
that nobody wrote. A signal that ends the wait is told apart from all that.
"""

from __future__ import annotations

import signal
from collections.abc import Collection, Set

_SIGALRM = frozenset({signal.SIGALRM})
#: Seconds of the shortest wait; none at all would be a wait without an end.
SHORTEST = 0.01


def block(signals: Collection[int]) -> Set[int]:
    """Block these signals, and what limits a wait for them; the mask of before. Threads that start later inherit it."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, {*signals, *_SIGALRM})


def next_signal(signals: Collection[int], seconds: float) -> int | None:
    """The next of these blocked signals, which may have come already; None when none came for so long.

    Takes the process's timer (ITIMER_REAL) and SIGALRM.
    """
    signal.setitimer(signal.ITIMER_REAL, max(seconds, SHORTEST))
    came = signal.sigwaitinfo({*signals, *_SIGALRM}).si_signo
    signal.setitimer(signal.ITIMER_REAL, 0)
    # It may have come as well. Who waits for no time cannot be stopped meanwhile.
    signal.sigtimedwait(_SIGALRM, 0)
    return None if came == signal.SIGALRM else came
