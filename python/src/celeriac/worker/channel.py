"""What the processes of one worker say to each other: JSON over a socket pair, made before they are forked.

Whole packets, so that a process that is killed leaves no half of one to its successor, which inherits the socket.
Nobody waits for the other: what does not fit is kept and sent when there is room.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections import deque
from typing import Any

#: Bytes of one packet; a longer message travels in several.
PACKET = 32_768
#: Packets that are kept for a peer that does not read; what comes beyond is dropped.
KEPT = 1024
FIRST, LAST = 1, 2


class Channel:
    """One end. ``interest`` is what to poll its descriptor for."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.setblocking(False)
        self._parts: list[bytes] = []
        self._leaving: deque[bytes] = deque()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two ends that are connected to each other."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    def fileno(self) -> int:
        """Descriptor to poll."""
        return self._socket.fileno()

    @property
    def interest(self) -> int:
        """Flags for ``poll``."""
        return select.POLLIN | (select.POLLOUT if self._leaving else 0)

    def send(self, message: dict[str, Any]) -> None:
        """Send as soon as there is room."""
        body = json.dumps(message, default=repr).encode()
        pieces = [body[start : start + PACKET] for start in range(0, len(body), PACKET)]
        if len(self._leaving) + len(pieces) > KEPT:
            return
        last = len(pieces) - 1
        for number, piece in enumerate(pieces):
            flags = (FIRST if number == 0 else 0) | (LAST if number == last else 0)
            self._leaving.append(bytes([flags]) + piece)
        self.flush()

    def flush(self) -> None:
        """Send what there is room for."""
        # The other end is never closed before both are, but for a process that ends.
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionError):
            while self._leaving:
                self._socket.send(self._leaving[0])
                self._leaving.popleft()

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have come whole."""
        self.flush()
        messages = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while packet := self._socket.recv(PACKET + 1):
                if packet[0] & FIRST:
                    self._parts.clear()
                self._parts.append(packet[1:])
                if packet[0] & LAST:
                    messages.append(json.loads(b"".join(self._parts)))
                    self._parts.clear()
        return messages

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
