"""RESP 2 and 3, as far as a proxy needs it: where a command or a reply ends, and what it is called."""

from __future__ import annotations

from celeriac_conformance.proxy.frames import BadFrame, Frame

#: Of a value, as many characters as a log shows.
SHOWN = 60
LINES = b"+-:,#(_"
BLOBS = b"$=!"
#: How many values follow for each one that is announced.
AGGREGATES = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}


class _Incomplete(Exception):
    """The value goes on beyond what has been received."""


class RespSplitter:
    """One direction of a connection: commands of a client, or replies of a server."""

    def __init__(self, *, commands: bool) -> None:
        self._commands = commands
        self._rest = b""

    def feed(self, received: bytes) -> list[Frame]:
        """The commands or replies that are whole now."""
        self._rest += received
        frames = []
        while self._rest:
            words: list[bytes] = []
            try:
                end = _value(self._rest, 0, words)
            except _Incomplete:
                break
            raw, self._rest = self._rest[:end], self._rest[end:]
            frames.append(self._frame(raw, words))
        return frames

    def _frame(self, raw: bytes, words: list[bytes]) -> Frame:
        text = " ".join(map(_shown, words))
        if not self._commands:
            push = raw[:1] == b">" or (words[:1] and words[0] in (b"message", b"pmessage"))
            return Frame("push" if push else "reply", text, raw)
        return Frame(words[0].decode("ascii", "replace").upper() if words else "", text, raw)


def _value(data: bytes, at: int, words: list[bytes]) -> int:
    """Read the value that begins at ``at`` into ``words``; the answer is where the next one begins."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise _Incomplete
    kind, line, next_at = data[at], data[at + 1 : end], end + 2
    if kind in LINES:
        words.append(data[at : at + 1] + line if kind == ord("-") else line)
        return next_at
    try:
        size = int(line)
    except ValueError:
        raise BadFrame(f"no value of RESP begins with {data[at : at + 20]!r}") from None
    if kind in BLOBS:
        return _blob(data, next_at, size, words)
    if kind not in AGGREGATES:
        raise BadFrame(f"no value of RESP begins with {data[at : at + 20]!r}")
    for _ in range(max(size, 0) * AGGREGATES[kind]):
        next_at = _value(data, next_at, words)
    # An attribute stands before the value that it belongs to.
    return _value(data, next_at, words) if kind == ord("|") else next_at


def _blob(data: bytes, at: int, size: int, words: list[bytes]) -> int:
    if size < 0:
        words.append(b"(nil)")
        return at
    if len(data) < at + size + 2:
        raise _Incomplete
    words.append(data[at : at + size])
    return at + size + 2


def _shown(word: bytes) -> str:
    text = word.decode("utf-8", "backslashreplace")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(word)} bytes)"
