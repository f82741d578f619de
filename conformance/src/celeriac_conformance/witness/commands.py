"""What Redis was told, in order: a MONITOR on a connection of its own."""

from __future__ import annotations

import re
import time
from typing import Any

from celeriac_conformance.witness import BrokerDown
from celeriac_conformance.witness.redis import connect

#: A line of MONITOR: ``+1339518083.107412 [0 127.0.0.1:60866] "SET" "key" "value"``.
_LINE = re.compile(rb"^\S+ \[(\d+) (\S+)\] (.*)$", re.DOTALL)
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
SECONDS = 10.0


class Commands:
    """Every command that the server gets, from the making of this object on."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._connection = self._redis.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        self._connection.read_response()
        self._seen: list[bytes] = []

    def about(self, *words: str) -> list[dict[str, Any]]:
        """What has come so far with one of the words in it: ``{"command": [...], "by": client}``, oldest first.

        A command of a script has ``lua`` as its client.
        """
        self._fetch()
        # Most lines are about something else, and one can be of a hundred megabytes: only the others are taken apart.
        rows = [parsed(line) for line in self._seen if any(_escaped(word) in line for word in words)]
        return [row for row in rows if any(word in part for part in row["command"] for word in words)]

    def _fetch(self) -> None:
        """Read up to a mark that is set now: everything before it has been told."""
        mark = f"conformance-mark-{time.monotonic_ns()}"
        self._redis.echo(mark)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if not self._connection.can_read(timeout=SECONDS):
                break
            line = self._connection.read_response()
            if line.endswith(f'"{mark}"'.encode()):
                return
            self._seen.append(line)
        raise BrokerDown("Redis stopped telling its commands (MONITOR)")

    def close(self) -> None:
        """Disconnect."""
        self._connection.disconnect()
        self._redis.close()


def _escaped(word: str) -> bytes:
    """The beginning of a word as a line shows it: all of it, unless something in it needs an escape."""
    return re.split(rb"[^ !#-\[\]-~]", word.encode(), maxsplit=1)[0]


def parsed(line: bytes) -> dict[str, Any]:
    """A line of MONITOR as ``{"command": [name in capitals, arguments...], "by": client}``."""
    match = _LINE.match(line)
    if match is None:
        return {"command": [], "by": ""}
    words = [_plain(word).decode(errors="backslashreplace") for word in _WORD.findall(match[3])]
    return {"command": [words[0].upper(), *words[1:]] if words else [], "by": match[2].decode()}


def _plain(word: bytes) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else _LETTERS.get(code, code)

    return _ESCAPE.sub(plain, word)
