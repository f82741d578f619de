"""Turns at a broker: what speaks to everybody there must not be heard by the cases of others.

Queues and keys have random names, but remote control and events go to all who listen on a virtual host of RabbitMQ
or in a database of Redis. Who listens holds a lock of the broker that many can hold; who says what may harm a listener
holds it by itself. The lock is a file of this user named after the broker, so it counts for every suite on the machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit


class Turn:
    """A lock of the broker of a URL: shared, or held ``alone``."""

    def __init__(self, url: str, alone: bool) -> None:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}"
        name = hashlib.sha256(place.encode()).hexdigest()[:16]
        self._path = Path(tempfile.gettempdir()) / f"celeriac-conformance-{os.getuid()}-{name}.lock"
        self._kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Take the lock if that can be had now; whether it is held."""
        file = self._path.open("ab")
        try:
            fcntl.flock(file, self._kind | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        if not _is_at(file, self._path):  # the one that held it before has removed the file
            file.close()
            return self.take()
        self._file = file
        return True

    def give_back(self) -> None:
        """Let the next one have it; the last one removes the file."""
        assert self._file is not None
        with self._file as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if _is_at(file, self._path):
                self._path.unlink()


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
