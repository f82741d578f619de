"""YAML: plain types alone, both ways; what hides in tags and aliases is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from celeriac import YAML, InvalidCall, InvalidMessage, Limits, Message, dumps, loads, schemaless
from celeriac.tagged import to_tagged

ONLY = frozenset({YAML})


def read(text: str, limits: Limits = Limits()) -> Any:  # noqa: B008  # a frozen value
    return loads(text.encode(), YAML, "utf-8", accept=ONLY, limits=limits)


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, 1.0, True, None, "Grüße 🐇", "yes", "1", "", b"\xff\x00"],
        {"a": {"b": []}, "c": {}},
        [date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), datetime(2026, 1, 2, 3, 4, 5)],
        2**70,
    ],
)
def test_round_trip(value: Any) -> None:
    encoded = dumps(value, "yaml")
    assert (encoded.content_type, encoded.content_encoding) == (YAML, "utf-8")
    assert to_tagged(loads(encoded.body, YAML, "utf-8", accept=ONLY)) == to_tagged(value)


def test_what_is_there_twice_is_written_twice() -> None:
    twice = [1]
    assert dumps([twice, twice], "yaml").body == b"- - 1\n- - 1\n"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([{1}], r"value\[0\]: set is not YAML; pass a list"),
        ([time(1)], "time is not YAML; pass its isoformat"),
        (UUID(int=1), "UUID is not YAML"),
        (Decimal(1), "Decimal is not YAML"),
        (object(), "object is not YAML"),
    ],
)
def test_refused_values(value: Any, reason: str) -> None:
    with pytest.raises(InvalidCall, match=reason):
        dumps(value, "yaml")


def test_circles_are_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidCall, match="contains itself|nested deeper"):
        dumps(circle, "yaml")


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [touch /tmp/x]",
        "!!python/name:os.system ''",
        "!!set {a: null}",
        "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "!money 5",
        "&a [*a]",
        "- 1\n--- \n- 2",
        "[",
        "2026-13-45",
    ],
)
def test_refused_documents(text: str) -> None:
    with pytest.raises(InvalidMessage, match="not YAML of plain types"):
        read(text)


def test_aliases_are_read() -> None:
    assert read("- &a [1]\n- *a") == [[1], [1]]


def test_aliases_cannot_explode() -> None:
    laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        laughs += f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    with pytest.raises(InvalidMessage, match="more than 1000000 parts"):
        read(laughs)


def test_depth() -> None:
    limits = Limits(depth=3)
    assert read("[[[1]]]", limits) == [[[1]]]
    for deep in ("[[[[1]]]]", "[[[[]]]]", "[" * 600 + "]" * 600):
        with pytest.raises(InvalidMessage, match="deeper|nested"):
            read(deep, limits)


@pytest.fixture
def without_yaml(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    schemaless._yaml.cache_clear()
    monkeypatch.setitem(sys.modules, "yaml", None)
    yield
    schemaless._yaml.cache_clear()


@pytest.mark.usefixtures("without_yaml")
def test_without_the_extra() -> None:
    with pytest.raises(InvalidCall, match=r"pip install celeriac\[yaml\]"):
        dumps([], "yaml")
    with pytest.raises(InvalidMessage, match=r"pip install celeriac\[yaml\]"):
        read("[]")


def test_a_message_in_yaml() -> None:
    message = Message.create(task="t", id="i", args=[b"\xff", date(2026, 1, 2)], origin="o", content_type=YAML)
    wire = message.build()
    assert wire.content_type == YAML
    assert Message.parse(wire, accept=ONLY).args == [b"\xff", date(2026, 1, 2)]
