"""Find the value that made serialization fail, so that the error can name its place.

Runs only after a failure, or when a value holds the text of a type tag: never on the usual way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from celeriac.text import shown

_TAGGED = (datetime, date, time, UUID, Decimal, bytes)
_PLAIN = (str, int, float, bytes)
_LEAVES: dict[str, tuple[type, ...]] = {
    "json": (*_PLAIN, *_TAGGED),
    "msgpack": _PLAIN,
    "yaml": (*_PLAIN, datetime, date),
}
_KEYS: dict[str, tuple[type, ...]] = {
    "json": (str, int, float, type(None)),
    "msgpack": (str, bytes, int),
    "yaml": (str, int, float, bytes, type(None)),
}
_NAMES = {"json": "JSON", "msgpack": "MessagePack", "yaml": "YAML"}
_TAG_KEYS = {"__type__", "__value__"}
_MAX_INT_BITS = 14_000
_Step = tuple[str, Any, int, tuple[int, ...]]


def find_unwritable(value: Any, name: str | tuple[str, ...], serializer: str, depth: int) -> str | None:
    """Name the first part of ``value`` that cannot be written, and what to do about it; ``None`` if there is none.

    The text reads like ``args[1]['x']: set is not JSON; pass a list``. Does not recurse, and ends on circular values.
    """
    pending: list[_Step] = list(reversed(list(_roots(value, name))))
    while pending:
        path, part, level, outer = pending.pop()
        problem = _problem(part, serializer) or _container_problem(part, level, depth, outer)
        if problem:
            return f"{path}: {problem}"
        if isinstance(part, (list, tuple, dict)):
            inner = (*outer, id(part)) if len(outer) < 32 else outer
            steps = [
                (f"{path}{step}" if len(path) < 200 else path, child, level + 1, inner) for step, child in _steps(part)
            ]
            pending.extend(reversed(steps))
    return None


def _roots(value: Any, name: str | tuple[str, ...]) -> Iterator[_Step]:
    if isinstance(name, str):
        yield name, value, 1, ()
        return
    for part_name, part in zip(name, value, strict=False):
        yield part_name, part, 2, ()


def _steps(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        return ((f"[{shown(key)}]", child) for key, child in part.items())
    return ((f"[{index}]", child) for index, child in enumerate(part))


def _container_problem(part: Any, level: int, depth: int, outer: tuple[int, ...]) -> str | None:
    if not isinstance(part, (list, tuple, dict)):
        return None
    if id(part) in outer:
        return "contains itself; pass a value without cycles"
    if level > depth:
        return f"is nested deeper than {depth} levels; pass a flatter value"
    return None


def _problem(part: Any, serializer: str) -> str | None:
    if isinstance(part, dict):
        return _dict_problem(part, serializer)
    if part is None or isinstance(part, (list, tuple)):
        return None
    if not isinstance(part, _LEAVES[serializer]):
        return _leaf_problem(part, serializer)
    if isinstance(part, int):
        return _int_problem(part, serializer)
    return None


def _dict_problem(part: dict[Any, Any], serializer: str) -> str | None:
    for key in part:
        if not isinstance(key, _KEYS[serializer]):
            return f"key {shown(key)} is a {type(key).__qualname__}; keys are text"
    if serializer == "json" and part.keys() == _TAG_KEYS:
        return "an object of exactly the keys __type__ and __value__ is read as a type tag; add or rename a key"
    return None


def _leaf_problem(part: Any, serializer: str) -> str | None:
    if serializer == "json" and hasattr(part, "__json__") and not isinstance(part, type):
        return None
    kind = type(part).__qualname__
    advice = {
        "set": "pass a list",
        "frozenset": "pass a list",
        "timedelta": "pass its total_seconds()",
        "bytearray": "pass bytes",
        "memoryview": "pass bytes",
        "datetime": "pass its isoformat()",
        "time": "pass its isoformat()",
        "UUID": "pass its str()",
        "Decimal": "pass its str()",
        "generator": "pass a list",
    }.get(kind, "pass its data as text, number, list or dict")
    return f"{kind} is not {_NAMES[serializer]}; {advice}"


def _int_problem(part: int, serializer: str) -> str | None:
    if serializer == "msgpack" and not -(2**63) <= part < 2**64:
        return f"the integer has {part.bit_length()} bits, MessagePack holds 64; use json"
    if part.bit_length() > _MAX_INT_BITS:
        digits = math.ceil(part.bit_length() * math.log10(2))
        return f"the integer has about {digits} digits, more than readers take; pass it as text"
    return None
