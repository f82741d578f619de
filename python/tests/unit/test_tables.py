"""What is encoded and decoded quickly is what py-amqp makes of it, byte for byte."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from amqp import Message as Theirs
from amqp.serialization import decode_properties_basic
from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import Message, Wire
from celeriac.transport.amqp_tables import decoded, encoded

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=300) | st.floats(allow_nan=False)
odd = st.sampled_from([b"bytes", Decimal("1.10"), NOW, "\ud800", 2**31, -(2**31)])
values = st.recursive(
    scalars | odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
NUMBERED: Any = {5: 1}
names = st.none() | st.text(max_size=260)
wires = st.builds(
    Wire,
    body=st.just(b""),
    content_type=names,
    content_encoding=names,
    headers=st.dictionaries(st.text(max_size=20), values, max_size=5),
    properties=st.fixed_dictionaries(
        {},
        optional={
            "delivery_mode": st.none() | st.integers(0, 300),
            "priority": st.none() | st.integers(0, 255) | st.booleans(),
            "correlation_id": names,
            "reply_to": names,
            "expiration": names,
            "message_id": names,
            "app_id": names,
        },
    ),
)


def by_py_amqp(wire: Wire) -> bytes:
    properties = {"content_type": wire.content_type, "content_encoding": wire.content_encoding, **wire.properties}
    given = {name: value for name, value in properties.items() if value is not None}
    found: bytes = Theirs(b"", application_headers=dict(wire.headers), **given)._serialize_properties()
    return found


@example(Wire(b"", None, None, {"a": ["text", ("text",)]}, {}))
@example(Wire(b"", None, None, NUMBERED, {}))
@example(Wire(b"", None, None, {}, {"priority": 256}))
@example(Wire(b"", None, None, {}, {"delivery_mode": True}))
@example(Wire(b"", None, None, {}, {"reply_to": "x" * 256}))
@given(wires)
def test_what_is_encoded_quickly_is_what_py_amqp_encodes(wire: Wire) -> None:
    quick = encoded(wire)
    if quick is not None:
        assert quick == by_py_amqp(wire)


@given(wires)
def test_what_is_decoded_quickly_is_what_py_amqp_decodes(wire: Wire) -> None:
    try:
        data = by_py_amqp(wire)
    except Exception:
        return
    agree(data)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\x20\x00\x00\x00\x00" + rest))
@example(b"\x20\x00\x00\x00\x00\x03\x01aV")
@example(b"\x20\x00\x00\x00\x00\x02\x01aV")
@example(b"\x20\x00\x00\x00\x00\x09\x01aA\x00\x00\x00\x01t\x01")
@example(b"\x80\x00\x05text")
@example(b"\x80\x00\x04text")
def test_of_any_bytes_both_make_the_same_or_the_quick_one_nothing(data: bytes) -> None:
    agree(data)


def agree(data: bytes) -> None:
    quick = decoded(data)
    if quick is not None:
        theirs, _ = decode_properties_basic(data, 0)
        assert repr(quick) == repr(theirs)


@pytest.mark.parametrize("options", [{}, {"eta": NOW, "priority": 3, "expires": NOW}, {"time_limit": 3, "shadow": "x"}])
def test_task_messages_are_quick(options: dict[str, Any]) -> None:
    message = Message.create(task="shop.add", id="task-1", args=(2, "x"), origin="gen1@h", reply_to="oid", **options)
    wire = message.build()
    quick = encoded(wire)
    assert quick is not None
    found = decoded(quick)
    assert found is not None
    assert found["application_headers"] == wire.headers


def test_what_is_nested_without_end_is_left_to_py_amqp() -> None:
    deep: list[Any] = []
    array = b""
    for _ in range(3_000):
        deep = [deep]
        array = b"A" + len(array).to_bytes(4, "big") + array
    assert encoded(Wire(b"", None, None, {"deep": deep}, {})) is None
    table = b"\x01a" + array
    assert decoded(b"\x20\x00" + len(table).to_bytes(4, "big") + table) is None
