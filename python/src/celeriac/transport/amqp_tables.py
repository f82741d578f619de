"""The properties of a message, encoded and decoded quickly, as far as they are what task messages have.

For anything else the answer is None, and py-amqp does it: it knows all types, and what is wrong with a value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from celeriac.message import HEADERS, Wire

#: Of a text or a table, in front of it.
LENGTH = struct.Struct(">I")
_INTEGER = struct.Struct(">i")
FLAGS = struct.Struct(">H")
#: Greatest integer that py-amqp writes in four bytes.
_GREATEST = 2**31 - 1
_LONGEST = 255
_HEADERS = 0x2000
#: Property -> its flag and whether it is a number, in the order in which they stand behind one another.
_BEFORE_HEADERS = (("content_type", 0x8000), ("content_encoding", 0x4000))
_NUMBERS = (("delivery_mode", 0x1000), ("priority", 0x0800))
_TEXTS = (("correlation_id", 0x0400), ("reply_to", 0x0200), ("expiration", 0x0100), ("message_id", 0x0080))
_AFTER_HEADERS = frozenset(name for name, _ in (*_NUMBERS, *_TEXTS))
_KNOWN_FLAGS = sum(flag for _, flag in (*_BEFORE_HEADERS, *_NUMBERS, *_TEXTS)) | _HEADERS


class NotQuick(Exception):
    """Something that is left to py-amqp."""


#: What bytes raise that are no properties, or none that are read here.
UNREADABLE = (NotQuick, UnicodeError, IndexError, struct.error, RecursionError)


#: The names of the headers of task messages, as they are written, and what is read as them.
_WRITTEN = {row.name: bytes((len(row.name),)) + row.name.encode() for row in HEADERS}
_READ = {written[1:]: name for name, written in _WRITTEN.items()}

# -- encoding


def encoded(wire: Wire) -> bytes | None:
    """The encoded properties of a message; None where py-amqp has to encode them."""
    properties = wire.properties
    if not properties.keys() <= _AFTER_HEADERS:
        return None
    flags, parts = _HEADERS, [b""]
    try:
        for value, (_, flag) in zip((wire.content_type, wire.content_encoding), _BEFORE_HEADERS, strict=True):
            if value is not None:
                flags |= flag
                parts.append(short_text(value))
        parts.append(field_table(wire.headers))
        for name, flag in _NUMBERS:
            number = properties.get(name)
            if number is not None:
                flags |= flag
                parts.append(_octet(number))
        for name, flag in _TEXTS:
            text = properties.get(name)
            if text is not None:
                flags |= flag
                parts.append(short_text(text))
    except (NotQuick, UnicodeEncodeError, RecursionError):
        return None
    parts[0] = FLAGS.pack(flags)
    return b"".join(parts)


def _octet(value: Any) -> bytes:
    if type(value) is not int or not 0 <= value <= _LONGEST:
        raise NotQuick
    return bytes((value,))


def short_text(value: Any) -> bytes:
    """Text with its length in one byte."""
    if type(value) is not str:
        raise NotQuick
    text = value.encode()
    if len(text) > _LONGEST:
        raise NotQuick
    return bytes((len(text),)) + text


def field_table(table: Mapping[str, Any]) -> bytes:
    """A table of headers, its length in front."""
    parts = [b""]
    for name, value in table.items():
        parts.append(_WRITTEN.get(name) or short_text(name))
        kind = type(value)
        # The two that most headers have, without a call.
        if kind is str:
            text = value.encode()
            parts += (b"S", LENGTH.pack(len(text)), text)
        elif value is None:
            parts.append(b"V")
        else:
            parts.append(_item(value))
    content = b"".join(parts)
    return LENGTH.pack(len(content)) + content


def _item(value: Any) -> bytes:
    write = _WRITERS.get(type(value))
    if write is None:
        raise NotQuick
    return write(value)


def long_text(value: str) -> bytes:
    """Text as the value of a header."""
    text = value.encode()
    return b"S" + LENGTH.pack(len(text)) + text


def _integer(value: int) -> bytes:
    if not -_GREATEST <= value <= _GREATEST:
        raise NotQuick
    return b"I" + _INTEGER.pack(value)


def _array(values: Any) -> bytes:
    content = b"".join([_item(value) for value in values])
    return b"A" + LENGTH.pack(len(content)) + content


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    str: long_text,
    type(None): lambda _: b"V",
    bool: lambda value: b"t\x01" if value else b"t\x00",
    int: _integer,
    list: _array,
    tuple: _array,
    dict: lambda value: b"F" + field_table(value),
}


# -- decoding


def decoded(data: bytes) -> dict[str, Any] | None:
    """The properties of a message by py-amqp's names; None where py-amqp has to decode them."""
    try:
        return _properties(data)
    except UNREADABLE:
        return None


def _properties(data: bytes) -> dict[str, Any]:
    (flags,) = FLAGS.unpack_from(data)
    if flags & ~_KNOWN_FLAGS:
        raise NotQuick
    found: dict[str, Any] = {}
    at = FLAGS.size
    for name, flag in _BEFORE_HEADERS:
        if flags & flag:
            found[name], at = _read_short_text(data, at)
    if flags & _HEADERS:
        found["application_headers"], at = _read_table(data, at)
    for name, flag in _NUMBERS:
        if flags & flag:
            found[name] = data[at]
            at += 1
    for name, flag in _TEXTS:
        if flags & flag:
            found[name], at = _read_short_text(data, at)
    return found


def _read_short_text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return _slice(data, at + 1, end).decode(), end


def _slice(data: bytes, start: int, end: int) -> bytes:
    if end > len(data):
        raise NotQuick
    return data[start:end]


def _read_table(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    start = at + LENGTH.size
    end = start + LENGTH.unpack_from(data, at)[0]
    if end > len(data):
        raise NotQuick
    length_at = LENGTH.unpack_from
    table: dict[str, Any] = {}
    at = start
    while at < end:
        begin = at + 1
        at = begin + data[at]
        key = data[begin:at]
        name = _READ.get(key) or key.decode()
        kind = data[at]
        # The two that most headers have, without a call. What they have beyond the end is seen there.
        if kind == TEXT:
            begin = at + 5
            at = begin + length_at(data, at + 1)[0]
            table[name] = data[begin:at].decode()
        elif kind == _NULL:
            table[name] = None
            at += 1
        else:
            table[name], at = read_item(data, at)
    if at != end:
        raise NotQuick
    return table, end


def _read_array(data: bytes, at: int) -> tuple[list[Any], int]:
    start = at + LENGTH.size
    end = start + LENGTH.unpack_from(data, at)[0]
    items: list[Any] = []
    at = start
    while at < end:
        item, at = read_item(data, at)
        items.append(item)
    if at != end or end > len(data):
        raise NotQuick
    return items, end


def read_item(data: bytes, at: int) -> tuple[Any, int]:
    """The value that begins there, and where it ends. Raises ``NotQuick`` and what bytes raise."""
    kind, at = data[at], at + 1
    if kind == _NULL:
        return None, at
    if kind == TEXT:
        begin = at + LENGTH.size
        end = begin + LENGTH.unpack_from(data, at)[0]
        return _slice(data, begin, end).decode(), end
    if kind == _BOOLEAN:
        return bool(data[at]), at + 1
    if kind == _INTEGER_32:
        return _INTEGER.unpack_from(data, at)[0], at + 4
    if kind == _TABLE:
        return _read_table(data, at)
    if kind == _ARRAY:
        return _read_array(data, at)
    raise NotQuick


TEXT, _NULL, _BOOLEAN, _INTEGER_32, _TABLE, _ARRAY = b"SVtIFA"
