"""Values: the tagged form of the testee protocol, and comparison that does not take 1 for 1.0 or true.

JSON cannot tell every value apart, so the protocol writes some of them as an object with one ``$`` key
(protocol/README.md, "Tagged values"). ``canonical`` brings the spellings of one value together;
``first_difference`` finds where two documents part.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SAFE_INTEGER = 2**53 - 1


class BadTag(ValueError):
    """A tagged value is not well formed; the message quotes it."""


class Absent:
    """The value of a place that is not there, which is not null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


def _float(text: str) -> Any:
    return canonical(float({"Infinity": "inf", "-Infinity": "-inf", "NaN": "nan"}.get(text, text)))


def instant(text: str) -> datetime.datetime:
    """The moment that ISO 8601 text names, with any number of digits after the second; raises ValueError."""
    return datetime.datetime.fromisoformat(_plain_iso(text))


def _plain_iso(text: str) -> str:
    """The text as Python 3.10 reads it: Z as an offset, and six digits of a fraction or none."""
    six = re.sub(r"\.(\d+)", lambda match: "." + match[1][:6].ljust(6, "0"), text)
    return re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", re.sub("Z$", "+00:00", six))


#: tag -> the one spelling of its value that is compared. Every function raises ValueError or TypeError on nonsense.
TAGS: dict[str, Callable[[Any], Any]] = {
    "$bytes": lambda text: {"$bytes": base64.b64encode(base64.b64decode(text, validate=True)).decode()},
    "$datetime": lambda text: {"$datetime": instant(text).isoformat()},
    "$date": lambda text: {"$date": datetime.date.fromisoformat(text).isoformat()},
    "$time": lambda text: {"$time": datetime.time.fromisoformat(_plain_iso(text)).isoformat()},
    "$uuid": lambda text: {"$uuid": str(uuid.UUID(text))},
    "$decimal": lambda text: {"$decimal": str(text)},
    "$int": lambda text: canonical(int(text)),
    "$float": _float,
    "$object": lambda members: {"$object": {key: canonical(member) for key, member in members.items()}},
}


def canonical(value: Any) -> Any:
    """The one spelling of a tagged value; raises BadTag for a tag that is unknown or ill-formed."""
    if isinstance(value, dict):
        return _canonical_object(value)
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE_INTEGER:
        return {"$int": str(value)}
    if isinstance(value, float) and (not math.isfinite(value) or value.is_integer()):
        return {"$float": float_text(value)}
    return value


def _canonical_object(value: dict[str, Any]) -> Any:
    tag = next(iter(value), "")
    if len(value) != 1 or not tag.startswith("$"):
        return {key: canonical(member) for key, member in value.items()}
    if tag not in TAGS:
        raise BadTag(f"unknown tag {tag!r}")
    try:
        return TAGS[tag](value[tag])
    except BadTag:
        raise
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise BadTag(f"{json.dumps(value)}: {error}") from error


def float_text(value: float) -> str:
    """The text of a float inside ``$float``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two documents part: a path such as ``headers.timelimit.0`` and the two values there."""

    path: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"at {self.path or 'the top'}: expected {self.expected}, got {self.actual}"


def first_difference(expected: Any, actual: Any, path: str = "") -> Difference | None:
    """Where ``actual`` first departs from ``expected``; types count, NaN equals NaN, -0.0 differs from 0.0."""
    if type(expected) is not type(actual):
        return Difference(path, shown(expected), shown(actual))
    if isinstance(expected, dict):
        return _first_in_objects(expected, actual, path)
    if isinstance(expected, list):
        return _first_in_arrays(expected, actual, path)
    same = float_text(expected) == float_text(actual) if isinstance(expected, float) else expected == actual
    return None if same else Difference(path, shown(expected), shown(actual))


def _first_in_objects(expected: dict[str, Any], actual: dict[str, Any], path: str) -> Difference | None:
    for key in [*expected, *(key for key in actual if key not in expected)]:
        found = first_difference(expected.get(key, ABSENT), actual.get(key, ABSENT), join(path, key))
        if found:
            return found
    return None


def _first_in_arrays(expected: list[Any], actual: list[Any], path: str) -> Difference | None:
    for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
        found = first_difference(left, right, join(path, index))
        if found:
            return found
    if len(expected) != len(actual):
        return Difference(path, f"{len(expected)} items", f"{len(actual)} items")
    return None


def join(path: str, key: object) -> str:
    """A path with one more step."""
    return f"{path}.{key}" if path else str(key)


def shown(value: Any, limit: int = 300) -> str:
    """A value as one line of text, JSON where it can be, cut in the middle when it is long."""
    if value is ABSENT:
        return "absent"
    text = repr(value) if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 4 :]} ({len(text)} characters)"


def look_up(document: Any, path: str) -> Any:
    """The value at a dotted path (``messages.0.headers.id``), or ABSENT."""
    for step in path.split(".") if path else ():
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.lstrip("-").isdigit() and -len(document) <= int(step) < len(document):
            document = document[int(step)]
        else:
            return ABSENT
    return document
