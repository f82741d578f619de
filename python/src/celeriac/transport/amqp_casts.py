"""AMQP messages whose properties are like those of an earlier one, read by what they have in common (``casts``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from celeriac.transport.amqp_tables import FLAGS, LENGTH, TEXT, UNREADABLE, read_item
from celeriac.transport.casts import changeable
from celeriac.wire import OWN, Kind, Wire

#: The encoded properties, and the body.
Parts: TypeAlias = tuple[bytes, bytes]
#: A text that differs: its name, where it begins behind its length, and where it ends.
_Gap: TypeAlias = tuple[str, int, int]
#: What is the same up to the length of a text, how many bytes it is from there to the text, and the name of that.
_Run: TypeAlias = tuple[bytes, int, str]


class Cast:
    """What the properties of alike messages have in common: runs of bytes, and texts of their own between.

    Implements ``casts.Cast``.
    """

    def __init__(self, data: bytes, like: Wire, table: int, header_gaps: list[_Gap], gaps: list[_Gap]) -> None:
        end = table + LENGTH.size + LENGTH.unpack_from(data, table)[0]
        self._kind = Kind(like)
        self._before = data[:table]
        self._headers, self._end_of_headers = _runs(data, table + LENGTH.size, end, header_gaps, LENGTH.size)
        self._properties, self._end = _runs(data, end, len(data), gaps, 1)
        self._copied = changeable(like)

    def wire(self, parts: Parts) -> Wire | None:
        """The raw message of these properties and this body; None when it is not of this cast."""
        data, body = parts
        try:
            return self._wire(data, body) if data.startswith(self._before) else None
        except UNREADABLE:
            return None

    def _wire(self, data: bytes, body: bytes) -> Wire | None:
        like = self._kind.like
        headers, properties = {**like.headers}, {**like.properties}
        length_at = LENGTH.unpack_from
        at = len(self._before)
        end = at + LENGTH.size + length_at(data, at)[0]
        at += LENGTH.size
        for run, size, name in self._headers:
            if not data.startswith(run, at):
                return None
            begin = at + size
            at = begin + length_at(data, begin - LENGTH.size)[0]
            if begin == at:
                return None
            headers[name] = data[begin:at].decode()
        if not data.startswith(self._end_of_headers, at) or at + len(self._end_of_headers) != end:
            return None
        at = end
        for run, size, name in self._properties:
            if not data.startswith(run, at):
                return None
            begin = at + size
            at = begin + data[begin - 1]
            if begin == at:
                return None
            properties[name] = data[begin:at].decode()
        if not data.startswith(self._end, at) or at + len(self._end) != len(data):
            return None
        for name in self._copied:
            headers[name] = headers[name].copy()
        wire = Wire(body, like.content_type, like.content_encoding, headers, properties)
        wire.kind = self._kind
        return wire


def cast_of(parts: Parts, wire: Wire) -> Cast | None:
    """A cast of the encoded properties of this plain message; None where they cannot be followed."""
    try:
        return _cast_of(parts[0], wire)
    except UNREADABLE:
        return None


def _cast_of(data: bytes, wire: Wire) -> Cast | None:
    before = [text.encode() for text in (wire.content_type, wire.content_encoding) if text is not None]
    table = FLAGS.size + sum(1 + len(text) for text in before)
    names, header_gaps, end = _items(data, table)
    gaps: list[_Gap] = []
    for name, value in wire.properties.items():
        start = end + 1
        end = start + len(value.encode()) if type(value) is str else start
        gaps += [(name, start, end)] if name in OWN else []
    if names != list(wire.headers) or end != len(data):
        return None
    return Cast(data, replace(wire, body=b""), table, header_gaps, gaps)


def _items(data: bytes, table: int) -> tuple[list[str], list[_Gap], int]:
    """The names in a table of headers, its gaps, and where it ends."""
    at = table + LENGTH.size
    end = at + LENGTH.unpack_from(data, table)[0]
    names: list[str] = []
    gaps: list[_Gap] = []
    while at < end:
        begin = at + 1 + data[at]
        name = data[at + 1 : begin].decode()
        names.append(name)
        _, at = read_item(data, begin)
        if name in OWN and data[begin] == TEXT:
            gaps.append((name, begin + 1 + LENGTH.size, at))
    return names, gaps, at


def _runs(data: bytes, at: int, end: int, gaps: Iterable[_Gap], width: int) -> tuple[list[_Run], bytes]:
    """What stands before each gap, whose length takes so many bytes, and what stands behind the last."""
    runs: list[_Run] = []
    for name, begin, after in gaps:
        run = data[at : begin - width]
        runs.append((run, len(run) + width, name))
        at = after
    return runs, data[at:end]
