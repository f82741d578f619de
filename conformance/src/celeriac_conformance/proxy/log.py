"""What crossed a proxy, decoded, a line for each frame."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from celeriac_conformance.proxy.rules import TO_BROKER

#: A log is for a failing case: the first and the last frames of a long one are enough.
MOST = 5000
ARROWS = {True: "->", False: "<-"}


class Line(NamedTuple):
    """One frame: seconds since the proxy began, the connection's number, the direction, what it was, what befell it."""

    seconds: float
    connection: int
    direction: str
    text: str
    fault: str = ""

    def __str__(self) -> str:
        befell = f"   <<< {self.fault}" if self.fault else ""
        return f"{self.seconds:8.3f} {self.connection} {ARROWS[self.direction == TO_BROKER]} {self.text}{befell}"


class Log:
    """Grows as frames cross, from any thread."""

    def __init__(self) -> None:
        #: By the clock that only goes forward, so that two logs can be laid side by side.
        self.began = time.monotonic()
        self._lines: list[Line] = []
        self._left_out = 0
        self._lock = threading.Lock()

    def note(self, connection: int, direction: str, text: str, fault: str = "") -> None:
        """Add a frame; beyond a number of them the middle is left out."""
        line = Line(time.monotonic() - self.began, connection, direction, text, fault)
        with self._lock:
            self._lines.append(line)
            if len(self._lines) > MOST:
                del self._lines[MOST // 2]
                self._left_out += 1

    def lines(self) -> list[Line]:
        """What has crossed until now."""
        with self._lock:
            return list(self._lines)

    def clear(self) -> None:
        """Forget what has crossed until now: another case begins."""
        with self._lock:
            self._lines.clear()
            self._left_out = 0

    def text(self, around: str = "", most: int = 24) -> str:
        """The last lines before and including the last one that mentions ``around``, or the last ones of all."""
        lines = self.lines()
        ends = [number for number, line in enumerate(lines) if around in line.text or around == line.fault]
        end = (ends[-1] + 1) if around and ends else len(lines)
        return "\n".join(map(str, lines[max(0, end - most) : end]))
