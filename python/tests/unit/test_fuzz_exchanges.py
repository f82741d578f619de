"""Whatever the bytes: control, events, stored documents, signed bodies and YAML raise InvalidMessage or nothing."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import JSON, YAML, InvalidMessage, Limits, Wire, loads
from celeriac.control import CONTROL_FIELDS, REPLY_FIELDS, ControlReply, ControlRequest
from celeriac.events import EVENT_FIELDS, Event, EventMessage
from celeriac.signed import SIGNED, Signed
from celeriac.stored import read_document

from .spec_data import body_of, vectors
from .strategies import JUNK
from .test_fuzz import mutated

SMALL = Limits(body_bytes=100_000, depth=20)
KINDS: dict[str, type[ControlRequest] | type[ControlReply] | type[EventMessage]] = {
    "control": ControlRequest,
    "reply": ControlReply,
    "event": EventMessage,
}
NAMES = st.sampled_from([row.name for row in (*CONTROL_FIELDS, *REPLY_FIELDS, *EVENT_FIELDS)])
TYPES = st.sampled_from(
    ["task-sent", "task-received", "task-failed", "task-revoked", "worker-online", "x", "task-", ""]
)
DOCUMENTS = st.dictionaries(NAMES | st.text(max_size=4), JUNK, max_size=8)
TABLES = st.dictionaries(NAMES, JUNK | st.binary(max_size=4), max_size=4)


def samples(folder: str) -> list[bytes]:
    return [body_of(vector) for invalid in (False, True) for vector in vectors(folder, invalid=invalid)]


BODIES = [body for folder in ("control", "events") for body in samples(folder)]
YAMLS = [body_of(vector) for vector in vectors("serializers", invalid=False) if "yaml" in vector["id"]]


def parse(kind: str, body: bytes, headers: dict[str, Any], properties: dict[str, Any]) -> None:
    """Parse, allowing the one error; everything that a node or monitor asks what was parsed for has to work."""
    try:
        message = KINDS[kind].parse(Wire(body, JSON, "utf-8", headers, properties), limits=SMALL)
    except InvalidMessage as error:
        assert error.reason
        return
    assert KINDS[kind].parse(message.build()).to_neutral() == message.to_neutral()
    if isinstance(message, EventMessage):
        assert all(one.order for one in message.events)
    if isinstance(message, ControlRequest):
        message.is_expired(0.0)
        with contextlib.suppress(InvalidMessage):
            message.is_for("w1@host")
        with contextlib.suppress(InvalidMessage):
            assert message.reply_address is None or len(message.reply_address) == 2


@pytest.mark.parametrize("kind", KINDS)
@given(body=mutated(BODIES) | st.binary(max_size=50), headers=TABLES, properties=TABLES)
def test_any_bytes(kind: str, body: bytes, headers: dict[str, Any], properties: dict[str, Any]) -> None:
    parse(kind, body, headers, properties)


@pytest.mark.parametrize("kind", KINDS)
@given(document=DOCUMENTS | JUNK, headers=TABLES)
@example(document={"method": "ping", "pattern": "(", "matcher": "pcre"}, headers={})
@example(document={"method": "ping", "pattern": "a" * 300, "matcher": "pcre"}, headers={})
@example(document={"method": "ping", "pattern": "w*", "matcher": "sql"}, headers={})
@example(document={"method": "ping", "destination": [["w1"], 5, None]}, headers={"expires": 10**400})
@example(document={"method": "ping", "reply_to": {"exchange": 5}}, headers={})
def test_any_document(kind: str, document: Any, headers: dict[str, Any]) -> None:
    parse(kind, json.dumps(document).encode(), headers, {})


@given(document=DOCUMENTS, kind=TYPES)
@example(document={"hostname": "h", "timestamp": 1e999}, kind="task-started")
def test_any_event(document: dict[str, Any], kind: str) -> None:
    try:
        event = Event.parse({**document, "type": kind})
    except InvalidMessage as error:
        assert error.reason
        return
    assert event.build() == {**document, "type": kind}


@given(mutated(samples("security")) | st.binary(max_size=100), st.sampled_from([SIGNED, JSON, None]))
def test_any_signed(body: bytes, content_type: str | None) -> None:
    try:
        signed = Signed.parse(Wire(body, content_type, "utf-8", {}, {}), limits=SMALL)
        signed.value(limits=SMALL)
    except InvalidMessage as error:
        assert error.reason


@given(mutated([body_of(vector) for vector in vectors("stored", invalid=False)]) | st.binary(max_size=50))
def test_any_stored(body: bytes) -> None:
    try:
        read_document(body, limits=SMALL)
    except InvalidMessage as error:
        assert error.reason


@given(mutated(YAMLS) | st.binary(max_size=100) | st.text(max_size=50).map(str.encode))
@example(b"[" * 5000)
@example(b"- " * 5000)
@example(b"&a [*a]")
@example(b"{[]: 1}")
@example(b"2026-13-01")
@example(b"!!binary x")
def test_any_yaml(body: bytes) -> None:
    try:
        loads(body, YAML, "utf-8", accept=frozenset({YAML}), limits=SMALL)
    except InvalidMessage as error:
        assert error.reason
