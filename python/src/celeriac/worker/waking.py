"""What wakes a thread that sleeps: another thread, a signal, or something to read."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable


class Bell:
    """Rung by other threads and, through ``fd`` as the wake-up descriptor, by signals; the main thread may be deaf."""

    def __init__(self) -> None:
        self._awake, self.fd = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self.fd, False)
        #: SIGTERMs that have come, as far as a sleep has seen them.
        self.terminations = 0

    def ring(self) -> None:
        """Wake who sleeps, or will sleep next."""
        # A full pipe wakes as well as one more byte would.
        with contextlib.suppress(BlockingIOError):
            os.write(self.fd, b"\0")

    def sleep(self, seconds: float, watched: Iterable[tuple[int, int]] = ()) -> set[int]:
        """Sleep until it rings, or a descriptor has what it is watched for (``select.POLLIN``, ...); which have."""
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        for fileno, interest in watched:
            poll.register(fileno, interest)
        ready = {fileno for fileno, _ in poll.poll(max(0.0, seconds) * 1000)}
        if self._awake in ready:
            self.terminations += os.read(self._awake, 4096).count(signal.SIGTERM)
        return ready

    def close(self) -> None:
        """Give its descriptors back. Nobody rings any more."""
        os.close(self._awake)
        os.close(self.fd)
