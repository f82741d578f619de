"""A list item that is read by what it has in common with an earlier one is what reading all of it gives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import Envelope, InvalidMessage, Wire
from celeriac.transport.casts import MOST, Casts
from celeriac.transport.redis_casts import cast_of
from celeriac.wire import OWN

from .test_casts import BODY, HEADERS, PLAIN, PROPERTIES, parsed, wires

#: Texts as they stand in JSON, some of them wrong there.
WRITTEN = st.text(st.sampled_from('ab"\\u0d8cn/{}[]:, \x1f\n\u00e9\ud83d'), max_size=12) | st.sampled_from(
    ["\\ud83d\\ude00", "\\ud83d", "\\", '\\"', "", '", "id": "', "__type__"]
)


def item_of(wire: Wire, **changes: Any) -> bytes:
    envelope = Envelope(wire=wire, delivery_tag="t", exchange="", routing_key="q", body_encoding="base64")
    return replace(envelope, **changes).build()


def agree(casts: Casts[bytes], item: bytes) -> Wire | None:
    """What a consumer would read, which is what the long way gives; None for what it refuses."""
    short = casts.wire(item)
    try:
        envelope = Envelope.parse(item)
    except InvalidMessage:
        assert short is None
        return None
    if short is None:
        casts.learn(item, envelope.wire)
        return envelope.wire
    assert short == envelope.wire and repr(short) == repr(envelope.wire)
    assert parsed(short) == parsed(envelope.wire)
    # What the consumer would have to look for in the long way's answer.
    assert envelope.exchange == "" and "redelivered" not in short.headers
    return short


@given(st.lists(wires(), max_size=2 * MOST), st.booleans())
@example([PLAIN, PLAIN, replace(PLAIN, headers={**HEADERS, "id": ""})], False)
@example([replace(PLAIN, headers={**HEADERS, "argsrepr": ""}), PLAIN], False)
@example([replace(PLAIN, headers={**HEADERS, "stamps": {"id": "x"}})] * 2, False)
def test_what_is_alike_is_read_as_all_of_it_would_be(sent: list[Wire], compact: bool) -> None:
    casts = Casts(cast_of)
    for wire in (PLAIN, *sent, *sent):
        item = item_of(wire)
        if compact:
            item = json.dumps(json.loads(item), separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
        agree(casts, item)


@given(st.integers(0, 900), st.integers(0, 255), st.integers(0, 3))
def test_what_is_not_quite_alike_is_read_as_all_of_it_would_be(place: int, byte: int, cut: int) -> None:
    casts = Casts(cast_of)
    item = item_of(PLAIN)
    agree(casts, item)
    changed = bytearray(item)
    changed[place % len(changed)] = byte
    agree(casts, bytes(changed))
    agree(casts, bytes(changed[: len(changed) - cut]))
    agree(casts, bytes(changed + b"}" * cut))


@given(st.sampled_from(sorted({*HEADERS, *PROPERTIES} & OWN) + ["delivery_tag", "body"]), WRITTEN)
def test_whatever_stands_where_a_text_of_its_own_is(name: str, written: str) -> None:
    casts = Casts(cast_of)
    text = item_of(PLAIN).decode()
    agree(casts, text.encode())
    begin = text.index(f'"{name}": "') + len(f'"{name}": "')
    changed = text[:begin] + written + text[text.index('"', begin) :]
    agree(casts, changed.encode(errors="replace"))


@given(st.binary(max_size=80))
@example(b"")
@example(b'{"id": "')
def test_whatever_comes_first_is_read_as_ever(item: bytes) -> None:
    agree(Casts(cast_of), item)


def test_a_plain_item_leaves_a_cast_that_others_fit() -> None:
    casts = Casts(cast_of)
    headers = {**HEADERS, "id": "2", "task": "mail.read", "argsrepr": "('\\xe9', \"y\")"}
    other = replace(PLAIN, headers=headers, body=b"[[], {}, {}]")
    first, second = (agree(casts, item_of(wire, delivery_tag=f"t{wire.headers['id']}")) for wire in (PLAIN, other))
    assert first is not None and first.kind is None
    assert second is not None and second.kind is not None and second == other


def test_messages_of_a_kind_share_nothing_that_can_be_changed() -> None:
    casts = Casts(cast_of)
    agree(casts, item_of(PLAIN))
    wire = agree(casts, item_of(PLAIN))
    assert wire is not None and wire.kind is not None
    wire.headers["stamps"]["changed"] = True
    assert agree(casts, item_of(PLAIN)) == PLAIN


def twice(name: str) -> bytes:
    text = item_of(PLAIN).decode()
    return text.replace(f'"{name}": "', f'"{name}": "first", "{name}": "', 1).encode()


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(twice("id"), id="a header that stands there twice"),
        pytest.param(twice("body"), id="a body that stands there twice"),
        pytest.param(item_of(PLAIN, body_encoding=None), id="a body as text"),
        pytest.param(item_of(replace(PLAIN, headers={**HEADERS, "stamps": {"id": "x"}})), id="a stamp of that name"),
        pytest.param(item_of(replace(PLAIN, headers={**HEADERS, "redelivered": True})), id="given back"),
    ],
)
def test_no_cast_is_taken_of_what_cannot_be_followed(item: bytes) -> None:
    casts = Casts(cast_of)
    assert agree(casts, item) is not None
    assert casts.wire(item) is None


def test_an_item_for_an_exchange_is_like_none_for_a_queue() -> None:
    casts = Casts(cast_of)
    agree(casts, item_of(PLAIN))
    assert casts.wire(item_of(PLAIN, exchange="fanout")) is None
    assert casts.wire(item_of(replace(PLAIN, body=BODY))) is not None
