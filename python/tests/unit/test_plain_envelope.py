"""The short way of a plain list item leads where the long one does, and so do drafts of what is frozen."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import Envelope, InvalidMessage, Limits, Message
from celeriac.drafts import maker
from celeriac.envelope import _parse, _plain
from celeriac.serialization import DEFAULT_LIMITS

from .test_envelope import document
from .test_message import create

ABSENT = object()
PLACES = [
    *[(name,) for name in ("body", "content-encoding", "content-type", "headers", "properties", "odd")],
    *[("properties", name) for name in ("delivery_info", "delivery_tag", "body_encoding", "priority", "odd")],
    *[("properties", "delivery_info", name) for name in ("exchange", "routing_key", "redelivered")],
]
VALUES = [
    ABSENT,
    None,
    True,
    5,
    1.5,
    "",
    "x",
    "base64",
    "utf-8",
    "YQ==",
    "Y\nQ==",
    "Y Q==",
    "YQ",
    [],
    ["x"],
    {},
    {"x": 1},
]
EDITS = st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(VALUES)), max_size=3)


def edited(edits: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    item: dict[str, Any] = document()
    for (*outer, name), value in edits:
        place: Any = item
        for key in outer:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict) and value is ABSENT:
            place.pop(name, None)
        elif isinstance(place, dict):
            place[name] = copy.copy(value)
    return item


def check(item: dict[str, Any], limits: Limits = DEFAULT_LIMITS) -> Envelope | None:
    """What the short way answers, which is what the long one does, or nothing."""
    short = _plain(Envelope, copy.deepcopy(item), limits)
    try:
        long = _parse(Envelope, copy.deepcopy(item), item["headers"], limits) if "headers" in item else None
    except InvalidMessage:
        long = None
    if short is not None:
        assert (short, short.absent) == (long, None if long is None else long.absent)
    if long is not None and isinstance(item["headers"], dict) and limits is DEFAULT_LIMITS:
        assert Envelope.parse(json.dumps(item).encode()) == long
    return short


def test_what_is_plain_goes_the_short_way() -> None:
    assert check(document()) is not None


def test_both_ways_agree_about_one_oddity() -> None:
    for edit in itertools.product(PLACES, VALUES):
        check(edited([edit]))


@given(EDITS, st.sampled_from([DEFAULT_LIMITS, Limits(body_bytes=3)]))
def test_both_ways_agree_about_several(edits: list[tuple[tuple[str, ...], Any]], limits: Limits) -> None:
    check(edited(edits), limits)


@given(st.sets(st.sampled_from([item.name for item in dataclasses.fields(Message)])))
def test_a_draft_becomes_what_it_is_a_draft_of(left_out: set[str]) -> None:
    whole = {item.name: getattr(create(), item.name) for item in dataclasses.fields(Message)}
    values = {name: value for name, value in whole.items() if name not in left_out - {"task", "id", "args", "kwargs"}}
    made = maker(Message)(values)
    assert type(made) is Message and made == Message(**values) and made.absent == Message(**values).absent
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.task = "other"  # type: ignore[misc]
