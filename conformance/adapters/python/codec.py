"""The codec half of the adapter: raw wire, as the suite writes it in JSON, to the neutral form and back."""

from __future__ import annotations

import base64
from typing import Any

from celeriac.envelope import Envelope
from celeriac.message import Message
from celeriac.result import Result
from celeriac.serialization import dumps, loads
from celeriac.tagged import from_tagged, to_tagged
from celeriac.wire import Wire


def to_wire(wire: dict[str, Any]) -> Wire:
    """The raw message of the suite's JSON form."""
    tables = (from_tagged(wire.get(name) or {}) for name in ("headers", "properties"))
    return Wire(base64.b64decode(wire["body"]), wire.get("content_type"), wire.get("content_encoding"), *tables)


def from_wire(wire: Wire) -> dict[str, Any]:
    """The suite's JSON form of a raw message."""
    return {
        **encoded(wire),
        "headers": to_tagged(wire.headers),
        "properties": to_tagged(wire.properties),
    }


def encoded(source: Any) -> dict[str, Any]:
    """The suite's JSON form of an encoded body."""
    body = base64.b64encode(source.body).decode()
    return {"content_type": source.content_type, "content_encoding": source.content_encoding, "body": body}


def document(wire: dict[str, Any]) -> tuple[bytes, str | None, str | None]:
    """Body, content type and encoding of the suite's JSON form."""
    return base64.b64decode(wire["body"]), wire.get("content_type"), wire.get("content_encoding")


DECODE = {
    "task": lambda wire: Message.parse(to_wire(wire)).to_neutral(),
    "envelope": lambda wire: Envelope.parse(base64.b64decode(wire["item"])).to_neutral(),
    "result": lambda wire: Result.parse(*document(wire)).to_neutral(),
    "value": lambda wire: {"value": to_tagged(loads(*document(wire)))},
}
ENCODE = {
    "task": lambda message: from_wire(Message.from_neutral(message).build()),
    "envelope": lambda message: {"item": base64.b64encode(Envelope.from_neutral(message).build()).decode()},
    "result": lambda message: encoded(Result.from_neutral(message).build()),
    "value": lambda message: encoded(dumps(from_tagged(message["value"]))),
}
