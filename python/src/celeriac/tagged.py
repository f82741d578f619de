"""The tagged neutral form: any value as plain JSON that keeps every type apart, the same in every language.

Used by the vectors of the specification and the testee protocol of the conformance suite, never on the wire.

=================  =======================================================
value              neutral form
=================  =======================================================
bytes              ``{"$bytes": base64}``
datetime           ``{"$datetime": iso}``, likewise ``$date``, ``$time``
UUID               ``{"$uuid": "8-4-4-4-12"}``
Decimal            ``{"$decimal": "1.10"}``
int over 53 bits   ``{"$int": "9007199254740993"}``
float, integral    ``{"$float": "1.0"}``; also -0.0, NaN, Infinity
one ``$`` key      ``{"$object": {"$key": ...}}``
=================  =======================================================
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from celeriac.errors import InvalidCall
from celeriac.text import shown
from celeriac.times import parse_date, parse_datetime, parse_time

_MAX_PLAIN_INT = 2**53 - 1
_FLOAT_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def to_tagged(value: Any) -> Any:
    """Give the neutral form of a value. Raises InvalidCall for a type that no wire value has."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (list, tuple)):
        items = []
        for item in value:
            items.append(to_tagged(item))  # noqa: PERF401  # one frame per level: values nest 500 deep
        return items
    if isinstance(value, Mapping):
        pairs = {}
        for key, item in value.items():
            pairs[key] = to_tagged(item)
        return {"$object": pairs} if _looks_tagged(pairs) else pairs
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise InvalidCall(f"{type(value).__qualname__} has no neutral form: {shown(value)}")


def from_tagged(value: Any) -> Any:
    """Give the value of a neutral form. Raises InvalidCall for an unknown tag or a text that the tag cannot hold."""
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(from_tagged(item))  # noqa: PERF401  # see to_tagged
        return items
    if not isinstance(value, Mapping):
        return value
    if _looks_tagged(value):
        ((tag, held),) = value.items()
        if tag != "$object":
            return _read_tag(tag, held)
        if not isinstance(held, Mapping):
            raise InvalidCall(f"$object holds {shown(held)}; it holds an object")
        value = held
    pairs = {}
    for key, item in value.items():
        pairs[key] = from_tagged(item)
    return pairs


def _looks_tagged(value: Mapping[Any, Any]) -> bool:
    if len(value) != 1:
        return False
    (key,) = value
    return isinstance(key, str) and key.startswith("$")


def _read_tag(tag: str, held: Any) -> Any:
    reader = _READERS.get(tag)
    if reader is None:
        raise InvalidCall(f"tag {shown(tag)} is unknown; use one of {', '.join(_READERS)} or wrap it in $object")
    try:
        if not isinstance(held, str):
            raise TypeError("expected text")
        return reader(held)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidCall(f"{tag} cannot hold {shown(held)}: {error}") from error


def _int_form(value: int) -> Any:
    return value if abs(value) <= _MAX_PLAIN_INT else {"$int": str(value)}


def _float_form(value: float) -> Any:
    if math.isnan(value):
        return {"$float": "NaN"}
    if math.isinf(value):
        return {"$float": _FLOAT_NAMES[value]}
    return {"$float": repr(value)} if value.is_integer() else value


_WRITERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, _int_form),
    (float, _float_form),
    (bytes, lambda value: {"$bytes": base64.b64encode(value).decode("ascii")}),
    (datetime, lambda value: {"$datetime": value.isoformat()}),  # before date, its base class
    (date, lambda value: {"$date": value.isoformat()}),
    (time, lambda value: {"$time": value.isoformat()}),
    (UUID, lambda value: {"$uuid": str(value)}),
    (Decimal, lambda value: {"$decimal": str(value)}),
)

_READERS: Mapping[str, Callable[[str], Any]] = {
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$datetime": parse_datetime,
    "$date": parse_date,
    "$time": parse_time,
    "$uuid": UUID,
    "$decimal": Decimal,
    "$int": int,
    "$float": float,
}
