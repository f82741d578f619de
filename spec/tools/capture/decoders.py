"""Neutral forms of what is more than one task message: canvas, remote control, events, signed messages.

Like neutral.py it knows spec/fields.json and nothing of Celery. ``DECODERS`` has the decoder of every kind of vector.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from . import neutral
from .neutral import Malformed, body_json, split, unpack_envelope, with_extra
from .tags import from_wire

#: Between the five parts of a signed body.
SEPARATOR = b"\x00\x01"
PLACES = ("channel", "key")

Wire = dict[str, Any]
Message = dict[str, Any]


def opened(wire: Wire) -> tuple[Wire, Message]:
    """What a message of an exchange holds, and its address: from the delivery, or from the envelope on Redis."""
    if "item" not in wire:
        return wire, {name: wire[name] for name in ("exchange", "routing_key")}
    inner, own = unpack_envelope(base64.b64decode(wire["item"], validate=True))
    return inner, own | {name: wire[name] for name in PLACES if name in wire}


def frame(section: str, wire: Wire) -> tuple[Wire, Message, dict[str, Message]]:
    """The message inside, what its address, headers and properties say, and what the field list does not name."""
    inner, message = opened(wire)
    extra = {}
    for place in ("headers", "properties"):
        known, extra[place] = split(section, place, inner[place])
        message |= known
    message |= {key: inner[key] for key in ("content_type", "content_encoding")}
    return inner, message, extra


def control(wire: Wire) -> Message:
    """Neutral form of a remote control request."""
    inner, message, extra = frame("control", wire)
    body = body_json(inner)
    if not isinstance(body, dict):
        raise Malformed("the request is not an object")
    known, extra["body"] = split("control", "body", body)
    return with_extra({**message, **{name: from_wire(value) for name, value in known.items()}}, extra)


def reply(wire: Wire) -> Message:
    """Neutral form of a reply: its body has one key, the node that answers."""
    inner, message, extra = frame("reply", wire)
    body = body_json(inner)
    if not isinstance(body, dict) or len(body) != 1:
        raise Malformed("the reply is not an object of one node")
    [(node, value)] = body.items()
    return with_extra({**message, "node": node, "reply": from_wire(value)}, extra)


def event_message(wire: Wire) -> Message:
    """Neutral form of an event message: ``events`` is one event or an array of them, as it travelled."""
    inner, message, extra = frame("event-message", wire)
    body = body_json(inner)
    for one in body if isinstance(body, list) else [body]:
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            raise Malformed("an event without type")
    return with_extra({**message, "events": from_wire(body)}, extra)


def canvas(wire: Wire) -> Message:
    """Neutral form of a canvas: its task messages in the order they were sent, and the commands to the result store."""
    messages = [neutral.envelope(one) if "item" in one else neutral.task(one) for one in wire["messages"]]
    return {"messages": messages} | ({"commands": wire["commands"]} if "commands" in wire else {})


def signed(wire: Wire) -> Message:
    """Neutral form of a signed body: who signed what; the signature itself is not checked here."""
    parts = base64.b64decode(base64.b64decode(wire["body"], validate=True), validate=True).split(SEPARATOR, 4)
    if len(parts) != 5:
        raise Malformed("a signed body has five parts")
    signer, signature, content_type, content_encoding, body = parts
    return {
        "signer": base64.b64decode(signer).decode("utf-8"),
        "signature": {"$bytes": base64.b64encode(base64.b64decode(signature)).decode("ascii")},
        "content_type": content_type.decode("ascii"),
        "content_encoding": content_encoding.decode("ascii"),
        "body": from_wire(json.loads(body.decode("utf-8"))),
    }


DECODERS: dict[str, Callable[[Wire], Message]] = {
    **neutral.DECODERS,
    "canvas": canvas,
    "control": control,
    "reply": reply,
    "event": event_message,
    "signed": signed,
}
