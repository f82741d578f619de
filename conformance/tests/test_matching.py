"""Every matcher with what it takes and what it must not take: a check that cannot fail proves nothing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from celeriac_conformance.matching import MATCHERS, check

NOW = datetime.now(timezone.utc)


def _in(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


#: matcher, argument, values of x that fulfil it, values that do not.
TABLE: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("equals", 1, [1], [1.0, True, "1", None]),
    ("tagged", {"$float": "1.0"}, [{"$float": "1.0"}, 1.0], [1, {"$int": "1"}]),
    ("absent", False, [None, 0, ""], []),
    ("type", "integer", [1, 0], [1.0, True, "1", None]),
    ("type", ["boolean", "null"], [True, None], [0, "x"]),
    ("matches", "a+", ["aa"], ["ab", "", None, 5]),
    ("one_of", [7, 7.0], [7, 7.0], [8, True, None]),
    ("one_of_or_absent", ["0"], ["0"], ["1", 0]),
    ("each_one_of", [1, 2], [[], [1, 2]], [[1, 3], [True]]),
    ("near", {"seconds": 10, "within": 2}, [_in(10)], [_in(14), _in(6), _in(60), _in(10)[:19], "tomorrow", None, 5]),
    ("same_as", "y", ["other"], ["x", None]),
    ("between", [1, 2], [1, 1.5, 2], [0.9, 2.1, "1", True, None]),
    ("length", [1, 2], ["a", [1, 2], {"a": 1}], ["", "abc", [], 1, None]),
    ("distinct", True, [[1, 2]], [[1, 1], [1], [], None]),
    ("keys", ["a", "b"], [{"a": 1, "b": 2}], [{"b": 2, "a": 1}, {"a": 1}, None]),
    ("contains", {"a": 1}, [{"a": 1, "b": 2}], [{"a": 1.0}, {}, None]),
    ("includes", "a", ["bab", ["a"]], ["b", [], None]),
    ("includes_at", "y", [["other"], {"other": 1}], [["x"], {}, "other", None]),
    ("ordered", ["a", "b$"], [["a", "ab"], ["x", "xax", "b"]], [["b", "a"], ["ab"], [], None]),
    ("rising", True, [[1, 2.5, 3]], [[1, 1], [2, 1], [1], ["a", "b"], None]),
    ("excludes", "a", [[], ["b"]], [["a"], "a", None]),
]


@pytest.mark.parametrize(("matcher", "argument", "right", "wrong"), TABLE)
def test_matcher(matcher: str, argument: Any, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert check(matcher, "x", argument, {"x": value, "y": "other", "called_at": NOW.timestamp()}) is None, value
    for value in wrong:
        assert check(matcher, "x", argument, {"x": value, "y": "other", "called_at": NOW.timestamp()}), value


def test_a_call_may_count_from_any_moment_until_it_is_answered() -> None:
    called = {"called_at": NOW.timestamp(), "answered_at": NOW.timestamp() + 60}
    for seconds in (10, 40, 70):
        assert check("near", "x", {"seconds": 10, "within": 2}, {"x": _in(seconds), **called}) is None, seconds
    for seconds in (6, 74):
        assert check("near", "x", {"seconds": 10, "within": 2}, {"x": _in(seconds), **called}), seconds


@pytest.mark.parametrize("matcher", sorted(set(MATCHERS) - {"absent", "one_of_or_absent", "each_one_of"}))
def test_what_is_absent_fulfils_nothing(matcher: str) -> None:
    argument = next(row[1] for row in TABLE if row[0] == matcher)
    assert check(matcher, "x", argument, {"y": "other", "called_at": NOW.timestamp()}) is not None


def test_absent() -> None:
    assert check("absent", "x", True, {}) is None
    assert check("absent", "x", True, {"x": None}) is not None
    assert check("absent", "x", False, {}) is not None


def test_every_matcher_has_a_row() -> None:
    assert {row[0] for row in TABLE} == set(MATCHERS)


def test_a_star_gathers() -> None:
    document = {"messages": [{"id": 1}, {"id": 2}]}
    assert check("equals", "messages.*.id", [1, 2], document) is None
    assert check("distinct", "messages.*.id", True, document) is None
    assert check("equals", "nowhere.*.id", [], document) is not None
