"""The codec half of the adapter: raw wire, as the suite writes it in JSON, to the neutral form and back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from celeriac.control import ControlReply, ControlRequest
from celeriac.envelope import ENVELOPE_FIELDS, Envelope
from celeriac.events import EventMessage
from celeriac.message import Message
from celeriac.message_v1 import MessageV1
from celeriac.result import Result
from celeriac.serialization import SERIALIZERS, dumps, loads
from celeriac.signed import Signed
from celeriac.stored import read_document, write_document
from celeriac.tagged import from_tagged, to_tagged
from celeriac.wire import Wire

ACCEPT = frozenset(SERIALIZERS)
#: Where a message of an exchange went, beside what is in the message.
PLACES = ("exchange", "routing_key", "channel", "key")
OWN = tuple(row.name for row in ENVELOPE_FIELDS)


def raw(wire: dict[str, Any], name: str = "body") -> bytes:
    """The bytes of a part that the suite writes in base64."""
    return base64.b64decode(wire[name])


def to_wire(wire: dict[str, Any]) -> Wire:
    """The raw message of the suite's JSON form."""
    tables = (from_tagged(wire.get(name) or {}) for name in ("headers", "properties"))
    return Wire(raw(wire), wire.get("content_type"), wire.get("content_encoding"), *tables)


def from_wire(wire: Wire) -> dict[str, Any]:
    """The suite's JSON form of a raw message."""
    return {**encoded(wire), "headers": to_tagged(wire.headers), "properties": to_tagged(wire.properties)}


def encoded(source: Any) -> dict[str, Any]:
    """The suite's JSON form of an encoded body."""
    body = base64.b64encode(source.body).decode()
    return {"content_type": source.content_type, "content_encoding": source.content_encoding, "body": body}


def item(envelope: Envelope) -> dict[str, Any]:
    """The suite's JSON form of a list item."""
    return {"item": base64.b64encode(envelope.build()).decode()}


def document(wire: dict[str, Any]) -> tuple[bytes, str | None, str | None]:
    """Body, content type and encoding of the suite's JSON form."""
    return raw(wire), wire.get("content_type"), wire.get("content_encoding")


def decode_framed(kind: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Decoder of a message of the control or event exchanges, with its address."""

    def decode(wire: dict[str, Any]) -> dict[str, Any]:
        address = {name: wire[name] for name in PLACES if name in wire}
        if "item" not in wire:
            return {**address, **kind.parse(to_wire(wire)).to_neutral()}
        envelope = Envelope.parse(raw(wire, "item"))
        own = {name: getattr(envelope, name) for name in OWN if name not in envelope.absent}
        return {**own, **address, **kind.parse(envelope.wire).to_neutral()}

    return decode


def encode_framed(kind: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Encoder of a message of the control or event exchanges."""

    def encode(message: dict[str, Any]) -> dict[str, Any]:
        flat = {name: value for name, value in message.items() if name not in (*PLACES, *OWN)}
        wire = kind.from_neutral(flat).build()
        own = {name: message[name] for name in OWN if name in message}
        if "delivery_tag" not in own:
            return {**own, **from_wire(wire)}
        address = {name: message[name] for name in PLACES[2:] if name in message}
        return {**address, **item(Envelope(wire=wire, **own))}

    return encode


def decode_signed(wire: dict[str, Any]) -> Any:
    """The parts of a signed body that its certificate vouches for."""
    signed = Signed.parse(to_wire(wire))
    signed.verify(wire["certificate"].encode(), now=datetime.now(timezone.utc))
    return signed.to_neutral()


def decode_canvas(wire: dict[str, Any]) -> dict[str, Any]:
    """The task messages of a canvas; what Redis was told about groups is passed on."""
    messages = [DECODE["envelope" if "item" in one else "task"](one) for one in wire["messages"]]
    return {**wire, "messages": messages}


def encode_canvas(message: dict[str, Any]) -> dict[str, Any]:
    """As ``decode_canvas``, back."""
    messages = [ENCODE["envelope" if "delivery_tag" in one else "task"](one) for one in message["messages"]]
    return {**message, "messages": messages}


DECODE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "task": lambda wire: Message.parse(to_wire(wire), accept=ACCEPT).to_neutral(),
    "task-v1": lambda wire: MessageV1.parse(loads(*document(wire))).to_neutral(),
    "envelope": lambda wire: Envelope.parse(raw(wire, "item")).to_neutral(accept=ACCEPT),
    "result": lambda wire: Result.parse(*document(wire), accept=ACCEPT).to_neutral(),
    "value": lambda wire: {"value": to_tagged(loads(*document(wire), accept=ACCEPT))},
    "canvas": decode_canvas,
    "control": decode_framed(ControlRequest),
    "reply": decode_framed(ControlReply),
    "event": decode_framed(EventMessage),
    "stored": lambda wire: to_tagged(read_document(*document(wire))[0]),
    "signed": decode_signed,
}
ENCODE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "task": lambda message: from_wire(Message.from_neutral(message).build()),
    "envelope": lambda message: item(Envelope.from_neutral(message)),
    "result": lambda message: encoded(Result.from_neutral(message).build()),
    "value": lambda message: encoded(dumps(from_tagged(message["value"]))),
    "canvas": encode_canvas,
    "control": encode_framed(ControlRequest),
    "reply": encode_framed(ControlReply),
    "event": encode_framed(EventMessage),
    "stored": lambda message: encoded(write_document(from_tagged(message))),
}
