"""Depth counted on text, without recursion and in linear time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.limits import is_deeper, json_depth, value_depth

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}\\"a,:'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}\\"a'), inner, max_size=3),
)


@given(VALUES, st.booleans())
def test_depth_of_text_is_that_of_the_value(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    depth = value_depth(value, 1000)
    assert json_depth(text) == depth
    assert is_deeper(text, depth - 1)
    assert not is_deeper(text, depth)


@given(st.binary())
def test_any_bytes(text: bytes) -> None:
    assert json_depth(text) >= 0


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b"[", b"[]", b'"[\\"]"', b"]["])
def test_hostile_text_takes_linear_time(unit: bytes) -> None:
    text = unit * (4_000_000 // len(unit))
    started = time.perf_counter()
    json_depth(text)
    assert time.perf_counter() - started < 20


def test_value_depth_stops_at_the_limit() -> None:
    value: list[Any] = []
    value.append(value)
    assert value_depth(value, 500) == 501
    assert value_depth("text", 500) == 0
