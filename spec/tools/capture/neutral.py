"""From the wire to the neutral form of a vector, driven by spec/fields.json and nothing of Celery's.

The neutral form is one flat object: the fields that are present on the wire under their names in the field list,
``content_type`` and ``content_encoding``, and ``extra`` for what the field list does not name.
"""

from __future__ import annotations

import base64
import bz2
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .tags import from_wire

SPEC = Path(__file__).resolve().parents[2]
FIELDS: dict[str, list[dict[str, Any]]] = json.loads((SPEC / "fields.json").read_text(encoding="utf-8"))
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.decompress,
    "application/x-bz2": bz2.decompress,
}
EMBED = 2


class Malformed(ValueError):
    """The wire does not follow the specification; a capture of real Celery never raises it."""


def names(section: str, place: str) -> list[str]:
    """Names of the fields of one place, in the order of the field list."""
    return [field["name"] for field in FIELDS[section] if field["place"] == place]


def split(section: str, place: str, source: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the field list names in ``source``, and the rest."""
    known = names(section, place)
    return {name: source[name] for name in known if name in source}, {k: v for k, v in source.items() if k not in known}


def body_json(wire: dict[str, Any]) -> Any:
    """Parse the body of a wire object: base64, decompression, UTF-8, JSON."""
    raw = base64.b64decode(wire["body"], validate=True)
    compression = wire.get("headers", {}).get("compression")
    if compression is not None:
        raw = DECOMPRESS[compression](raw)
    return json.loads(raw.decode("utf-8"))


def with_extra(message: dict[str, Any], extra: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The message, with ``extra`` only when something is left over."""
    left = {place: rest for place, rest in extra.items() if rest}
    return {**message, "extra": left} if left else message


def task(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a protocol 2 task message."""
    body = body_json(wire)
    if not isinstance(body, list) or len(body) != 1 + EMBED:
        raise Malformed("the body is not an array of three")
    headers, more_headers = split("task-v2", "headers", wire["headers"])
    properties, more_properties = split("task-v2", "properties", wire["properties"])
    embed, more_embed = split("task-v2", "embed", body[EMBED])
    message = {**headers, **properties, "args": from_wire(body[0]), "kwargs": from_wire(body[1])}
    message |= {name: from_wire(value) for name, value in embed.items()}
    message |= {key: wire[key] for key in ("content_type", "content_encoding")}
    return with_extra(message, {"headers": more_headers, "properties": more_properties, "embed": more_embed})


def task_v1(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a protocol 1 task message: the keys of its body."""
    body = body_json(wire)
    if not isinstance(body, dict):
        raise Malformed("the body is not an object")
    return {key: from_wire(value) for key, value in body.items()}


def unpack_envelope(item: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Redis list item as (the wire of the task message in it, the fields of the envelope itself)."""
    envelope = json.loads(item.decode("utf-8"))
    properties = dict(envelope["properties"])
    own = {name: properties.pop(name) for name in names("envelope", "envelope") if name in properties}
    delivery_info = properties.pop("delivery_info")
    own |= {name: delivery_info[name] for name in names("envelope", "delivery_info")}
    body = envelope["body"]
    if own.get("body_encoding") != "base64":
        body = base64.b64encode(body.encode("utf-8")).decode("ascii")
    wire = {
        "content_type": envelope["content-type"],
        "content_encoding": envelope["content-encoding"],
        "headers": {name: from_wire(value) for name, value in envelope["headers"].items()},
        "properties": {name: from_wire(value) for name, value in properties.items()},
        "body": body,
    }
    return wire, own


def envelope(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a Redis list item: the task message in it and the envelope's own fields."""
    inner, own = unpack_envelope(base64.b64decode(wire["item"], validate=True))
    return {**task(inner), **own}


def result(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a result document."""
    document = body_json(wire)
    if not isinstance(document, dict):
        raise Malformed("the result is not an object")
    known, rest = split("result", "result", document)
    message = {name: from_wire(value) for name, value in known.items()}
    left = {name: from_wire(value) for name, value in rest.items()}
    return {**message, "extra": left} if left else message


def value(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a serialized value."""
    return {"value": from_wire(body_json(wire))}


DECODERS = {"task": task, "task-v1": task_v1, "envelope": envelope, "result": result, "value": value}
