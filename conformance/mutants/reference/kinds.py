"""The codec of what is no task and no result: canvases, requests, replies, events, and what a store keeps."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from reference import fields
from reference.codec import JSON, Flat, build_envelope, build_task, given, parse_envelope, parse_task, split_envelope
from reference.defects import InvalidMessage, change, refuse
from reference.news import check
from reference.values import from_json, from_tagged, to_json, to_tagged

#: kind -> the headers that it has
HEADERS = {"control": ("clock", "expires"), "reply": ("ticket", "clock"), "event": ("hostname",)}
PROPERTIES = ("delivery_mode", "priority")
ADDRESS = ("exchange", "routing_key", "channel", "key")
CONTENT = ("content_type", "content_encoding")
ENVELOPE = ("delivery_tag", "body_encoding")
#: Before the name of the compression in what is stored compressed.
STORED = b"\0celery-compressed\0"


def _request(body: Any) -> Flat:
    arguments, destination, reply_to = (body.get(name) for name in ("arguments", "destination", "reply_to"))
    if fields.name_or_none(body.get("method")) is None or not isinstance(arguments or {}, dict) or arguments == []:
        raise InvalidMessage("a request without a method, or with arguments that are no object")
    if not isinstance(destination, (list, type(None))) or not isinstance(reply_to, (dict, type(None))):
        raise InvalidMessage("a request with a destination or an address of another form")
    return dict(body)


def _reply(body: Any) -> Flat:
    if len(body) != 1:
        raise InvalidMessage("a reply of other than one node")
    ((node, reply),) = body.items()
    return {"node": node, "reply": reply}


def _members(kind: str, body: Any) -> Flat:
    if kind == "event":
        for row in body if isinstance(body, list) else [body]:
            check(row)
        return {"events": body}
    if not isinstance(body, dict):
        raise InvalidMessage("a body that is no object")
    return _request(body) if kind == "control" else _reply(body)


def decode(kind: str, wire: dict[str, Any]) -> Flat:
    """The message of the testee protocol, its values untagged; raises InvalidMessage."""
    if kind == "canvas":
        messages = [_any_task(message) for message in wire["messages"]]
        return {**wire, "messages": messages}
    if kind == "stored":
        return _stored(base64.b64decode(wire["body"]))
    if "item" in wire:
        raw, more = split_envelope(base64.b64decode(wire["item"]))
    else:
        raw, more = given(wire), {}
    found: Flat = {**{name: wire[name] for name in ADDRESS if name in wire}, **more}
    found |= {name: raw["headers"][name] for name in HEADERS[kind] if name in raw["headers"]}
    found |= {name: raw["properties"][name] for name in PROPERTIES if name in raw["properties"]}
    found |= {name: raw[name] for name in CONTENT}
    return found | _members(kind, from_json(raw["body"]))


def _any_task(wire: dict[str, Any]) -> Flat:
    flat = parse_envelope(base64.b64decode(wire["item"])) if "item" in wire else parse_task(given(wire))
    return {name: to_tagged(value) for name, value in flat.items()}


def _stored(body: bytes) -> Flat:
    if body.startswith(STORED):
        if change("compressed document", False):
            raise InvalidMessage("not JSON")
        name, _, data = body.removeprefix(STORED).partition(b"\0")
        if name != b"application/x-gzip":
            refuse("compression", f"compression {name!r}")
        body = zlib.decompress(data)
    found = from_json(body)
    if not isinstance(found, dict):
        raise InvalidMessage("a document that is not an object")
    return found


def encode(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    """The raw form of a message of the testee protocol."""
    if kind == "canvas":
        return {**message, "messages": [_written(from_tagged(one)) for one in message["messages"]]}
    if kind == "stored":
        return _coded(to_json(change("stored", {name: from_tagged(value) for name, value in message.items()})))
    flat = {name: from_tagged(value) for name, value in message.items()}
    outside = {*ADDRESS, *HEADERS[kind], *PROPERTIES, *CONTENT, *ENVELOPE} - ({"expires"} if kind == "reply" else set())
    rest = {name: value for name, value in flat.items() if name not in outside}
    if kind == "event":
        body: Any = change("written events", rest["events"])
    else:
        body = rest if kind == "control" else {rest["node"]: rest["reply"]}
    headers = {name: flat[name] for name in HEADERS[kind] if name in flat}
    properties = {name: flat[name] for name in PROPERTIES if name in flat}
    if "delivery_tag" not in flat:
        address: Flat = {name: flat[name] for name in ADDRESS if name in flat}
        coded = {**_coded(to_json(body)), **{name: flat[name] for name in CONTENT}}
        return {**address, **coded, "headers": to_tagged(headers), "properties": to_tagged(properties)}
    info = {"exchange": flat["exchange"], "routing_key": flat["routing_key"]}
    envelope = {
        "body": base64.b64encode(to_json(body)).decode(),
        "content-encoding": flat["content_encoding"],
        "content-type": flat["content_type"],
        "headers": headers,
        "properties": {**properties, "delivery_info": info, **{name: flat[name] for name in ENVELOPE}},
    }
    where: Flat = {name: flat[name] for name in ("channel", "key") if name in flat}
    return {**where, "item": base64.b64encode(to_json(envelope)).decode()}


def _written(flat: Flat) -> dict[str, Any]:
    if "delivery_tag" in flat:
        return {"item": base64.b64encode(build_envelope(flat)).decode()}
    wire = build_task(flat)
    tables = {name: to_tagged(wire[name]) for name in ("headers", "properties")}
    return {**wire, **tables, "body": base64.b64encode(wire["body"]).decode()}


def _coded(body: bytes) -> dict[str, Any]:
    return {"content_type": JSON, "content_encoding": "utf-8", "body": base64.b64encode(body).decode()}
