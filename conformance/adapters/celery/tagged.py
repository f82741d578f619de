"""Tagged values of the testee protocol to Python values and back (protocol/README.md, "Tagged values")."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import uuid
from typing import Any

FROM_TAG = {
    "$bytes": base64.b64decode, "$datetime": lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")),
    "$date": datetime.date.fromisoformat, "$time": datetime.time.fromisoformat, "$uuid": uuid.UUID,
    "$decimal": decimal.Decimal, "$int": int, "$float": float,
    "$object": lambda members: {key: from_tagged(member) for key, member in members.items()},
}  # fmt: skip
TO_TAG = (
    (bytes, lambda value: {"$bytes": base64.b64encode(value).decode()}),
    (datetime.datetime, lambda value: {"$datetime": value.isoformat()}),
    (datetime.date, lambda value: {"$date": value.isoformat()}),
    (datetime.time, lambda value: {"$time": value.isoformat()}),
    (uuid.UUID, lambda value: {"$uuid": str(value)}),
    (decimal.Decimal, lambda value: {"$decimal": str(value)}),
)


def from_tagged(value: Any) -> Any:
    """The Python value of a tagged value."""
    if isinstance(value, list):
        return [from_tagged(item) for item in value]
    if isinstance(value, dict) and len(value) == 1 and (tag := next(iter(value))) in FROM_TAG:
        return FROM_TAG[tag](value[tag])
    return {key: from_tagged(member) for key, member in value.items()} if isinstance(value, dict) else value


def to_tagged(value: Any) -> Any:
    """The tagged value of a Python value."""
    if isinstance(value, (list, tuple)):
        return [to_tagged(item) for item in value]
    if isinstance(value, dict):
        tagged = {str(key): to_tagged(member) for key, member in value.items()}
        return {"$object": tagged} if len(tagged) == 1 and next(iter(tagged)).startswith("$") else tagged
    if isinstance(value, float) and (not math.isfinite(value) or value.is_integer()):
        return {"$float": {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value))}
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        return {"$int": str(value)}
    known = (tag(value) for kind, tag in TO_TAG if isinstance(value, kind))
    return next(known, value if isinstance(value, (str, int, float, type(None))) else repr(value))
