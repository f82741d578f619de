"""Wire fields as rows of a table, derived from the dataclass that holds them: there is no second list of names.

A field is declared once, in its class::

    eta: str | None = field(default=None, metadata=on_wire("headers", "date-time", "null"))

The name on the wire is the attribute's; what a reader takes an absent field to be is the attribute's default, and a
field without a default is one whose absence makes the message invalid. ``table(cls)`` gives the rows, which parsers
and builders loop over, and a test holds them against ``spec/fields.json``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.text import shown
from celeriac.times import instant

#: Writer of a field that every producer writes; other writers say when the field is there.
ALWAYS = "always"
_KEY = "wire"
_NONE = type(None)

#: Python types whose every value is right for a wire type.
_EXACT: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "log-text": (str, bytes),
    "integer": (int,),
    "number": (int,),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "null": (_NONE,),
}


def is_time_limit(value: Any) -> bool:
    """Whether a value is ``[hard, soft]``, each a finite number of seconds or null."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and _is_seconds(value[0]) and _is_seconds(value[1])


def is_date_time(value: Any) -> bool:
    """Whether a value is text that names an instant."""
    try:
        return isinstance(value, str) and instant(value) is not None
    except ValueError:
        return False


def _is_seconds(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


#: The whole check of each wire type, for values that are not of an exact type.
_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "name": lambda value: isinstance(value, str) and value != "",
    "log-text": lambda _value: True,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: value is not None and _is_seconds(value),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, (list, tuple)),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
    "any": lambda _value: True,
    "date-time": is_date_time,
    "time-limit": is_time_limit,
}
#: Words that say more than those of ``spec/fields.json``: a text that may not be empty (TM-HDR-001, TM-HDR-002), and a
#: text for logs, for which no message is refused: with a lone surrogate it comes as bytes, not UTF-8 (TM-HDR-020).
_SPEC_WORDS = {"name": "string", "log-text": "string"}
_MEANING = {
    "date-time": "a date-time like 2026-01-02T03:04:05+00:00",
    "time-limit": "[hard, soft] in seconds",
    "array": "an array",
    "object": "an object",
    "integer": "an integer",
    "number": "a finite number",
    "string": "text",
    "name": "text, not empty",
    "log-text": "text",
    "boolean": "a boolean",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the wire.

    Attributes:
        name: name on the wire and of the attribute.
        place: where it lies, as ``headers``, ``properties``, ``body``, ``embed``, ``result``.
        types: its types in the words of ``spec/fields.json``.
        writer: ``always``, or when a producer writes it.
        required: whether its absence makes the message invalid.
        kinds: its types in the words of this module, which may say more.
        exact: Python types whose every value is right, for the quick check.
        checks: the whole check of each kind, for values of other types.

    """

    name: str
    place: str
    types: tuple[str, ...]
    writer: str
    required: bool
    kinds: tuple[str, ...]
    exact: frozenset[type]
    checks: tuple[Callable[[Any], bool], ...]
    _omitted: Callable[[], Any]

    @property
    def omitted(self) -> Any:
        """What a reader takes an absent field to be. Raises LookupError for a required field."""
        return self._omitted()

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a value of this field, ``None`` if nothing."""
        if type(value) in self.exact:
            return None
        # Plain loops: this runs for several fields of every message.
        for check in self.checks:
            if check(value):
                return None
        wanted = " or ".join(_MEANING.get(kind, kind) for kind in self.kinds)
        return f"{self.name} is {shown(value)}; it is {wanted}"


def on_wire(place: str, *kinds: str, writer: str = ALWAYS) -> dict[str, Any]:
    """Metadata that makes a dataclass field a wire field."""
    return {_KEY: (place, kinds, writer)}


def table(cls: Any) -> tuple[Field, ...]:
    """Give the wire fields of a dataclass, in the order of its body."""
    return tuple(_row(item) for item in dataclasses.fields(cls) if _KEY in item.metadata)


def read(rows: Iterable[Field], source: Mapping[str, Any], into: dict[str, Any]) -> list[str]:
    """Take the fields that are present in ``source``; give the names of those that are not.

    Raises InvalidMessage for a missing required field or a value of a wrong type.
    """
    absent = []
    for row in rows:
        name = row.name
        if name in source:
            value = source[name]
            if type(value) not in row.exact:
                problem = row.problem(value)
                if problem is not None:
                    raise InvalidMessage(problem, field=name)
            into[name] = value
        elif row.required:
            raise InvalidMessage(f"{name} is missing in {row.place}; send it", field=name)
        else:
            absent.append(name)
    return absent


def write(rows: Iterable[Field], holder: Any, absent: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Give the fields of ``holder`` as the wire has them, without those in ``absent`` that hold what omission means.

    Raises InvalidCall for a value of a wrong type.
    """
    written = {}
    for row in rows:
        name = row.name
        value = getattr(holder, name)
        if type(value) not in row.exact:
            problem = row.problem(value)
            if problem is not None:
                raise InvalidCall(problem)
        if name in absent and not row.required and value == row.omitted:
            continue
        written[name] = value
    return written


def rest(source: Mapping[str, Any], known: frozenset[str], taken: int) -> dict[str, Any]:
    """Give what ``source`` holds beside the ``taken`` known fields."""
    if len(source) == taken:
        return {}
    return {name: value for name, value in source.items() if name not in known}


def _row(item: dataclasses.Field[Any]) -> Field:
    place, kinds, writer = item.metadata[_KEY]
    types = tuple(_SPEC_WORDS.get(kind, kind) for kind in kinds)
    exact = frozenset(python_type for kind in kinds for python_type in _EXACT.get(kind, ()))
    required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    checks = tuple(_CHECKS[kind] for kind in kinds if kind not in _EXACT) + tuple(
        _CHECKS[kind] for kind in kinds if kind in _EXACT
    )
    return Field(item.name, place, types, writer, required, kinds, exact, checks, _omission(item))


def _omission(item: dataclasses.Field[Any]) -> Callable[[], Any]:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory
    if item.default is not dataclasses.MISSING:
        return lambda: item.default

    def required() -> Any:
        raise LookupError(f"{item.name} may not be omitted")

    return required
