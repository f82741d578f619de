"""Raw messages and documents to flat ones, as the testee protocol has them, and back."""

from __future__ import annotations

import base64
import binascii
import bz2
import pickle
import zlib
from typing import Any

from reference import fields
from reference.defects import InvalidMessage, change, has, refuse
from reference.packed import packed, unpacked
from reference.values import from_json, from_tagged, from_yaml, to_json, to_tagged, to_yaml

JSON, PICKLE = "application/json", "application/x-python-serialize"
#: content type -> write, read
SERIALIZERS: dict[str, tuple[Any, Any]] = {
    JSON: (to_json, from_json),
    "application/x-yaml": (to_yaml, from_yaml),
    "application/x-msgpack": (packed, unpacked),
}
#: header compression -> compress, and what makes a decompressor
COMPRESSIONS: dict[str, tuple[Any, Any]] = {
    "application/x-gzip": (zlib.compress, zlib.decompressobj),
    "application/x-bz2": (bz2.compress, bz2.BZ2Decompressor),
}
#: The most that a body may hold, in bytes.
LARGEST_BODY = 128 << 20
#: What JSON itself has; everything else in an envelope is a typed value.
JSON_TYPES = (str, int, float, list, dict, type(None))
Wire = dict[str, Any]  # content_type, content_encoding, headers, properties, and body as bytes
Flat = dict[str, Any]


# -- task messages ---------------------------------------------------------------------------------


def parse_task(wire: Wire) -> Flat:
    """The flat message; raises InvalidMessage, with the task's id where that can be read."""
    headers, properties = wire["headers"], wire["properties"]
    task_id = fields.name_or_none(headers.get("id"))
    if wire["content_type"] not in change("content types", list(SERIALIZERS)):
        refuse("content type", f"content type {wire['content_type']!r}", task_id)
    fields.check("header", fields.HEADERS, headers, task_id)
    fields.check("property", fields.PROPERTIES, properties, task_id)
    try:
        if wire["content_type"] == PICKLE and has("unpickles"):
            args, kwargs, embed = pickle.loads(wire["body"])  # noqa: S301 - this is the defect
            embed = embed or {}
        else:
            read = SERIALIZERS.get(wire["content_type"], SERIALIZERS[JSON])[1]
            args, kwargs, embed = _body(read(_decompressed(wire["body"], headers.get("compression"))))
    except InvalidMessage as error:
        raise InvalidMessage(str(error), task_id) from error
    flat: Flat = {"args": args, "kwargs": kwargs}
    flat |= {name: wire[name] for name in ("content_type", "content_encoding") if wire[name] is not None}
    left = {}
    for place, table, members in (
        ("headers", fields.HEADERS, headers),
        ("properties", fields.PROPERTIES, properties),
        ("embed", fields.EMBED, embed),
    ):
        flat |= {name: value for name, value in members.items() if name in table}
        left[place] = {name: value for name, value in members.items() if name not in table}
    if has("takes-the-id-from-embed"):
        flat |= {name: value for name, value in embed.items() if name in fields.HEADERS}
    if any(left.values()):
        flat["extra"] = {place: members for place, members in left.items() if members}
    return dict(change("read task", flat))


def _body(body: Any) -> tuple[Any, Any, dict[str, Any]]:
    if not isinstance(body, list) or len(body) != 3:
        refuse("body", "the body is not an array of three")
        body = [*body, None, None, None][:3] if isinstance(body, list) else [[body], {}, None]
    args, kwargs, embed = body
    if not isinstance(args, list):
        refuse("args", "args are not an array")
        args = list(args or ())
    if not isinstance(kwargs, dict):
        refuse("kwargs", "kwargs are not an object")
        kwargs = {}
    if not isinstance(embed, dict):
        if embed is not None or has("wants-embed"):
            refuse("embed", "embed is neither an object nor null")
        embed = {}
    fields.check("embed", fields.EMBED, embed)
    if has("refuses-unknown-keys-of-embed") and set(embed) - set(fields.EMBED):
        raise InvalidMessage("an unknown key of embed")
    return args, kwargs, embed


def _decompressed(raw: bytes, name: Any) -> bytes:
    if name is None:
        return raw
    try:
        unpacker = COMPRESSIONS[name][1]()
        body = unpacker.decompress(raw, LARGEST_BODY + 1)
    except (KeyError, TypeError, ValueError, OSError, zlib.error) as error:
        refuse("compression", f"compression {name!r}: {error}")
        return raw
    if len(body) > LARGEST_BODY or not unpacker.eof:
        raise InvalidMessage(f"{name}: too large, or its end is missing")
    return bytes(body)


def build_task(flat: Flat) -> Wire:
    """The raw message of a flat one."""
    extra = flat.get("extra", {})
    tables = {"headers": fields.HEADERS, "properties": fields.PROPERTIES, "embed": fields.EMBED}
    parts = {
        place: {**{name: flat[name] for name in table if name in flat}, **extra.get(place, {})}
        for place, table in tables.items()
    }
    message = {
        "content_type": flat.get("content_type"),
        "content_encoding": flat.get("content_encoding"),
        "headers": parts["headers"],
        "properties": parts["properties"],
        "body": [flat["args"], flat["kwargs"], parts["embed"]],
    }
    write = SERIALIZERS.get(str(message["content_type"]), SERIALIZERS[JSON])[0]
    message = change("task", message)
    body = write(message["body"])
    compression = flat.get("compression")
    if compression is not None and not has("keeps-the-header-without-the-compression"):
        body = change("compressed", COMPRESSIONS[compression][0](body))
    return {**message, "body": body}


# -- the envelope of Redis -------------------------------------------------------------------------


def split_envelope(item: bytes) -> tuple[Wire, Flat]:
    """The raw message in a list item, and what the envelope says beside it; raises InvalidMessage."""
    envelope = from_json(item)
    if not isinstance(envelope, dict):
        raise InvalidMessage("an item that is not an object")
    headers, properties = envelope.get("headers"), envelope.get("properties")
    if not isinstance(headers, dict):
        raise InvalidMessage("an envelope without headers")
    task_id = fields.name_or_none(headers.get("id"))
    change("read headers", {n: v for n, v in headers.items() if not isinstance(v, JSON_TYPES)})
    if not isinstance(properties, dict):
        refuse("properties", "an envelope without properties", task_id)
        properties = {"delivery_tag": "none", "delivery_info": {"exchange": "", "routing_key": ""}}
    fields.check("envelope", fields.ENVELOPE, properties, task_id)
    info = properties.get("delivery_info")
    if not isinstance(info, dict) or not all(isinstance(info.get(name), str) for name in fields.DELIVERY_INFO):
        refuse("delivery_info", "an envelope without delivery_info", task_id)
        info = {"exchange": "", "routing_key": ""}
    own = {*fields.ENVELOPE, "delivery_info"}
    fields.check("envelope", {"content-encoding": "string null"}, envelope, task_id)
    wire = {
        "content_type": envelope.get("content-type"),
        "content_encoding": envelope.get("content-encoding"),
        "headers": headers,
        "properties": {name: value for name, value in properties.items() if name not in own},
        "body": _text_body(envelope.get("body"), properties.get("body_encoding"), task_id),
    }
    said = {name: properties[name] for name in fields.ENVELOPE if name in properties}
    said |= {name: info[name] for name in fields.DELIVERY_INFO}
    if more := {name: value for name, value in info.items() if name not in fields.DELIVERY_INFO}:
        said["extra"] = {"delivery_info": more}
    return wire, said


def parse_envelope(item: bytes) -> Flat:
    """The flat message of a list item, with its delivery tag; raises InvalidMessage."""
    wire, said = split_envelope(item)
    flat = parse_task(wire)
    extra = {**flat.get("extra", {}), **said.pop("extra", {})}
    return {**flat, **said, **({"extra": extra} if extra else {})}


def _text_body(text: Any, encoding: Any, task_id: str | None) -> bytes:
    if not isinstance(text, str):
        refuse("body of an envelope", "the body is not a text", task_id)
        return b"[[], {}, {}]"
    if encoding is None:
        if has("wants-base64"):
            raise InvalidMessage("no body_encoding")
        return text.encode()
    if encoding != "base64":
        refuse("body_encoding", f"body encoding {encoding!r}", task_id)
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        refuse("base64", f"the body is not base64: {error}", task_id)
        return b"[[], {}, {}]"


def build_envelope(flat: Flat) -> bytes:
    """The list item of a flat message."""
    wire = build_task(flat)
    encoded = flat.get("body_encoding") == "base64"
    info = {**{n: flat[n] for n in fields.DELIVERY_INFO}, **flat.get("extra", {}).get("delivery_info", {})}
    own = {name: flat[name] for name in fields.ENVELOPE if name in flat}
    envelope = {
        "body": base64.b64encode(wire["body"]).decode() if encoded else wire["body"].decode(),
        "content-encoding": wire["content_encoding"],
        "content-type": wire["content_type"],
        "headers": wire["headers"],
        "properties": {**wire["properties"], "delivery_info": info, **own},
    }
    return to_json(change("envelope", envelope))


# -- results and values ----------------------------------------------------------------------------

FAILED = ("FAILURE", "REVOKED")


def parse_result(body: bytes, content_type: Any = JSON) -> Flat:
    """The flat result document; raises InvalidMessage."""
    if content_type not in SERIALIZERS:
        raise InvalidMessage(f"content type {content_type!r}")
    document = SERIALIZERS[content_type][1](body)
    if not isinstance(document, dict):
        refuse("document", "a document that is not an object")
        document = {"status": "SUCCESS", "task_id": "unknown", "result": document}
    fields.check("result", fields.RESULT, document)
    if has("refuses-unknown-keys-of-a-document") and set(document) - set(fields.RESULT):
        raise InvalidMessage("an unknown key")
    if document.get("status") in FAILED:
        exception = document.get("result")
        if not isinstance(exception, dict) or fields.name_or_none(exception.get("exc_type")) is None:
            refuse("exception", "a failure without an exception")
    flat = {name: value for name, value in document.items() if name in fields.RESULT}
    if extra := {name: value for name, value in document.items() if name not in fields.RESULT}:
        flat["extra"] = extra
    return dict(change("read result", flat))


def build_result(flat: Flat) -> bytes:
    """The bytes of a flat result document."""
    document = {**{name: flat[name] for name in fields.RESULT if name in flat}, **flat.get("extra", {})}
    return to_json(change("result", document))


def parse_protocol_1(wire: Wire) -> Flat:
    """The flat message of a protocol 1 body; raises InvalidMessage."""
    body = from_json(wire["body"])
    if not isinstance(body, dict) or "task" in wire["headers"]:
        refuse("protocol 1", "not a message of protocol 1")
        return {}
    fields.check("protocol 1", fields.PROTOCOL_1, body)
    return dict(change("read protocol 1", body))


# -- the two operations of the testee protocol -----------------------------------------------------


def given(wire: dict[str, Any]) -> Wire:
    """The raw message of its form in the testee protocol."""
    tables = {name: from_tagged(wire.get(name) or {}) for name in ("headers", "properties")}
    names = ("content_type", "content_encoding")
    return {**{name: wire.get(name) for name in names}, **tables, "body": base64.b64decode(wire["body"])}


def _encoded(body: bytes, content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "body": base64.b64encode(body).decode()}


def _value_of(wire: Wire) -> Any:
    if wire["content_type"] not in change("content types", [JSON]):
        refuse("content type", f"content type {wire['content_type']!r}")
    return {"value": from_json(wire["body"])}


def decode(kind: str, wire: dict[str, Any]) -> dict[str, Any]:
    """The message of the testee protocol for a raw one; raises InvalidMessage."""
    if kind == "envelope":
        flat: Any = parse_envelope(base64.b64decode(wire["item"]))
    else:
        raw = given(wire)
        flat = {
            "task": parse_task,
            "task-v1": parse_protocol_1,
            "result": lambda raw: parse_result(raw["body"], raw["content_type"]),
            "value": _value_of,
        }[kind](raw)
    return {name: to_tagged(value) for name, value in flat.items()}


def encode(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    """The raw form of a message of the testee protocol."""
    flat = {name: from_tagged(value) for name, value in message.items()}
    content = change("content", {"content_type": JSON, "content_encoding": "utf-8"})
    if kind == "envelope":
        return {"item": base64.b64encode(build_envelope(flat)).decode()}
    if kind == "result":
        return _encoded(build_result(flat), content)
    if kind == "value":
        return _encoded(to_json(flat["value"]), content)
    wire = build_task(flat)
    tables = {name: to_tagged(wire[name]) for name in ("headers", "properties")}
    return {**wire, **tables, "body": base64.b64encode(wire["body"]).decode()}
