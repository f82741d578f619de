"""Whatever the bytes: parsers raise InvalidMessage or nothing, and what is built is read back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import JSON, MSGPACK, Envelope, InvalidMessage, Limits, Message, Result, Wire, dumps, loads
from celeriac.message import FIELDS
from celeriac.tagged import to_tagged

from .spec_data import body_of, canonical, vectors, wire_of
from .strategies import JUNK, VALUES

ACCEPT = frozenset({JSON, MSGPACK})
SMALL = Limits(body_bytes=100_000, depth=20)
TASKS = [wire_of(vector) for invalid in (False, True) for vector in vectors("task-v2", invalid=invalid)]
ITEMS = [body_of(vector) for invalid in (False, True) for vector in vectors("redis", invalid=invalid)]
RESULTS = [body_of(vector) for invalid in (False, True) for vector in vectors("result", invalid=invalid)]
BODIES = sorted({wire.body for wire in TASKS} | {body_of(v) for v in vectors("serialization", invalid=True)}, key=len)[
    :-3
]

NAMES = st.sampled_from([row.name for row in FIELDS])
HEADER_VALUES = JUNK | st.binary(max_size=8) | st.datetimes() | st.decimals()
TABLES = st.dictionaries(NAMES | st.text(max_size=8), HEADER_VALUES, max_size=6)
CONTENT_TYPES = st.sampled_from([None, "", JSON, JSON, JSON, MSGPACK, "application/x-python-serialize"])
ENCODINGS = st.sampled_from([None, "utf-8", "utf-16", "binary", "latin-1", "", "x"]) | st.text(max_size=8)
JSON_BODIES = JUNK.map(lambda value: json.dumps(value).encode())


@st.composite
def mutated(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """A valid or invalid body with a few bytes changed, cut out or put in."""
    body = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        width = draw(st.integers(0, 3))
        piece = draw(
            st.binary(max_size=3) | st.sampled_from([b"null", b"[", b"}", b'"', b"\\u0000", b"1e999", b"\xff"])
        )
        body[at : at + width] = piece
    return bytes(body)


def parse_message(wire: Wire) -> Message | None:
    """Parse, allowing the one error; everything that a worker asks a parsed message for has to work."""
    try:
        message = Message.parse(wire, accept=ACCEPT, limits=SMALL)
    except InvalidMessage as error:
        assert error.reason
        assert error.task_id is None or error.task_id
        return None
    assert message.id
    for value in (message.eta_at, message.expires_at):
        assert value is None or value.tzinfo is not None
    _ = message.hard_limit, message.soft_limit, str(message)
    return message


@given(st.binary(max_size=200) | JSON_BODIES, CONTENT_TYPES, ENCODINGS, TABLES, TABLES)
@example(b"[" * 200_000, JSON, "utf-8", {"task": "t", "id": "i"}, {})
@example(b"\xdc\xff\xff" + b"\x91" * 5000, MSGPACK, "binary", {"task": "t", "id": "i"}, {})
def test_any_message(
    body: bytes, content_type: str | None, encoding: str | None, headers: dict[str, Any], properties: dict[str, Any]
) -> None:
    parse_message(Wire(body, content_type, encoding, headers, properties))


@given(st.lists(JUNK, min_size=2, max_size=4), TABLES, TABLES)
def test_any_json_message_with_a_task(parts: list[Any], headers: dict[str, Any], properties: dict[str, Any]) -> None:
    wire = Wire(json.dumps(parts).encode(), JSON, "utf-8", {**headers, "task": "t", "id": "i"}, properties)
    parse_message(wire)


@given(st.sampled_from(TASKS), mutated(BODIES), TABLES)
def test_mutated_vectors(wire: Wire, body: bytes, headers: dict[str, Any]) -> None:
    parse_message(Wire(body, wire.content_type, wire.content_encoding, wire.headers, wire.properties))
    changed = parse_message(Wire(wire.body, wire.content_type, "utf-8", {**wire.headers, **headers}, wire.properties))
    if changed is not None:
        assert Message.parse(changed.build()).to_neutral() == changed.to_neutral()


@given(JUNK, TABLES)
def test_any_message_of_protocol_1(body: Any, headers: dict[str, Any]) -> None:
    whole = {"task": "t", "id": "i", **body} if isinstance(body, dict) else body
    headers.pop("task", None)
    message = parse_message(Wire(json.dumps(whole).encode(), JSON, "utf-8", headers, {}))
    assert message is None or message.build().headers["task"] == message.task


@given(mutated(ITEMS) | JSON_BODIES | st.binary(max_size=100))
@example(b"[" * 200_000)
def test_any_envelope(item: bytes) -> None:
    try:
        envelope = Envelope.parse(item, limits=SMALL)
    except InvalidMessage as error:
        assert error.reason
        return
    parse_message(envelope.wire)
    assert Envelope.parse(envelope.build()).build() == envelope.build()


@given(mutated(RESULTS) | JSON_BODIES | st.binary(max_size=100), CONTENT_TYPES, ENCODINGS)
@example(b"\0celery-compressed\0", JSON, "utf-8")
def test_any_result(body: bytes, content_type: str | None, encoding: str | None) -> None:
    try:
        result = Result.parse(body, content_type, encoding, accept=ACCEPT, limits=SMALL)
    except InvalidMessage as error:
        assert error.reason
        return
    _ = result.is_terminal, result.done_at
    if content_type == JSON:
        assert canonical(Result.parse(result.build().body).to_neutral()) == canonical(result.to_neutral())


@given(st.binary(max_size=100) | JSON_BODIES | mutated(BODIES), CONTENT_TYPES, ENCODINGS)
def test_any_value(body: bytes, content_type: str | None, encoding: str | None) -> None:
    try:
        loads(body, content_type, encoding, accept=ACCEPT, limits=SMALL)
    except InvalidMessage as error:
        assert error.reason


@given(VALUES)
def test_values_round_trip(value: Any) -> None:
    encoded = dumps(value)
    again = loads(encoded.body, encoded.content_type, encoded.content_encoding)
    assert canonical(again) == canonical(value)


TEXT = st.text(min_size=1, max_size=10)
GENERATED = {
    "shadow": TEXT,
    "eta": st.datetimes(),
    "expires": st.datetimes(),
    "group": TEXT,
    "group_index": st.integers(0, 10),
    "retries": st.integers(0, 10),
    "time_limit": st.integers(1, 100) | st.floats(0.1, 100),
    "soft_time_limit": st.integers(1, 100),
    "ignore_result": st.booleans() | st.none(),
    "priority": st.integers(0, 255),
    "reply_to": TEXT,
    "callbacks": st.lists(st.fixed_dictionaries({"task": TEXT, "args": st.lists(VALUES, max_size=2)}), max_size=2),
    "compression": st.sampled_from(["application/x-gzip", "application/x-bz2"]),
    "headers": st.dictionaries(TEXT.map(lambda name: f"x-{name}"), VALUES, max_size=2),
}


@given(
    st.lists(VALUES, max_size=3),
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.fixed_dictionaries({}, optional=GENERATED),
)
def test_messages_round_trip(args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> None:
    message = Message.create(task="t", id="i", args=args, kwargs=kwargs, origin="o", **options)
    assert to_tagged(message.to_neutral()) == to_tagged(Message.parse(message.build()).to_neutral())
    envelope = Envelope(wire=message.build(), delivery_tag="t", body_encoding="base64", exchange="", routing_key="q")
    again = Message.parse(Envelope.parse(envelope.build()).wire)
    assert to_tagged(again.to_neutral()) == to_tagged(message.to_neutral())
