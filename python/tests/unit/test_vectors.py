"""Every vector of the specification: decoded to its neutral form, written back as it was, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from celeriac import JSON, MSGPACK, Envelope, InvalidMessage, Message, Result, dumps, loads
from celeriac.message_v1 import MessageV1
from celeriac.tagged import from_tagged, to_tagged

from .spec_data import body_of, body_value, canonical, is_captured, vectors, wire_of

ACCEPT = frozenset({JSON, MSGPACK})
SERIALIZERS = {JSON: "json", MSGPACK: "msgpack"}


def each(folder: str, *, invalid: bool = False) -> pytest.MarkDecorator:
    found = vectors(folder, invalid=invalid)
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
