"""Comparison that does not take one value for another."""

from __future__ import annotations

import math
from typing import Any

import pytest

from celeriac_conformance.values import ABSENT, BadTag, canonical, first_difference, look_up, shown

SAME: list[tuple[Any, Any]] = [
    (1.0, {"$float": "1.0"}),
    ({"$float": "0.5"}, 0.5),
    (9007199254740993, {"$int": "9007199254740993"}),
    ({"$int": "5"}, 5),
    ({"$datetime": "2026-01-02T03:04:05Z"}, {"$datetime": "2026-01-02T03:04:05.000+00:00"}),
    ({"$datetime": "2026-01-02T03:04:05.5Z"}, {"$datetime": "2026-01-02T03:04:05.500000000+0000"}),
    ({"$time": "03:04:05.25"}, {"$time": "03:04:05.250000"}),
    ({"$uuid": "12345678123456781234567812345678"}, {"$uuid": "12345678-1234-5678-1234-567812345678"}),
    ({"$object": {"$bytes": 1}}, {"$object": {"$bytes": 1}}),
    (math.nan, {"$float": "NaN"}),
    ([{"a": [1.0]}], [{"a": [{"$float": "1.0"}]}]),
]
DIFFERENT: list[tuple[Any, Any]] = [
    (1, 1.0),
    (1, True),
    (0, False),
    (0.0, -0.0),
    (None, False),
    ("1", 1),
    ([], {}),
    ([1], [1, 2]),
    ({"a": None}, {}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"$decimal": "1.1"}, {"$decimal": "1.10"}),
    ({"$bytes": "YQ=="}, "a"),
    (9007199254740992, 9007199254740993),
    ({"$datetime": "2026-01-02T03:04:05+00:00"}, {"$datetime": "2026-01-02T03:04:05"}),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_spellings_of_one_value_are_the_same(left: Any, right: Any) -> None:
    assert first_difference(canonical(left), canonical(right)) is None


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different_values_are_told_apart(left: Any, right: Any) -> None:
    assert first_difference(canonical(left), canonical(right)) is not None
    assert first_difference(canonical(right), canonical(left)) is not None


@pytest.mark.parametrize(
    "value",
    [{"$colour": "red"}, {"$bytes": "###"}, {"$int": "x"}, {"$uuid": 5}, {"$datetime": "tomorrow"}, {"$object": []}],
)
def test_an_ill_formed_tag_is_an_error(value: Any) -> None:
    with pytest.raises(BadTag):
        canonical([value])


def test_the_first_difference_has_a_path() -> None:
    found = first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]})
    assert found is not None
    assert str(found) == "at a.1.b: expected 2, got 3"


def test_looking_up() -> None:
    document = {"a": [{"b": None}]}
    assert look_up(document, "a.0.b") is None
    assert look_up(document, "a.-1.b") is None
    assert look_up(document, "a.1.b") is ABSENT
    assert look_up(document, "a.b") is ABSENT
    assert look_up(document, "") == document


def test_long_values_are_cut_when_shown() -> None:
    assert len(shown("x" * 10_000)) < 400
    assert shown(ABSENT) == "absent"
