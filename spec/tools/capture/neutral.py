"""From the wire to the neutral form of a vector, driven by spec/fields.json and nothing of Celery's.

The neutral form is one flat object: the fields that are present on the wire under their names in the field list,
``content_type`` and ``content_encoding``, and ``extra`` for what the field list does not name.
"""

from __future__ import annotations

import base64
import bz2
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .tags import from_python, from_wire

SPEC = Path(__file__).resolve().parents[2]
FIELDS: dict[str, list[dict[str, Any]]] = json.loads((SPEC / "fields.json").read_text(encoding="utf-8"))
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.decompress,
    "application/x-bz2": bz2.decompress,
}
TOPOLOGY = ("exchange.declare", "queue.declare", "queue.bind", "exchange.bind", "basic.qos", "basic.consume")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What comes before the name of the compression in a result that was stored with `result_compression`.
COMPRESSED = b"\0celery-compressed\0"
EMBED = 2


def msgpack_value(raw: bytes) -> Any:
    """Value of MessagePack bytes, tagged."""
    import msgpack  # the gate and the capture run without it as long as nothing is MessagePack

    return from_python(msgpack.unpackb(raw, raw=False, strict_map_key=False))


def yaml_value(raw: bytes) -> Any:
    """Value of a YAML document, tagged. Only the types of JSON, dates and bytes: nothing that names a class."""
    import yaml  # as above

    try:
        return from_python(yaml.safe_load(raw.decode("utf-8")))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML, or of types that nobody has: {error}") from error


#: Content type -> decoder of the serializers that have types of their own, and need no tags for them.
TYPED: dict[str, Callable[[bytes], Any]] = {
    "application/x-msgpack": msgpack_value,
    "application/x-yaml": yaml_value,
}


class Malformed(ValueError):
    """The wire does not follow the specification; a capture of real Celery never raises it."""


def names(section: str, place: str) -> list[str]:
    """Names of the fields of one place, in the order of the field list."""
    return [field["name"] for field in FIELDS[section] if field["place"] == place]


def split(section: str, place: str, source: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the field list names in ``source``, and the rest."""
    known = names(section, place)
    return {name: source[name] for name in known if name in source}, {k: v for k, v in source.items() if k not in known}


def body_bytes(wire: dict[str, Any]) -> bytes:
    """Bytes of the body of a wire object, decompressed."""
    raw = base64.b64decode(wire["body"], validate=True)
    compression = wire.get("headers", {}).get("compression")
    return raw if compression is None else DECOMPRESS[compression](raw)


def body_json(wire: dict[str, Any]) -> Any:
    """Parse the body of a wire object: base64, decompression, UTF-8, JSON."""
    return json.loads(body_bytes(wire).decode("utf-8"))


def body_value(wire: dict[str, Any]) -> tuple[Any, Callable[[Any], Any]]:
    """Value of a body by its content type, and what makes tagged values of its parts."""
    typed = TYPED.get(wire["content_type"])
    return (typed(body_bytes(wire)), as_it_is) if typed else (body_json(wire), from_wire)


def as_it_is(value: Any) -> Any:
    """A value that is in tagged form already."""
    return value


def with_extra(message: dict[str, Any], extra: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The message, with ``extra`` only when something is left over."""
    left = {place: rest for place, rest in extra.items() if rest}
    return {**message, "extra": left} if left else message


def task(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a protocol 2 task message."""
    body, plain = body_value(wire)
    if not isinstance(body, list) or len(body) != 1 + EMBED:
        raise Malformed("the body is not an array of three")
    headers, more_headers = split("task-v2", "headers", wire["headers"])
    properties, more_properties = split("task-v2", "properties", wire["properties"])
    embed, more_embed = split("task-v2", "embed", body[EMBED])
    message = {**headers, **properties, "args": plain(body[0]), "kwargs": plain(body[1])}
    message |= {name: plain(value) for name, value in embed.items()}
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
    item = base64.b64decode(wire["item"], validate=True)
    inner, own = unpack_envelope(item)
    message = task(inner)
    _, more = split("envelope", "delivery_info", json.loads(item)["properties"]["delivery_info"])
    extra = {**message.pop("extra", {}), "delivery_info": {name: from_wire(value) for name, value in more.items()}}
    return with_extra({**message, **own}, extra)


def result(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a result document."""
    document, plain = body_value(wire)
    if not isinstance(document, dict):
        raise Malformed("the result is not an object")
    known, rest = split("result", "result", document)
    message = {name: plain(value) for name, value in known.items()}
    left = {name: plain(value) for name, value in rest.items()}
    return {**message, "extra": left} if left else message


def stored(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of what a result store holds beside plain result documents: saved groups, compressed documents."""
    raw = base64.b64decode(wire["body"], validate=True)
    if raw.startswith(COMPRESSED):
        name, _, data = raw.removeprefix(COMPRESSED).partition(b"\0")
        raw = DECOMPRESS[name.decode("ascii")](data)
    document = json.loads(raw.decode("utf-8"))
    if not isinstance(document, dict):
        raise Malformed("the document is not an object")
    return {name: from_wire(value) for name, value in document.items()}


def topology(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of what was declared: exchanges and queues by name, bindings, prefetch, what is consumed."""
    methods = wire["methods"]
    found = {name: [rest(one) for one in methods if one["method"] == name] for name in TOPOLOGY}
    exchanges = {one.pop("exchange"): one for one in found["exchange.declare"]}
    queues = {one.pop("queue"): one for one in found["queue.declare"]}
    bindings = ordered(found["queue.bind"] + found["exchange.bind"])
    message = {"exchanges": exchanges, "queues": queues, "bindings": bindings}
    return message | {"qos": found["basic.qos"], "consumes": ordered(found["basic.consume"])}


def ordered(methods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The methods in the order of their text, ids apart: a worker's threads call them in no order to rely on."""
    return sorted(methods, key=lambda method: UUID.sub("", json.dumps(method, sort_keys=True)))


def rest(method: dict[str, Any]) -> dict[str, Any]:
    """The fields of a method without its name."""
    return {name: value for name, value in method.items() if name != "method"}


def value(wire: dict[str, Any]) -> dict[str, Any]:
    """Neutral form of a serialized value."""
    return {"value": from_wire(body_json(wire))}


DECODERS = {
    "task": task,
    "task-v1": task_v1,
    "envelope": envelope,
    "result": result,
    "stored": stored,
    "topology": topology,
    "value": value,
}
