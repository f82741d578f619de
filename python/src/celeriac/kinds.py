"""What values of settings have to be, and how text from the environment becomes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from typing import Any

from celeriac.rates import per_second
from celeriac.retrying import RetryPolicy
from celeriac.serialization import SERIALIZERS, mime_name

BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        expected: what it has to be, for people.
        read: gives the value as it is kept; raises ``ValueError``, ``TypeError`` or ``KeyError`` for what it must not
            be.
        from_text: what ``read`` gets for the text of an environment variable.

    """

    expected: str
    read: Callable[[Any], Any]
    from_text: Callable[[str], Any] = str


def optional(kind: Kind) -> Kind:
    """The same, or None."""
    return Kind(f"{kind.expected}, or None", lambda value: None if value is None else kind.read(value), kind.from_text)


def integer(least: int) -> Kind:
    """A whole number, not below ``least``."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError
        return value

    return Kind(f"a whole number from {least} on", read, int)


def one_of(*names: str) -> Kind:
    """One of these words."""

    def read(value: Any) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return Kind(f"one of {', '.join(names)}", read)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError
    return value


def _content_types(value: Any) -> frozenset[str]:
    types = {name: content_type for content_type, name in SERIALIZERS.items()}
    if isinstance(value, (str, bytes)) or not value:
        raise TypeError
    return frozenset(item if item in SERIALIZERS else types[item] for item in value)


def _compression(value: Any) -> str:
    mime_name(_text(value))
    return str(value)


def _zone(value: Any) -> tzinfo:
    if isinstance(value, tzinfo):
        return value
    if _text(value).upper() == "UTC":
        return timezone.utc
    # Only for those who name a zone: to find where zones are kept, it reads all of how Python was built.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(value)
    except ZoneInfoNotFoundError as error:
        raise ValueError from error


def _listed(value: Any) -> Iterable[Any]:
    if isinstance(value, (str, bytes)):
        raise TypeError
    return list(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError
    return dict(value)


def _retry_policy(value: Any) -> Mapping[str, Any]:
    RetryPolicy.of(_mapping(value))
    return dict(value)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


TEXT = Kind("text", _text)
BOOLEAN = Kind("true or false", _boolean, lambda text: BOOLEANS[text.lower()])
SECONDS = Kind("a number of seconds above 0 or a timedelta", _seconds, float)
WHOLE_SECONDS = Kind(
    "a number of whole seconds above 0 or a timedelta", lambda value: integer(1).read(int(_seconds(value))), int
)
NAMES = Kind("a list of names", lambda value: tuple(map(_text, _listed(value))), _names)
RATE = Kind("a number of starts a second, or text like 10/m", lambda value: per_second(value) and value)
POOL = one_of("prefork", "threads")
SERIALIZER = one_of(*SERIALIZERS.values())
CONTENT_TYPES = Kind(f"a list of {', '.join(SERIALIZERS.values())}", _content_types, _names)
COMPRESSION = Kind("the name of a compression: zlib, gzip, bzip2, zstd, ...", _compression)
ZONE = Kind("the name of a time zone, as Europe/Berlin, or a tzinfo", _zone)
RETRY_POLICY = Kind(
    "a mapping of max_retries, interval_start, interval_step and interval_max", _retry_policy, json.loads
)
MAPPING = Kind("a mapping with text keys", _mapping, json.loads)
