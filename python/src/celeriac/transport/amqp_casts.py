"""Encoded properties that are like those of an earlier message, read by what they have in common.

Of what one peer sends, most is the same for each message: it is compared, as bytes, with what was decoded once, and
only the texts between are decoded. What this gives is what decoding all of it would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from celeriac.message import HEADERS, PROPERTIES
from celeriac.transport.amqp_tables import FLAGS, LENGTH, TEXT, UNREADABLE, read_item
from celeriac.wire import OWN, Kind, Wire

#: Casts that are kept; they are made of what comes first. A try in vain takes a tenth of what decoding takes.
MOST = 4
_HEADER_NAMES = frozenset(row.name for row in HEADERS)
_PROPERTY_NAMES = frozenset(row.name for row in PROPERTIES).difference({"expiration"})
#: Headers that have a new value in each message, or in many: of those that have one, few are alike.
_CHANGING = ("shadow", "eta", "expires", "group", "group_index", "parent_id")
_SCALARS = frozenset({str, int, bool, type(None)})
#: A text that differs: its name, where it begins behind its length, and where it ends.
_Gap: TypeAlias = tuple[str, int, int]
#: What is the same up to the length of a text, how many bytes it is from there to the text, and the name of that.
_Run: TypeAlias = tuple[bytes, int, str]


class Casts:
    """The casts of what comes on one connection. ``decode`` is the way of all that fit none."""

    def __init__(self, decode: Callable[[bytes, bytes], Wire]) -> None:
        self._decode = decode
        self._casts: list[Cast] = []

    def wire(self, properties: bytes, body: bytes) -> Wire:
        """The raw message of encoded properties."""
        for cast in self._casts:
            wire = cast.wire(properties, body)
            if wire is not None:
                return wire
        wire = self._decode(properties, body)
        if len(self._casts) < MOST and is_plain(wire):
            cast_of_it = cast_of(properties, wire)
            self._casts += () if cast_of_it is None else (cast_of_it,)
        return wire


class Cast:
    """What the encoded properties of alike messages have in common: runs of bytes, and texts of their own between."""

    def __init__(self, data: bytes, like: Wire, table: int, header_gaps: list[_Gap], gaps: list[_Gap]) -> None:
        end = table + LENGTH.size + LENGTH.unpack_from(data, table)[0]
        self._kind = Kind(like)
        self._before = data[:table]
        self._headers, self._end_of_headers = _runs(data, table + LENGTH.size, end, header_gaps, LENGTH.size)
        self._properties, self._end = _runs(data, end, len(data), gaps, 1)
        #: What somebody may change is each message's own.
        self._copied = [name for name, value in like.headers.items() if type(value) in (list, dict)]

    def wire(self, data: bytes, body: bytes) -> Wire | None:
        """The raw message of these properties; None when they are not of this cast."""
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


def is_plain(wire: Wire) -> bool:
    """Whether others are like it: a task message with nothing that differs but for ``OWN``."""
    headers, properties = wire.headers, wire.properties
    if not headers.keys() <= _HEADER_NAMES or not properties.keys() <= _PROPERTY_NAMES:
        return False
    return all(headers.get(name) is None for name in _CHANGING) and all(map(_is_simple, headers.values()))


def _is_simple(value: Any) -> bool:
    if type(value) is dict:
        return _SCALARS.issuperset(map(type, value.values()))
    return _SCALARS.issuperset(map(type, value)) if type(value) is list else type(value) in _SCALARS


def cast_of(data: bytes, wire: Wire) -> Cast | None:
    """A cast of these encoded properties, which are those of this plain message; None where they cannot be followed."""
    try:
        return _cast_of(data, wire)
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
