"""The frames of a message that is published, so that many messages are written at once."""

from __future__ import annotations

import struct
from functools import lru_cache

METHOD, CONTENT_HEADER, BODY = b"\x01", b"\x02", b"\x03"
FRAME_END = b"\xce"
#: Kind, channel, size and end of a frame.
OVERHEAD = 8
#: Class Basic and its method Publish, and a field that nobody uses any more.
PUBLISH = b"\x00\x3c\x00\x28\x00\x00"
#: Of a frame: channel and size of the payload. Of a content header: class, weight and size of the body.
PLACE = struct.Struct(">HI")
HEADER = struct.Struct(">HHQ")
BASIC = 60


class Address:
    """Where messages go on a channel: the frame that begins each of them is always the same."""

    def __init__(self, channel: int, exchange: str, routing_key: str, *, mandatory: bool) -> None:
        self._channel = channel
        names = b"".join(bytes((len(name),)) + name for name in (_text(exchange), _text(routing_key)))
        self._method = _frame(METHOD, channel, PUBLISH + names + bytes((mandatory,)))

    def frames(self, properties: bytes, body: bytes, frame_max: int) -> bytes:
        """All frames of one message: ``properties`` encoded, ``frame_max`` as agreed with the broker (0: no limit)."""
        header = _frame(CONTENT_HEADER, self._channel, HEADER.pack(BASIC, 0, len(body)) + properties)
        room = (frame_max or len(body) + OVERHEAD + 1) - OVERHEAD
        if 0 < len(body) <= room:
            return self._method + header + _frame(BODY, self._channel, body)
        parts = (body[start : start + room] for start in range(0, len(body), room))
        return b"".join((self._method, header, *(_frame(BODY, self._channel, part) for part in parts)))


#: An ``Address``, made anew only where it was not used for long.
address = lru_cache(1000)(Address)


def _text(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _frame(kind: bytes, channel: int, payload: bytes) -> bytes:
    return kind + PLACE.pack(channel, len(payload)) + payload + FRAME_END
