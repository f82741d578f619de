"""The task message of protocol 2: its fields, ``parse`` and ``build`` side by side (TM).

A message is three parts: headers and properties beside the body, and the body ``[args, kwargs, embed]``. What the
specification does not name is kept in ``extra`` and written back; facts of the receiver never mix with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from celeriac.drafts import maker
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.fields import Field, on_wire, read, rest, table, write
from celeriac.message_v1 import MessageV1
from celeriac.producing import producer_fields
from celeriac.serialization import (
    DEFAULT_LIMITS,
    JSON,
    SERIALIZERS,
    Encoded,
    Limits,
    compress,
    decompress,
    dumps,
    loads,
)
from celeriac.signature import Signature
from celeriac.tagged import from_tagged, to_tagged
from celeriac.text import elided, shown
from celeriac.times import expiration, instant
from celeriac.wire import Extra, Kind, Wire

__all__ = ["FIELDS", "Extra", "Field", "Message", "Wire"]

_PERSISTENT = 2
#: What the body is made of, in errors.
BODY_PARTS = ("args", "kwargs", "embed")
_WHOLE = ("content_type", "content_encoding", "extra")


def _not_always() -> frozenset[str]:
    return _WHEN_USED


_NO_EXTRA = Extra()
#: Kinds of messages that are remembered, those that were met last.
_KINDS = 100


@dataclass(frozen=True, kw_only=True)
class Message:
    """A task message. Attributes bear the names of the wire; times are ISO text, see ``eta_at`` and ``expires_at``.

    ``absent`` names the fields to leave out as long as they hold what their omission means: those that were not on the
    wire, or by default those that are written only when used. It takes no part in comparison.
    """

    lang: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    task: str = field(metadata=on_wire("headers", "name"))
    id: str = field(metadata=on_wire("headers", "name"))
    shadow: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    eta: str | None = field(default=None, metadata=on_wire("headers", "date-time", "null"))
    expires: str | None = field(default=None, metadata=on_wire("headers", "date-time", "null"))
    group: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    group_index: int | None = field(default=None, metadata=on_wire("headers", "integer", "null"))
    retries: int = field(default=0, metadata=on_wire("headers", "integer"))
    timelimit: Sequence[float | None] | None = field(default=None, metadata=on_wire("headers", "time-limit", "null"))
    root_id: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    parent_id: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    argsrepr: Any = field(default=None, metadata=on_wire("headers", "log-text", "null"))
    kwargsrepr: Any = field(default=None, metadata=on_wire("headers", "log-text", "null"))
    origin: Any = field(default=None, metadata=on_wire("headers", "log-text", "null"))
    ignore_result: bool | None = field(default=None, metadata=on_wire("headers", "boolean", "null"))
    replaced_task_nesting: int | None = field(default=0, metadata=on_wire("headers", "integer", "null"))
    stamped_headers: Sequence[str] | None = field(default=None, metadata=on_wire("headers", "array", "null"))
    stamps: Mapping[str, Any] | None = field(default_factory=dict, metadata=on_wire("headers", "object", "null"))
    compression: str | None = field(default=None, metadata=on_wire("headers", "string", "null", writer="when used"))

    correlation_id: str | None = field(default=None, metadata=on_wire("properties", "string", "null"))
    reply_to: str | None = field(default=None, metadata=on_wire("properties", "string", "null"))
    delivery_mode: int | None = field(default=None, metadata=on_wire("properties", "integer", "null"))
    priority: int | None = field(default=None, metadata=on_wire("properties", "integer", "null", writer="by binding"))
    expiration: str | None = field(default=None, metadata=on_wire("properties", "string", "null", writer="when used"))

    args: Sequence[Any] = field(metadata=on_wire("body", "array"))
    kwargs: Mapping[str, Any] = field(metadata=on_wire("body", "object"))

    callbacks: Sequence[Any] | None = field(default=None, metadata=on_wire("embed", "array", "null"))
    errbacks: Sequence[Any] | None = field(default=None, metadata=on_wire("embed", "array", "null"))
    chain: Sequence[Any] | None = field(default=None, metadata=on_wire("embed", "array", "null"))
    chord: Mapping[str, Any] | None = field(default=None, metadata=on_wire("embed", "object", "null"))

    content_type: str = JSON
    content_encoding: str | None = "utf-8"
    extra: Extra = _NO_EXTRA
    absent: frozenset[str] = field(default_factory=_not_always, compare=False)

    def __str__(self) -> str:
        """Form for logs: name and id, never the arguments."""
        return f"{self.task}[{self.id}]"

    @classmethod
    def parse(
        cls, wire: Wire, *, accept: frozenset[str] = frozenset({JSON}), limits: Limits = DEFAULT_LIMITS
    ) -> Message:
        """Read a task message, of protocol 2 or 1.

        ``accept`` holds the content types taken, ``limits`` the size and nesting. Raises InvalidMessage and nothing
        else (TM-HDR-009, TM-BODY-013, TM-V1-003); it carries ``task_id`` and ``task`` as far as they can be read.
        """
        headers = wire.headers
        try:
            return _parse(wire, accept, limits)
        except InvalidMessage as error:
            raise error.about(headers.get("id"), headers.get("task")) from error.__cause__

    def build(self) -> Wire:
        """Give the message as a transport carries it: protocol 2, the body serialized and compressed.

        Raises InvalidCall, naming the value that cannot be written.
        """
        headers = write(HEADERS, self, self.absent)
        properties = write(PROPERTIES, self, self.absent)
        arguments = write(ARGUMENTS, self)
        embed = write(EMBED, self, self.absent)
        extra = self.extra
        if extra is not _NO_EXTRA:
            headers.update(extra.headers)
            properties.update(extra.properties)
            embed.update(extra.embed)
        encoded = self._encode([list(arguments["args"]), arguments["kwargs"], embed])
        return Wire(encoded.body, encoded.content_type, encoded.content_encoding, headers, properties)

    def _encode(self, parts: list[Any]) -> Encoded:
        serializer = SERIALIZERS.get(self.content_type)
        if serializer is None:
            raise InvalidCall(f"content_type is {shown(self.content_type)}; use one of {', '.join(SERIALIZERS)}")
        for key in parts[1]:
            if type(key) is not str:
                raise InvalidCall(f"kwargs has the key {shown(key)}; names of keyword arguments are text")
        encoded = dumps(parts, serializer, name=BODY_PARTS)
        return encoded if self.compression is None else replace(encoded, body=compress(encoded.body, self.compression))

    @classmethod
    def create(
        cls,
        *,
        task: str,
        id: str,  # noqa: A002  # the name of the wire
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        origin: str,
        now: datetime | None = None,
        **options: Any,
    ) -> Message:
        """Give the message that a producer sends: every field that Celery writes, with its usual value.

        ``options`` are fields of a message by name, and ``time_limit`` and ``soft_time_limit`` (seconds) and
        ``headers`` (the user's own). ``eta`` and ``expires`` may be datetimes (naive is UTC) or text, callbacks and the
        like ``Signature`` or their objects. With ``now`` and ``expires`` the property ``expiration`` is set
        (TM-PROP-005). Raises InvalidCall for an unknown option or a bad value (TM-SEND-001, TM-SEND-003).
        """
        values = producer_fields(options, _NAMES, _HEADER_NAMES)
        args, kwargs = list(args), dict(kwargs or {})
        expires = values.get("expires")
        if expires is not None and now is not None:
            values.setdefault("expiration", expiration(instant(expires), now))
        defaults = {
            "lang": "py",
            "root_id": id,
            "argsrepr": elided(tuple(args)),
            "kwargsrepr": elided(kwargs),
            "ignore_result": False,
            "correlation_id": id,
            "delivery_mode": _PERSISTENT,
        }
        message = cls(task=task, id=id, args=args, kwargs=kwargs, origin=origin, **{**defaults, **values})
        message._check(("task", "id", *values))
        return message

    def _check(self, names: Iterable[str]) -> None:
        """Raise InvalidCall when one of these fields cannot be written, before anything is sent."""
        for name in names:
            row = _ROWS.get(name)
            problem = None if row is None else row.problem(getattr(self, name))
            if problem is not None:
                raise InvalidCall(problem)

    @property
    def eta_at(self) -> datetime | None:
        """Instant before which the task does not run; aware, UTC."""
        return None if self.eta is None else instant(self.eta)

    @property
    def expires_at(self) -> datetime | None:
        """Instant after which the task does not run any more; aware, UTC."""
        return None if self.expires is None else instant(self.expires)

    @property
    def hard_limit(self) -> float | None:
        """Seconds after which the running task is killed: the first of ``timelimit``."""
        return self.timelimit[0] if self.timelimit else None

    @property
    def soft_limit(self) -> float | None:
        """Seconds after which the running task is interrupted: the second of ``timelimit``."""
        return self.timelimit[1] if self.timelimit else None

    def to_neutral(self) -> dict[str, Any]:
        """Give the flat neutral form of the vectors: the fields that are on the wire, values tagged."""
        flat: dict[str, Any] = {}
        for rows in (HEADERS, PROPERTIES, ARGUMENTS, EMBED):
            for name, value in write(rows, self, self.absent).items():
                flat[name] = to_tagged(value)
        flat["content_type"] = self.content_type
        if self.content_encoding is not None:
            flat["content_encoding"] = self.content_encoding
        extra = {item.name: to_tagged(getattr(self.extra, item.name)) for item in fields(Extra)}
        left = {place: values for place, values in extra.items() if values}
        return {**flat, "extra": left} if left else flat

    @classmethod
    def from_neutral(cls, flat: Mapping[str, Any]) -> Message:
        """Read the flat neutral form. Raises InvalidCall for what is no field of a task message."""
        unknown = flat.keys() - _NAMES - set(_WHOLE)
        missing = {row.name for row in FIELDS if row.required} - flat.keys()
        if unknown or missing:
            raise InvalidCall(f"not the neutral form of a task: unknown {sorted(unknown)}, missing {sorted(missing)}")
        values = {name: from_tagged(flat[name]) for name in flat.keys() & _NAMES}
        extra = Extra(**{place: from_tagged(left) for place, left in flat.get("extra", {}).items()})
        return cls(
            **values,
            content_type=flat.get("content_type", JSON),
            content_encoding=flat.get("content_encoding"),
            extra=extra,
            absent=_NAMES - flat.keys(),
        )


_make = maker(Message)

#: Every field of a task message: the one table of this package, held against ``spec/fields.json`` by a test.
FIELDS = table(Message)
HEADERS, PROPERTIES, ARGUMENTS, EMBED = (
    tuple(row for row in FIELDS if row.place == place) for place in ("headers", "properties", "body", "embed")
)
_ROWS = {row.name: row for row in FIELDS}
_NAMES = frozenset(_ROWS)
_HEADER_NAMES = frozenset(row.name for row in HEADERS)
_PROPERTY_NAMES = frozenset(row.name for row in PROPERTIES)
_EMBED_NAMES = frozenset(row.name for row in EMBED)
_WHEN_USED = frozenset(row.name for row in FIELDS if row.writer != "always")
_NOTHING_FOLLOWS = {row.name: None for row in EMBED}
_COMPRESSION = tuple(row for row in HEADERS if row.name == "compression")


def _parse(wire: Wire, accept: frozenset[str], limits: Limits) -> Message:
    headers = wire.headers
    if "task" not in headers:
        return _parse_without_task(wire, accept, limits)
    if wire.kind is not None and (common := _common(wire.kind)) is not None:
        return _parse_like(wire, common, accept, limits)
    values: dict[str, Any] = {}
    absent = read(HEADERS, headers, values)
    extra_headers = rest(headers, _HEADER_NAMES, len(HEADERS) - len(absent))
    absent_embed, extra_embed = _read_body(_decode(wire, values.get("compression"), accept, limits), values)
    return _finish(wire, values, Extra(extra_headers, {}, extra_embed), [*absent, *absent_embed])


def _read_body(body: Any, values: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Take the fields of the body; the names of those that are not in its third part, and what else is."""
    if not isinstance(body, list) or len(body) != len(BODY_PARTS):
        raise InvalidMessage(f"the body is {shown(body)}; it is an array of exactly args, kwargs and embed")
    args, kwargs, embed = body
    read(ARGUMENTS, {"args": args, "kwargs": kwargs}, values)
    _check_kwargs(kwargs)
    if not isinstance(embed, dict):
        embed = _no_embed(embed)
    absent = read(EMBED, embed, values)
    return absent, rest(embed, _EMBED_NAMES, len(EMBED) - len(absent))


def _parse_like(wire: Wire, common: Mapping[str, Any], accept: frozenset[str], limits: Limits) -> Message:
    """Read a message of a kind that is known: its headers and properties are fields, and right."""
    values = {**wire.headers, **wire.properties, **common}
    body = _decode(wire, values.get("compression"), accept, limits)
    if type(body) is list and len(body) == len(BODY_PARTS) and body[2] == _NOTHING_FOLLOWS:
        args, kwargs, embed = body
        if type(args) is list and type(kwargs) is dict:
            _check_kwargs(kwargs)
            values.update(embed)
            values["args"], values["kwargs"] = args, kwargs
            return _make(values)
    absent, extra = _read_body(body, values)
    _check_signatures(values)
    values["absent"] = values["absent"].union(absent)
    if extra:
        values["extra"] = Extra({}, {}, extra)
    return _make(values)


@lru_cache(_KINDS)
def _common(kind: Kind) -> Mapping[str, Any] | None:
    """What the messages of a kind have in common beside their fields; None where these are not right."""
    like, values = kind.like, dict[str, Any]()
    try:
        absent = [*read(HEADERS, like.headers, values), *read(PROPERTIES, like.properties, values)]
    except InvalidMessage:
        return None
    if len(values) < len(like.headers) + len(like.properties):
        return None
    return {
        "content_type": like.content_type or JSON,
        "content_encoding": like.content_encoding,
        "extra": _NO_EXTRA,
        "absent": frozenset(absent),
    }


def _parse_without_task(wire: Wire, accept: frozenset[str], limits: Limits) -> Message:
    """Read a message without header ``task``: protocol 1, or nothing that can be run."""
    values: dict[str, Any] = {}
    read(_COMPRESSION, wire.headers, values)
    old = MessageV1.parse(_decode(wire, values.get("compression"), accept, limits))
    try:
        _check_kwargs(old.kwargs)
        others = {name: value for name, value in wire.headers.items() if name not in _HEADER_NAMES}
        return _finish(wire, {**old.v2_fields(), **values}, Extra(others, {}, old.extra), _WHEN_USED)
    except InvalidMessage as error:
        raise error.about(old.id, old.task) from error.__cause__


def _finish(wire: Wire, values: dict[str, Any], extra: Extra, absent: Iterable[str]) -> Message:
    """Read the properties, check the embedded signatures, and make the message."""
    properties = wire.properties
    absent_properties = read(PROPERTIES, properties, values)
    extra_properties = rest(properties, _PROPERTY_NAMES, len(PROPERTIES) - len(absent_properties))
    _check_signatures(values)
    if extra_properties:
        extra = replace(extra, properties=extra_properties)
    elif not extra.headers and not extra.embed:
        extra = _NO_EXTRA
    values["content_type"] = wire.content_type or JSON
    values["content_encoding"] = wire.content_encoding
    values["extra"] = extra
    values["absent"] = frozenset([*absent, *absent_properties])
    return _make(values)


def _decode(wire: Wire, compression: str | None, accept: frozenset[str], limits: Limits) -> Any:
    body = wire.body if compression is None else decompress(wire.body, compression, limits)
    return loads(body, wire.content_type, wire.content_encoding, accept=accept, limits=limits)


def _check_kwargs(kwargs: Mapping[Any, Any]) -> None:
    """Refuse names of keyword arguments that are no text; MessagePack can carry such."""
    for name in kwargs:
        if type(name) is not str:
            raise InvalidMessage(
                f"kwargs has the key {shown(name)}; names of keyword arguments are text", field="kwargs"
            )


def _no_embed(embed: Any) -> dict[str, Any]:
    if embed is None:
        return {}
    raise InvalidMessage(f"the third part of the body is {shown(embed)}; it is an object")


def _check_signatures(values: Mapping[str, Any]) -> None:
    """Refuse a message whose callbacks could not be sent, before its task has run and not after."""
    for name in _EMBED_NAMES:
        held = values.get(name)
        if held:
            _check_signature(name, held if isinstance(held, (list, tuple)) else (held,))


def _check_signature(name: str, held: Iterable[Any]) -> None:
    try:
        for signature in held:
            Signature.parse(signature)
    except InvalidMessage as error:
        raise InvalidMessage(f"{name}: {error.reason}", field=name) from error
