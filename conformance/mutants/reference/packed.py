"""MessagePack: text, bytes, integers, floats, arrays and maps; no type of its own for anything else."""

from __future__ import annotations

import os
import struct
from typing import Any

from reference.defects import CallError, InvalidMessage, change, has

#: Bytes of a length -> format of struct.
LENGTHS = {1: ">B", 2: ">H", 4: ">I"}
#: family -> the code of its first byte for each length of the length, and for what is short enough to need none
FAMILIES: dict[str, tuple[dict[int, int], tuple[int, int]]] = {
    "str": ({1: 0xD9, 2: 0xDA, 4: 0xDB}, (0xA0, 31)),
    "bin": ({1: 0xC4, 2: 0xC5, 4: 0xC6}, (0, -1)),
    "array": ({2: 0xDC, 4: 0xDD}, (0x90, 15)),
    "map": ({2: 0xDE, 4: 0xDF}, (0x80, 15)),
}
#: code -> format of a number
NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
CONSTANTS: dict[int, Any] = {0xC0: None, 0xC2: False, 0xC3: True}


# -- writing ---------------------------------------------------------------------------------------


def packed(value: Any) -> bytes:
    """The bytes of a value; raises CallError for what there is no type for."""
    if value is None or isinstance(value, bool):
        return bytes([next(code for code, constant in CONSTANTS.items() if constant is value)])
    if isinstance(value, float):
        value = change("packed float", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return _integer(value)
    if isinstance(value, str):
        return _head("str", len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return _head(change("family of bytes", "bin"), len(value)) + value
    if isinstance(value, (list, tuple)):
        return _head("array", len(value)) + b"".join(map(packed, value))
    if isinstance(value, dict):
        return _head("map", len(value)) + b"".join(packed(key) + packed(member) for key, member in value.items())
    if has("packs-everything-as-text"):
        return packed(str(value))
    raise CallError("InvalidCall", f"MessagePack has no type for a {type(value).__name__} like this")


def _integer(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">b", value)
    codes = (0xCC, 0xCD, 0xCE, 0xCF) if value >= 0 else (0xD0, 0xD1, 0xD2, 0xD3)
    room = value if value >= 0 else 2 * -value - 1  # a sign takes a bit
    code = next(code for code, size in zip(codes, (1, 2, 4, 8), strict=True) if room < 256**size)
    return bytes([code]) + struct.pack(NUMBERS[code], value)


def _head(family: str, length: int) -> bytes:
    codes, (short, most) = FAMILIES[family]
    if length <= most:
        return bytes([short | length])
    size = next(size for size in codes if length < 256**size)
    return bytes([codes[size]]) + struct.pack(LENGTHS[size], length)


# -- reading ---------------------------------------------------------------------------------------


def unpacked(body: bytes) -> Any:
    """The value of the bytes; raises InvalidMessage."""
    try:
        value, end = _read(body, 0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise InvalidMessage(f"not MessagePack: {error}") from error
    if end != len(body):
        raise InvalidMessage("not MessagePack: something comes after it")
    return value


def _read(body: bytes, at: int) -> tuple[Any, int]:
    code = body[at]
    if code < 0x80 or code >= 0xE0:
        return struct.unpack_from(">b", body, at)[0], at + 1
    if code in CONSTANTS:
        return CONSTANTS[code], at + 1
    if code in NUMBERS:
        return struct.unpack_from(NUMBERS[code], body, at + 1)[0], at + 1 + struct.calcsize(NUMBERS[code])
    family, length, at = _length(body, code, at + 1)
    if family in ("str", "bin"):
        raw = body[at : at + length]
        if len(raw) < length:
            raise IndexError("it ends too early")
        return (raw.decode() if family == "str" else raw), at + length
    if length > len(body) and has("makes-room-for-what-is-announced"):
        os._exit(1)  # as the system does it when the memory is used up, and without using it up
    items = []
    for _ in range(length * (2 if family == "map" else 1)):
        item, at = _read(body, at)
        items.append(item)
    return (items if family == "array" else dict(zip(items[::2], items[1::2], strict=True))), at


def _length(body: bytes, code: int, at: int) -> tuple[str, int, int]:
    for family, (codes, (short, most)) in FAMILIES.items():
        if short <= code <= short + most and most > 0:
            return family, code - short, at
        for size, known in codes.items():
            if code == known:
                return family, struct.unpack_from(LENGTHS[size], body, at)[0], at + size
    raise InvalidMessage(f"not MessagePack: type {code:#x}")
