"""The neutral form keeps every type apart and comes back as it was."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given

from celeriac import InvalidCall
from celeriac.tagged import from_tagged, to_tagged

from .strategies import VALUES
from .test_serialization import TYPED, nested


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (2**53 - 1, 2**53 - 1),
        (2**53, {"$int": "9007199254740992"}),
        (-(10**30), {"$int": str(-(10**30))}),
        (1.5, 1.5),
        (1.0, {"$float": "1.0"}),
        (-0.0, {"$float": "-0.0"}),
        (1e16, {"$float": "1e+16"}),
        (math.nan, {"$float": "NaN"}),
        (-math.inf, {"$float": "-Infinity"}),
        (True, True),
        (b"\xff", {"$bytes": "/w=="}),
        ({"$x": 1}, {"$object": {"$x": 1}}),
        ({"$x": 1, "y": 2.0}, {"$x": 1, "y": {"$float": "2.0"}}),
        ((1, 2), [1, 2]),
    ],
)
def test_forms(value: Any, form: Any) -> None:
    assert to_tagged(value) == form
    assert type(to_tagged(value)) is type(form)
    assert to_tagged(from_tagged(form)) == form


@pytest.mark.parametrize("value", TYPED, ids=repr)
def test_typed(value: Any) -> None:
    assert from_tagged(json.loads(json.dumps(to_tagged([value])))) == [value]


@given(VALUES)
def test_round_trip(value: Any) -> None:
    form = json.loads(json.dumps(to_tagged(value)))
    assert to_tagged(from_tagged(form)) == form


def test_deepest_value() -> None:
    assert from_tagged(to_tagged(nested(500))) == nested(500)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"$money": "5"}, "tag '\\$money' is unknown"),
        ({"$int": "x"}, r"\$int cannot hold 'x'"),
        ({"$int": 5}, r"\$int cannot hold 5: expected text"),
        ({"$decimal": "ten"}, r"\$decimal cannot hold 'ten'"),
        ({"$bytes": "*"}, r"\$bytes cannot hold"),
        ({"$uuid": "x"}, r"\$uuid cannot hold"),
        ({"$object": 5}, r"\$object holds 5; it holds an object"),
    ],
)
def test_refused_forms(form: Any, reason: str) -> None:
    with pytest.raises(InvalidCall, match=reason):
        from_tagged([form])


def test_refused_values() -> None:
    with pytest.raises(InvalidCall, match="set has no neutral form"):
        to_tagged([{1}])
