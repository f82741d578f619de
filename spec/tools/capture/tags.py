"""Tagged values: how vectors write what plain JSON cannot hold (``{"$bytes": ...}``, ``{"$int": ...}``, ...).

Two roads lead to the same form, and the capture compares them: from the JSON on the wire, and from the Python
value that was handed to Celery. Nothing here uses Celery or kombu.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import uuid
from collections.abc import Callable
from typing import Any

MAX_SAFE_INTEGER = 2**53 - 1
WIRE_TAG_KEYS = {"__type__", "__value__"}


class UnknownTag(ValueError):
    """The wire holds ``{"__type__": ..., "__value__": ...}`` of a type that the specification does not list."""


def b64(data: bytes) -> str:
    """Standard base64 text of the bytes."""
    return base64.b64encode(data).decode("ascii")


WIRE_TAGS: dict[str, Callable[[Any], dict[str, str]]] = {
    "datetime": lambda value: {"$datetime": value},
    "date": lambda value: {"$date": value},
    "time": lambda value: {"$time": value},
    "uuid": lambda value: {"$uuid": str(uuid.UUID(hex=value["hex"]))},
    "decimal": lambda value: {"$decimal": value},
    "bytes": lambda value: {"$bytes": b64(value.encode("utf-8"))},
    "base64": lambda value: {"$bytes": b64(base64.b64decode(value, validate=True))},
}


def float_text(value: float) -> str:
    """Text of a tagged float: the JSON spelling of the three that JSON lacks, else Python's shortest form."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def number(value: int | float) -> Any:
    """The number itself, or its tag when a JSON reader would change it."""
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else {"$int": str(value)}
    if math.isfinite(value) and not value.is_integer():
        return value
    return {"$float": float_text(value)}


def escaped(mapping: dict[str, Any]) -> dict[str, Any]:
    """An object that could be taken for a tag itself goes under ``$object``."""
    if len(mapping) == 1 and next(iter(mapping)).startswith("$"):
        return {"$object": mapping}
    return mapping


def from_wire(value: Any) -> Any:
    """Tagged form of JSON that was read from the wire, with the ``__type__`` objects decoded."""
    if isinstance(value, dict):
        if value.keys() == WIRE_TAG_KEYS:
            decode = WIRE_TAGS.get(value["__type__"])
            if decode is None:
                raise UnknownTag(f"unknown __type__ {value['__type__']!r}")
            return decode(value["__value__"])
        return escaped({key: from_wire(item) for key, item in value.items()})
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    return from_python(value)


def key_text(key: Any) -> str:
    """What JSON makes of a dictionary key that is not a string."""
    return key if isinstance(key, str) else json.dumps(key)


SCALARS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (bool, lambda value: value),
    (int, number),
    (float, number),
    (str, lambda value: value),
    (bytes, lambda value: {"$bytes": b64(value)}),
    (dt.datetime, lambda value: {"$datetime": value.isoformat()}),
    (dt.date, lambda value: {"$date": value.isoformat()}),
    (dt.time, lambda value: {"$time": value.isoformat()}),
    (uuid.UUID, lambda value: {"$uuid": str(value)}),
    (decimal.Decimal, lambda value: {"$decimal": str(value)}),
)


def from_python(value: Any) -> Any:
    """Tagged form of a Python value as it was given to Celery, or as an AMQP field table holds it."""
    if value is None:
        return None
    for kind, convert in SCALARS:
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, list | tuple):
        return [from_python(item) for item in value]
    if isinstance(value, dict):
        return escaped({key_text(key): from_python(item) for key, item in value.items()})
    raise TypeError(f"no tagged form for {type(value).__name__}")
