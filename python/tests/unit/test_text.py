"""Short text of any value, whatever its ``repr`` does."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from celeriac.text import ELIDED_LENGTH, elided, nearest, safe_repr, shown


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Endless:
    def __repr__(self) -> str:
        return repr([self])


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [Hostile(), [Hostile()], Endless(), nested(100_000), 10**100_000, [10**9000], b"x" * 10**7, "x" * 10**7],
    ids=["hostile", "hostile-inside", "endless", "deep", "huge-int", "huge-ints", "bytes", "text"],
)
def test_anything_is_shown_shortly(value: Any) -> None:
    started = time.perf_counter()
    assert len(shown(value)) <= 120
    assert len(elided((value,))) <= ELIDED_LENGTH
    assert time.perf_counter() - started < 10


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(), st.lists))
def test_elided_is_bounded(value: Any) -> None:
    assert len(elided([value])) <= ELIDED_LENGTH


@pytest.mark.parametrize(
    "value", [(2, 3), (), ("text", None, True, 1.5), {}, {"x": 2}, [], ("Grüße",), (2**70,), ([1, 2], {"a": "b"})]
)
def test_small_arguments_are_whole(value: Any) -> None:
    assert elided(value) == repr(value)


@pytest.mark.parametrize(
    "value", [("\0" * 100,) * 8, {"\0" * 100: "\0" * 100}, {"x" * 5000: 1}, {5: [1]}, 5, Hostile()]
)
def test_text_that_grows_is_cut_too(value: Any) -> None:
    assert len(elided(value)) <= ELIDED_LENGTH


LONG = st.text(min_size=129, max_size=520) | st.text("a'\"\\\n", min_size=129, max_size=520)


@example(["a" * 510])
@example(["a" * 511])
@example(["\\" * 255])
@example(["\\" * 256])
@given(st.lists(LONG | st.integers(-(2**70), 2**70) | st.none(), max_size=10))
def test_long_texts_are_shown_as_they_are_beside_many_others(value: list[Any]) -> None:
    """The short way of ``repr`` gives what the long one does, which more than eight arguments take."""
    with mock.patch("celeriac.text._is_small", return_value=False):
        thoroughly = elided(value)
    assert elided(value) == thoroughly


@example("\0" * 128)
@given(st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | LONG)
def test_a_plain_value_is_shown_as_the_long_way_shows_it(value: Any) -> None:
    with mock.patch("celeriac.text._is_short", return_value=False):
        thoroughly = elided(value)
    assert elided(value) == thoroughly


def test_long_arguments_are_cut() -> None:
    text = elided(("x" * 5000, "tail"))
    assert text.startswith("('xxxx")
    assert "..." in text


def test_safe_repr() -> None:
    assert safe_repr([1]) == "[1]"
    assert safe_repr(Hostile()) == "<unrepresentable Hostile>"
    assert safe_repr(Endless()) == "<unrepresentable Endless>"


def test_nearest() -> None:
    assert nearest("cuontdown", ["eta", "countdown"]) == "countdown"
    assert nearest("cuontdown", ["eta", "countdown"], likeness=1) is None
    assert nearest("x", []) is None
