"""Values to bodies and back: JSON with Celery's type tags, MessagePack and YAML on request, nothing else.

The tags (SER-TYPE-001 to SER-TYPE-012) are objects of exactly two keys, ``{"__type__": name, "__value__": plain}``, for
what JSON cannot hold: datetime, date, time, uuid, decimal, bytes (UTF-8 text) and base64 (other bytes). A producer
cannot send user data of that very shape, because every reader takes it for a tag.

Pickle is not here, not even on request.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from celeriac.compression import compress, decompress, mime_name
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.limits import DEFAULT_LIMITS, Limits, is_deeper
from celeriac.schemaless import read_msgpack, read_yaml, write_msgpack, write_yaml
from celeriac.text import shown
from celeriac.times import parse_date, parse_datetime, parse_time
from celeriac.unwritable import find_unwritable

__all__ = [
    "DEFAULT_LIMITS",
    "JSON",
    "MSGPACK",
    "SERIALIZERS",
    "YAML",
    "Encoded",
    "Limits",
    "compress",
    "content_type",
    "decompress",
    "dumps",
    "loads",
    "mime_name",
]

#: Content type of JSON, compared byte for byte (SER-CT-003): no charset parameter, lower case.
JSON = "application/json"
#: Content type of MessagePack.
MSGPACK = "application/x-msgpack"
#: Content type of YAML, which needs ``celeriac[yaml]``.
YAML = "application/x-yaml"
#: Content type to the name of its serializer.
SERIALIZERS = {JSON: "json", MSGPACK: "msgpack", YAML: "yaml"}
_UTF8 = "utf-8"
_BINARY = "binary"

#: Content encodings under which the bytes of a JSON body are UTF-8. Under any other only ASCII is taken (SER-JSON-011):
#: that is the same text in every charset, and no charset is looked up by the peer's word.
_UTF8_NAMES = frozenset({None, "utf-8", "UTF-8", "utf8", "us-ascii", _BINARY})


def content_type(serializer: str) -> str:
    """The content type that a serializer of this name writes. Raises InvalidCall if there is none."""
    for mime, name in SERIALIZERS.items():
        if name == serializer:
            return mime
    raise InvalidCall(f"serializer {shown(serializer)} is unknown; use one of {', '.join(SERIALIZERS.values())}")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A serialized value with what a reader needs to decode it.

    Attributes:
        body: the bytes.
        content_type: MIME name, ``application/json``.
        content_encoding: ``utf-8``, or ``binary`` for MessagePack (SER-CT-002).

    """

    body: bytes
    content_type: str
    content_encoding: str


def dumps(value: Any, serializer: str = "json", *, name: str | tuple[str, ...] = "value") -> Encoded:
    """Serialize a value as ``json``, ``msgpack`` or ``yaml``.

    Tuples become arrays; keys of objects that are numbers, booleans or ``None`` become text, in JSON. NaN and the
    infinities are written bare, as Celery does. ``name`` is what error messages call the value; a tuple names the
    elements of a list one by one. Raises InvalidCall, naming the path of the value that cannot be written
    (SER-TYPE-010, SER-TYPE-012).
    """
    try:
        write = _WRITERS[serializer]
    except (KeyError, TypeError):
        raise InvalidCall(f"serializer {shown(serializer)} is unknown; use one of {', '.join(_WRITERS)}") from None
    try:
        return write(value)
    except InvalidCall:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = find_unwritable(value, name, serializer, DEFAULT_LIMITS.depth) or f"cannot be written: {error}"
        raise InvalidCall(reason) from error


def loads(
    body: bytes,
    content_type: str | None,
    content_encoding: str | None,
    *,
    accept: frozenset[str] = frozenset({JSON}),
    limits: Limits = DEFAULT_LIMITS,
) -> Any:
    """Decode a body whose content type is in ``accept`` (``JSON``, ``MSGPACK``, ``YAML``; SER-CT-003).

    JSON is UTF-8. NaN and the infinities, integers of any size and duplicate keys (the last counts) are read as Celery
    writes them (SER-JSON-003, 005, 007). Raises InvalidMessage and nothing else.
    """
    if content_type not in accept or content_type not in _READERS:
        wanted = ", ".join(sorted(accept & _READERS.keys()))
        raise InvalidMessage(f"content type {shown(content_type)} is not accepted; send {wanted}", field="content_type")
    if len(body) > limits.body_bytes:
        raise InvalidMessage(f"the body has {len(body)} bytes, more than the {limits.body_bytes} accepted")
    return _READERS[content_type](body, content_encoding, limits)


# ---- JSON ----


def _write_json(value: Any) -> Encoded:
    body = _ENCODER.encode(value).encode("ascii")
    if is_deeper(body, DEFAULT_LIMITS.depth):
        raise ValueError("nested too deep")
    if b'"__type__"' in body and find_unwritable(value, "value", "json", DEFAULT_LIMITS.depth):
        raise ValueError("user data in the shape of a type tag")
    return Encoded(body, JSON, _UTF8)


def _read_json(body: bytes, content_encoding: str | None, limits: Limits) -> Any:
    text = _decode_text(body, content_encoding)
    if is_deeper(body, limits.depth):
        raise InvalidMessage(f"the body is nested deeper than {limits.depth} levels")
    # Keys may be escaped, but no escape of the letters of a tag is written without "\u00".
    tagged = "__type__" in text or ("\\" in text and "\\u00" in text)
    try:
        return _decoded(text, _TAGGED if tagged else _PLAIN)
    except RecursionError:
        raise InvalidMessage("the body is nested too deep for this receiver") from None
    except ValueError as error:
        raise InvalidMessage(f"the body is not JSON: {error}") from error


def _decoded(text: str, decoder: Any) -> Any:
    """As ``decoder.decode``, which looks for space around the text first."""
    try:
        value, end = decoder.scan_once(text, 0)
    except StopIteration:
        return decoder.decode(text)
    return value if end == len(text) else decoder.decode(text)


def _decode_text(body: bytes, content_encoding: str | None) -> str:
    if content_encoding not in _UTF8_NAMES and not body.isascii():
        reason = f"content encoding {shown(content_encoding)} is not accepted; send utf-8"
        raise InvalidMessage(reason, field="content_encoding")
    try:
        return body.decode(_UTF8)
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"the body is not UTF-8: {error}") from error


def _from_tag(pairs: dict[str, Any]) -> Any:
    """Turn an object of exactly the two keys of a tag into the value; every other object stays as it is."""
    if len(pairs) != 2 or "__type__" not in pairs or "__value__" not in pairs:
        return pairs
    name, value = pairs["__type__"], pairs["__value__"]
    reader = _TAG_READERS.get(name) if isinstance(name, str) else None
    if reader is None:
        raise InvalidMessage(f"type tag {shown(name)} is unknown; the tags are {', '.join(_TAG_READERS)}")
    try:
        return reader(value)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise InvalidMessage(f"type tag {name} cannot hold {shown(value)}: {error}") from error


def _to_tag(value: Any) -> Any:
    """Write what JSON cannot hold; called by the encoder for nothing else."""
    for kind, write in _TAG_WRITERS:
        if isinstance(value, kind):
            name, plain = write(value)
            return {"__type__": name, "__value__": plain}
    reduce = getattr(value, "__json__", None)
    if reduce is not None and not isinstance(value, type):
        return reduce()
    raise TypeError(f"{type(value).__qualname__} is not JSON")


def _bytes_tag(value: bytes) -> tuple[str, str]:
    try:
        return "bytes", value.decode(_UTF8)
    except UnicodeDecodeError:
        return "base64", base64.b64encode(value).decode("ascii")


_TAG_WRITERS: tuple[tuple[type, Callable[[Any], tuple[str, Any]]], ...] = (
    (datetime, lambda value: ("datetime", value.isoformat())),  # before date, its base class
    (date, lambda value: ("date", value.isoformat())),
    (time, lambda value: ("time", value.isoformat())),
    (UUID, lambda value: ("uuid", {"hex": value.hex})),
    (Decimal, lambda value: ("decimal", str(value))),
    (bytes, _bytes_tag),
)

_TAG_READERS: Mapping[str, Callable[[Any], Any]] = {
    "datetime": lambda value: parse_datetime(_text(value)),
    "date": lambda value: parse_date(_text(value)),
    "time": lambda value: parse_time(_text(value)),
    "uuid": lambda value: _uuid(value),
    "decimal": lambda value: _decimal(_text(value)),
    "bytes": lambda value: _text(value).encode(_UTF8),
    "base64": lambda value: base64.b64decode(_text(value), validate=True),
}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it is text")
    return value


def _uuid(value: Any) -> UUID:
    if not isinstance(value, dict) or value.keys() != {"hex"}:
        raise TypeError('it is {"hex": 32 digits}')
    return UUID(hex=_text(value["hex"]))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("it is no decimal number") from None


_ENCODER = json.JSONEncoder(default=_to_tag)
_PLAIN = json.JSONDecoder()
_TAGGED = json.JSONDecoder(object_hook=_from_tag)


_WRITERS: Mapping[str, Callable[[Any], Encoded]] = {
    "json": _write_json,
    "msgpack": lambda value: Encoded(write_msgpack(value), MSGPACK, _BINARY),
    "yaml": lambda value: Encoded(write_yaml(value), YAML, _UTF8),
}
_READERS: Mapping[str, Callable[[bytes, str | None, Limits], Any]] = {
    JSON: _read_json,
    MSGPACK: read_msgpack,
    YAML: read_yaml,
}
