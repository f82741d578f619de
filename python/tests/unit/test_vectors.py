"""Every vector of the specification: decoded to its neutral form, written back as it was, or refused."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from celeriac import JSON, MSGPACK, YAML, Envelope, InvalidMessage, Message, Result, Wire, dumps, loads
from celeriac.compression import decompress
from celeriac.control import ControlReply, ControlRequest
from celeriac.envelope import ENVELOPE_FIELDS
from celeriac.events import EventMessage
from celeriac.message_v1 import MessageV1
from celeriac.signed import Signed
from celeriac.stored import read_document, write_document
from celeriac.tagged import from_tagged, to_tagged

from .spec_data import body_of, body_value, canonical, is_captured, vectors, wire_of

ACCEPT = frozenset({JSON, MSGPACK})
ALL = frozenset({*ACCEPT, YAML})
#: In a vector of an exchange, what says where the message went.
ADDRESS = {"exchange", "routing_key", "channel", "key", *(row.name for row in ENVELOPE_FIELDS)}
SERIALIZERS = {JSON: "json", MSGPACK: "msgpack"}
#: While the certificate of the signed messages is good.
SIGNED_NOW = datetime(2027, 1, 1, tzinfo=timezone.utc)
#: What is wrong with these is in what was signed.
RIGHTLY_SIGNED = {"security/invalid/pickle-inside"}


def each(folder: str, *, invalid: bool = False, kind: str = "") -> pytest.MarkDecorator:
    found = [vector for vector in vectors(folder, invalid=invalid) if kind in ("", vector["kind"])]
    return pytest.mark.parametrize("vector", found, ids=[vector["id"] for vector in found])


def equal(actual: Any, expected: Any) -> None:
    assert json.dumps(actual, sort_keys=True, indent=1) == json.dumps(expected, sort_keys=True, indent=1)


@each("task-v2")
def test_task(vector: dict[str, Any]) -> None:
    wire = wire_of(vector)
    equal(Message.parse(wire).to_neutral(), vector["message"])
    written = Message.from_neutral(vector["message"]).build()
    equal(Message.parse(written).to_neutral(), vector["message"])
    if is_captured(vector):
        assert canonical(written.headers) == canonical(wire.headers)
        assert canonical(written.properties) == canonical(wire.properties)
        assert (written.content_type, written.content_encoding) == (wire.content_type, wire.content_encoding)
        assert body_value(written) == body_value(wire)


@each("task-v2")
def test_task_is_written_back_as_it_was_read(vector: dict[str, Any]) -> None:
    wire = wire_of(vector)
    written = Message.parse(wire).build()
    assert canonical(written.headers) == canonical(wire.headers)
    assert canonical(written.properties) == canonical(wire.properties)
    if is_captured(vector) and "compression" not in wire.headers:
        assert written.body == wire.body


@each("task-v1")
def test_task_of_protocol_1_becomes_protocol_2(vector: dict[str, Any]) -> None:
    wire, expected = wire_of(vector), vector["message"]
    message = Message.parse(wire)
    body = loads(wire.body, wire.content_type, wire.content_encoding)
    equal(MessageV1.parse(body).to_neutral(), expected)
    neutral = message.to_neutral()
    shared = expected.keys() & neutral.keys()
    assert {"task", "id", "args", "kwargs"} <= shared
    equal({name: neutral[name] for name in shared}, {name: expected[name] for name in shared})
    again = Message.parse(message.build())
    assert again == message
    assert message.build().headers["task"] == expected["task"]


@each("redis")
def test_envelope(vector: dict[str, Any]) -> None:
    item = body_of(vector)
    envelope = Envelope.parse(item)
    equal(envelope.to_neutral(), vector["message"])
    written = Envelope.from_neutral(vector["message"]).build()
    equal(Envelope.parse(written).to_neutral(), vector["message"])
    if is_captured(vector):
        assert envelope.build() == item
        assert list(json.loads(written)) == list(json.loads(item))
        if "properties" not in vector["message"].get(
            "extra", {}
        ):  # the neutral form does not say between which they were
            assert list(json.loads(written)["properties"]) == list(json.loads(item)["properties"])


@each("result")
def test_result(vector: dict[str, Any]) -> None:
    wire, body = vector["wire"], body_of(vector)
    result = Result.parse(body, wire["content_type"], wire["content_encoding"])
    equal(result.to_neutral(), vector["message"])
    written = Result.from_neutral(vector["message"]).build()
    equal(Result.parse(written.body).to_neutral(), vector["message"])
    assert (written.content_type, written.content_encoding) == (wire["content_type"], wire["content_encoding"])
    if is_captured(vector):
        assert canonical(loads(written.body, JSON, "utf-8")) == canonical(loads(body, JSON, "utf-8"))


@each("serialization")
def test_value(vector: dict[str, Any]) -> None:
    wire, body = vector["wire"], body_of(vector)
    value = loads(body, wire["content_type"], wire["content_encoding"], accept=ACCEPT)
    equal({"value": to_tagged(value)}, vector["message"])
    written = dumps(from_tagged(vector["message"]["value"]), SERIALIZERS[wire["content_type"]])
    equal({"value": to_tagged(loads(written.body, written.content_type, "utf-8", accept=ACCEPT))}, vector["message"])
    if is_captured(vector):
        assert written.body == body
        assert (written.content_type, written.content_encoding) == (wire["content_type"], wire["content_encoding"])


@each("task-v2", invalid=True)
def test_invalid_task(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message.parse(wire_of(vector))
    told(caught.value, vector)


@each("task-v1", invalid=True)
def test_invalid_task_of_protocol_1(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message.parse(wire_of(vector))
    told(caught.value, vector)


@each("redis", invalid=True)
def test_invalid_envelope(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Envelope.parse(body_of(vector)).to_neutral()
    told(caught.value, vector)


@each("result", invalid=True)
def test_invalid_result(vector: dict[str, Any]) -> None:
    wire = vector["wire"]
    with pytest.raises(InvalidMessage):
        Result.parse(body_of(vector), wire.get("content_type"), wire.get("content_encoding"))


@each("serialization", invalid=True)
def test_invalid_value(vector: dict[str, Any]) -> None:
    wire = vector["wire"]
    with pytest.raises(InvalidMessage):
        loads(body_of(vector), wire.get("content_type"), wire.get("content_encoding"), accept=ACCEPT)


def told(error: InvalidMessage, vector: dict[str, Any]) -> None:
    """A worker that has to store a failure for it needs the id of the task."""
    assert error.reason
    if vector.get("reaction", {}).get("store") == "FAILURE":
        assert error.task_id


@each("serializers", kind="envelope")
def test_item_of_other_serializers(vector: dict[str, Any]) -> None:
    envelope = Envelope.parse(body_of(vector))
    equal(envelope.to_neutral(accept=ALL), vector["message"])
    assert Envelope.from_neutral(vector["message"]).build() == envelope.build()
    with pytest.raises(InvalidMessage, match="is not accepted"):
        envelope.to_neutral()


@each("serializers", kind="result")
def test_result_of_other_serializers(vector: dict[str, Any]) -> None:
    document = (body_of(vector), vector["wire"]["content_type"], vector["wire"]["content_encoding"])
    equal(Result.parse(*document, accept=ALL).to_neutral(), vector["message"])
    with pytest.raises(InvalidMessage, match="is not accepted"):
        Result.parse(*document)


@each("serializers", kind="task")
def test_task_of_other_serializers(vector: dict[str, Any]) -> None:
    wire = wire_of(vector)
    equal(Message.parse(wire, accept=ALL).to_neutral(), vector["message"])
    written = Message.from_neutral(vector["message"]).build()
    assert (written.content_type, written.content_encoding) == (wire.content_type, wire.content_encoding)
    assert plain_body(written) == plain_body(wire)
    with pytest.raises(InvalidMessage, match="is not accepted"):
        Message.parse(wire)


@each("control")
def test_control(vector: dict[str, Any]) -> None:
    round_trip(ControlRequest if vector["kind"] == "control" else ControlReply, vector)


@each("events")
def test_event(vector: dict[str, Any]) -> None:
    round_trip(EventMessage, vector)
    held = EventMessage.parse(framed_wire(vector))
    assert vector["message"]["routing_key"] == held.routing_key


@each("control", invalid=True)
def test_invalid_control(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        (ControlRequest if vector["kind"] == "control" else ControlReply).parse(wire_of(vector))


@each("events", invalid=True)
def test_invalid_event(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        EventMessage.parse(wire_of(vector))


@each("canvas")
def test_canvas(vector: dict[str, Any]) -> None:
    assert len(vector["wire"]["messages"]) == len(vector["message"]["messages"])
    for wire, expected in zip(vector["wire"]["messages"], vector["message"]["messages"], strict=True):
        if "item" in wire:
            equal(Envelope.parse(body_of({"wire": wire})).to_neutral(), expected)
            assert Envelope.from_neutral(expected).build() == Envelope.parse(body_of({"wire": wire})).build()
        else:
            equal(Message.parse(wire_of({"wire": wire})).to_neutral(), expected)
            assert body_value(Message.from_neutral(expected).build()) == body_value(wire_of({"wire": wire}))


@each("stored")
def test_stored(vector: dict[str, Any]) -> None:
    wire = vector["wire"]
    document, compression = read_document(body_of(vector), wire["content_type"], wire["content_encoding"])
    equal(to_tagged(document), vector["message"])
    written = write_document(document, compression=compression)
    assert (written.body, written.content_type) == (body_of(vector), wire["content_type"])


@each("security")
def test_signed(vector: dict[str, Any]) -> None:
    signed = Signed.parse(wire_of(vector))
    equal(signed.to_neutral(), vector["message"])
    signed.verify(vector["wire"]["certificate"].encode(), now=SIGNED_NOW)


@each("security", invalid=True)
def test_invalid_signed(vector: dict[str, Any]) -> None:
    def verified() -> Signed:
        signed = Signed.parse(wire_of(vector))
        signed.verify(vector["wire"]["certificate"].encode(), now=SIGNED_NOW)
        return signed

    if vector["id"] in RIGHTLY_SIGNED:
        signed = verified()
        with pytest.raises(InvalidMessage):
            signed.value()
    else:
        with pytest.raises(InvalidMessage):
            verified()


def round_trip(kind: Any, vector: dict[str, Any]) -> None:
    """Hold a message of an exchange against its vector, without its address."""
    wire = framed_wire(vector)
    flat = {name: value for name, value in vector["message"].items() if name not in ADDRESS}
    equal(kind.parse(wire).to_neutral(), flat)
    written = kind.from_neutral(flat).build()
    assert canonical(written.headers) == canonical(wire.headers)
    assert canonical(written.properties) == canonical(wire.properties)
    assert (written.content_type, written.content_encoding) == (wire.content_type, wire.content_encoding)
    assert body_value(written) == body_value(wire)
    if is_captured(vector) and kind is not EventMessage:
        assert kind.parse(wire).build().body == wire.body


def framed_wire(vector: dict[str, Any]) -> Wire:
    """The message of a control or event vector, out of its envelope if it has one."""
    return Envelope.parse(body_of(vector)).wire if "item" in vector["wire"] else wire_of(vector)


def plain_body(wire: Wire) -> bytes:
    compression = wire.headers.get("compression")
    return wire.body if compression is None else decompress(wire.body, compression)
