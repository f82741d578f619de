"""What crosses a proxy: whole frames of AMQP 0-9-1 and whole commands and replies of RESP, each with a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class BadFrame(Exception):
    """Bytes that are neither a frame nor the beginning of one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame. ``name`` is basic.publish, header, body, heartbeat, or LPUSH, reply; ``text`` is for a log."""

    name: str
    text: str
    raw: bytes


class Splitter(Protocol):
    """Cuts the bytes of one direction into frames."""

    def feed(self, received: bytes) -> list[Frame]:
        """The frames that are whole now, in order; the rest is kept. Raises BadFrame."""
        ...
