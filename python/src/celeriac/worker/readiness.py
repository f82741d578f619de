"""Whether a worker consumes, for those who wait for it: a file, and systemd."""

from __future__ import annotations

import mmap
import os
import socket
from contextlib import suppress
from pathlib import Path

from celeriac.errors import InvalidCall

#: Where systemd wants to be told (sd_notify).
NOTIFY_SOCKET = "NOTIFY_SOCKET"
READY, STOPPING = b"READY=1", b"STOPPING=1"


class Readiness:
    """A mark for each process in memory that all share; made by the supervisor before it starts them.

    The worker is ready when all ``processes`` consume, until it is told to stop; nobody waits for those that come
    later, up to ``most``. As long as it is, ``path`` exists,
    with the supervisor's pid. ``notify`` is systemd's socket, which is told of both. None: nobody is.
    """

    def __init__(
        self, processes: int, path: Path | None = None, notify: str | None = None, *, most: int | None = None
    ) -> None:
        #: The first byte is set when the worker leaves, the others when a process consumes, or nobody waits for it.
        self._marks = mmap.mmap(-1, max(processes, most or 0) + 1)
        self._marks[processes + 1 :] = b"\1" * (len(self._marks) - processes - 1)
        self._path = path
        self._notify = notify
        self._content = f"{os.getpid()}\n"
        if path is not None:
            try:
                path.write_text(self._content)
            except OSError as error:
                raise InvalidCall(f"the ready file {path} cannot be written: {error}") from error
            self._remove()

    def __bool__(self) -> bool:
        return not self._marks[0] and all(self._marks[1:])

    def up(self, number: int) -> bool:
        """A process consumes; whether that makes the worker ready. Called by itself, whenever it has connected."""
        known = bool(self)
        self._marks[number] = 1
        ready = bool(self) and not known
        if ready:
            self._tell(READY)
            if self._path is not None:
                self._path.write_text(self._content)
            # The supervisor may have been told to stop meanwhile.
            if not self:
                self._remove()
        return ready

    def down(self, number: int) -> None:
        """A process has ended."""
        self._marks[number] = 0
        self._remove()

    def leave(self) -> None:
        """The worker is told to stop."""
        self._marks[0] = 1
        self._remove()
        self._tell(STOPPING)

    def _remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _tell(self, state: bytes) -> None:
        if not self._notify:
            return
        # A name that begins with @ stands in no file system.
        address = f"\0{self._notify[1:]}" if self._notify.startswith("@") else self._notify
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.sendto(state, address)
