"""What the messages of the control and event exchanges have in common: a frame of headers and properties, and JSON.

A class declares its fields as ``Message`` does; ``read_body`` and ``body`` are all that it adds. What the specification
does not name is kept in ``extra`` by place and written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.fields import Field, on_wire, read, rest, table, write
from celeriac.serialization import DEFAULT_LIMITS, JSON, Limits, dumps, loads
from celeriac.tagged import from_tagged, to_tagged
from celeriac.text import shown
from celeriac.wire import Wire

_FRAME = ("headers", "properties")
_WHOLE = frozenset({"content_type", "content_encoding", "extra"})
Self = TypeVar("Self", bound="Framed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A message of control or events.

    Attributes:
        delivery_mode: 2 for requests, 1 for replies and events; nothing outlives a broker either way.
        priority: 0.
        content_type: ``application/json``.
        content_encoding: ``utf-8``.
        extra: what the specification does not name, by place: ``headers``, ``properties``, ``body``.
        absent: names to leave out as long as they hold what their omission means; no part of comparison.

    """

    delivery_mode: int | None = field(default=None, metadata=on_wire("properties", "integer", "null"))
    priority: int | None = field(default=None, metadata=on_wire("properties", "integer", "null"))
    content_type: str = JSON
    content_encoding: str | None = "utf-8"
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def parse(cls: type[Self], wire: Wire, *, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read a message. Raises InvalidMessage and nothing else."""
        values: dict[str, Any] = {}
        extra: dict[str, Mapping[str, Any]] = {}
        absent: list[str] = []
        for place, source in zip(_FRAME, (wire.headers, wire.properties), strict=True):
            absent += take(rows(cls, place), source, values, place, extra)
        body = loads(wire.body, wire.content_type, wire.content_encoding, limits=limits)
        absent += cls.read_body(body, values, extra)
        return cls(
            **values,
            content_type=wire.content_type or JSON,
            content_encoding=wire.content_encoding,
            extra=extra,
            absent=frozenset(absent),
        )

    def build(self) -> Wire:
        """Give the message as a transport carries it. Raises InvalidCall, naming the value that cannot be written."""
        headers, properties = (
            {**write(rows(type(self), place), self, self.absent), **self.extra.get(place, {})} for place in _FRAME
        )
        encoded = dumps(self.body(), name=type(self).__name__)
        return Wire(encoded.body, encoded.content_type, encoded.content_encoding, headers, properties)

    @classmethod
    def read_body(cls, body: Any, values: dict[str, Any], extra: dict[str, Mapping[str, Any]]) -> list[str]:
        """Take the fields of the body; give the names of those that are absent. Raises InvalidMessage."""
        if not isinstance(body, dict):
            raise InvalidMessage(f"the body is {shown(body)}; it is an object")
        return take(rows(cls, "body"), body, values, "body", extra)

    def body(self) -> Any:
        """Give the body, decoded."""
        return {**write(rows(type(self), "body"), self, self.absent), **self.extra.get("body", {})}

    def to_neutral(self) -> dict[str, Any]:
        """Give the flat neutral form of the vectors: the fields that are on the wire, values tagged."""
        written = write(table_of(type(self)), self, self.absent)
        flat = {name: to_tagged(value) for name, value in written.items()}
        flat["content_type"] = self.content_type
        flat["content_encoding"] = self.content_encoding
        return {**flat, "extra": to_tagged(self.extra)} if self.extra else flat

    @classmethod
    def from_neutral(cls: type[Self], flat: Mapping[str, Any]) -> Self:
        """Read the flat neutral form. Raises InvalidCall for what is no field of such a message."""
        names = {row.name for row in table_of(cls)}
        unknown = flat.keys() - names - _WHOLE
        missing = {row.name for row in table_of(cls) if row.required} - flat.keys()
        if unknown or missing:
            raise InvalidCall(
                f"no neutral form of {cls.__name__}: unknown {sorted(unknown)}, missing {sorted(missing)}"
            )
        values = {name: from_tagged(value) for name, value in flat.items()}
        return cls(**values, absent=frozenset(names - flat.keys()))


def table_of(kind: Any) -> tuple[Field, ...]:
    """Give the wire fields of a class of messages."""
    return table(kind)


def rows(kind: Any, place: str) -> tuple[Field, ...]:
    """Give the wire fields of a class that lie in one place."""
    return _rows(kind, place)


@cache
def _rows(kind: Any, place: str) -> tuple[Field, ...]:
    return tuple(row for row in table_of(kind) if row.place == place)


def take(
    fields: tuple[Field, ...],
    source: Mapping[str, Any],
    values: dict[str, Any],
    place: str,
    extra: dict[str, Mapping[str, Any]],
) -> list[str]:
    """Take the fields of one place; what is left goes into ``extra``. Gives the names that are absent."""
    absent = read(fields, source, values)
    left = rest(source, frozenset(row.name for row in fields), len(fields) - len(absent))
    if left:
        extra[place] = left
    return absent
