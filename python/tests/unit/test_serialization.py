"""Values to bodies and back: types, tags, refusals, limits."""

from __future__ import annotations

import enum
import json
import math
import uuid
from collections import namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgpack
import pytest

from celeriac import JSON, MSGPACK, InvalidCall, InvalidMessage, Limits, dumps, loads

BOTH = frozenset({JSON, MSGPACK})
TYPED = [
    datetime(2026, 1, 2, 3, 4, 5),
    datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    date(2026, 1, 2),
    time(3, 4, 5),
    time(3, 4, 5, 678_000, tzinfo=timezone.utc),
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    Decimal("1.10"),
    Decimal("1E+3"),
    b"text",
    b"",
    b"\xff\xfe",
]


class Colour(str, enum.Enum):
    RED = "red"


class Plain(enum.Enum):
    RED = "red"


class Reducible:
    def __json__(self) -> Any:
        return {"at": date(2026, 1, 2)}


Point = namedtuple("Point", "x y")


def read(text: str | bytes, **options: Any) -> Any:
    body = text.encode() if isinstance(text, str) else text
    return loads(body, options.pop("content_type", JSON), options.pop("content_encoding", "utf-8"), **options)


def nested(depth: int) -> Any:
    """Give the number 1 in so many lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", TYPED, ids=repr)
def test_typed_values(value: Any) -> None:
    again = read(dumps([value, {"x": value}]).body)
    assert again == [value, {"x": value}]
    assert type(again[0]) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "a", None, True], '[1, "a", null, true]'),
        ((1, 2), "[1, 2]"),
        (Point(1, 2), "[1, 2]"),
        ({1: "a", None: "b", False: "c", 1.5: "d"}, '{"1": "a", "null": "b", "false": "c", "1.5": "d"}'),
        ("Grüße 🐇 \ud83d", '"Gr\\u00fc\\u00dfe \\ud83d\\udc07 \\ud83d"'),
        ([1.0, -0.0, 1e16, 10**30], "[1.0, -0.0, 1e+16, " + str(10**30) + "]"),
        ([math.inf, -math.inf], "[Infinity, -Infinity]"),
        (Colour.RED, '"red"'),
        (Reducible(), '{"at": {"__type__": "date", "__value__": "2026-01-02"}}'),
    ],
)
def test_written_as_celery_writes(value: Any, text: str) -> None:
    encoded = dumps(value)
    assert encoded.body.decode() == text
    assert (encoded.content_type, encoded.content_encoding) == ("application/json", "utf-8")


def test_nan_and_large_integers_are_read() -> None:
    assert math.isnan(read("[NaN]")[0])
    assert read("[Infinity, -Infinity, 1e400]") == [math.inf, -math.inf, math.inf]
    assert read(str(10**1000)) == 10**1000


def test_an_extra_key_disarms_a_tag() -> None:
    text = '{"__type__": "money", "__value__": 5, "x": 1}'
    assert read(text) == json.loads(text)
    assert read('{"__type__": "datetime"}') == {"__type__": "datetime"}


def test_escaped_tags_are_tags() -> None:
    assert read('{"\\u005f_type__": "date", "__v\\u0061lue__": "2026-01-02"}') == date(2026, 1, 2)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, {"x": {1, 2}}], "value[1]['x']: set is not JSON; pass a list"),
        ({"a": timedelta(1)}, "value['a']: timedelta is not JSON; pass its total_seconds()"),
        ([object()], "value[0]: object is not JSON; pass its data as text, number, list or dict"),
        (bytearray(b"x"), "value: bytearray is not JSON; pass bytes"),
        (Plain.RED, "value: Plain is not JSON; pass its data"),
        ({(1, 2): 3}, "value: key (1, 2) is a tuple; keys are text"),
        ([{"__type__": "x", "__value__": 1}], "value[0]: an object of exactly the keys __type__ and __value__"),
        ([10**20_000], "value[0]: the integer has about 20001 digits, more than readers take; pass it as text"),
        ([(item for item in [1])], "value[0]: generator is not JSON; pass a list"),
        ([Reducible], "value[0]: type is not JSON"),
    ],
)
def test_what_cannot_be_written_is_named(value: Any, reason: str) -> None:
    with pytest.raises(InvalidCall) as caught:
        dumps(value)
    assert str(caught.value).startswith(reason)


def test_the_parts_of_a_body_are_named() -> None:
    with pytest.raises(InvalidCall, match=r"^args\[1\]\['x'\]: set is not JSON"):
        dumps([[1, {"x": set()}], {}, {}], name=("args", "kwargs", "embed"))
    with pytest.raises(InvalidCall, match=r"^kwargs\['n'\]: set is not JSON"):
        dumps([[], {"n": set()}, {}], name=("args", "kwargs", "embed"))


def test_circular_values_end() -> None:
    value: list[Any] = []
    value.append({"again": value})
    for serializer in ("json", "msgpack"):
        with pytest.raises(InvalidCall, match=r"value\[0\]\['again'\]: contains itself; pass a value without cycles"):
            dumps(value, serializer)


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_depth_on_writing(serializer: str) -> None:
    content_type = {"json": JSON, "msgpack": MSGPACK}[serializer]
    assert loads(dumps(nested(500), serializer).body, content_type, "utf-8", accept=BOTH) == nested(500)
    for depth in (501, 5000, 200_000):
        with pytest.raises(InvalidCall, match="nested deeper than 500 levels; pass a flatter value"):
            dumps(nested(depth), serializer)


@pytest.mark.parametrize("depth", [501, 5_000, 200_000])
@pytest.mark.parametrize("pair", ["[]", '{"a":,}'])
def test_depth_on_reading(depth: int, pair: str) -> None:
    opening, closing = (pair[0], pair[1]) if pair == "[]" else ('{"a":', "}")
    with pytest.raises(InvalidMessage, match="nested deeper than 500 levels"):
        read(opening * depth + "1" + closing * depth)
    with pytest.raises(InvalidMessage, match="nested deeper than 500 levels"):
        read(opening * depth)


def test_depth_limit_can_be_changed() -> None:
    assert read("[[1]]", limits=Limits(depth=2)) == [[1]]
    with pytest.raises(InvalidMessage, match="deeper than 1 levels"):
        read("[[1]]", limits=Limits(depth=1))
    with pytest.raises(InvalidMessage, match="nested too deep for this receiver"):
        read("[" * 200_000 + "]" * 200_000, limits=Limits(depth=10**6))


def test_depth_of_msgpack_on_reading() -> None:
    body = b"\x91" * 600 + b"\x01"
    with pytest.raises(InvalidMessage, match="nested deeper than 500 levels"):
        read(body, content_type=MSGPACK, accept=BOTH)
    with pytest.raises(InvalidMessage, match="not MessagePack"):
        read(b"\x91" * 200_000 + b"\x01", content_type=MSGPACK, accept=BOTH)


def test_size_limit() -> None:
    assert read('"aa"', limits=Limits(body_bytes=4)) == "aa"
    with pytest.raises(InvalidMessage, match="the body has 5 bytes, more than the 4 accepted"):
        read('"aaa"', limits=Limits(body_bytes=4))


@pytest.mark.parametrize(
    "content_type",
    [None, "", "json", "APPLICATION/JSON", "application/json; charset=utf-8", MSGPACK, "application/x-yaml"],
)
def test_content_types_are_compared_exactly(content_type: str | None) -> None:
    with pytest.raises(InvalidMessage, match="is not accepted; send application/json") as caught:
        read("[]", content_type=content_type)
    assert caught.value.field == "content_type"


def test_pickle_is_not_read_even_on_request() -> None:
    pickle = "application/x-python-serialize"
    with pytest.raises(InvalidMessage, match="is not accepted"):
        read(b"\x80\x04N.", content_type=pickle, accept=frozenset({JSON, pickle}))


@pytest.mark.parametrize("encoding", [None, "utf-8", "UTF-8", "utf8", "us-ascii", "binary"])
def test_json_is_utf_8(encoding: str | None) -> None:
    assert read('["é"]', content_encoding=encoding) == ["é"]
    for broken in (b'["\xe9"]', b'\xef\xbb\xbf["x"]', '["é"]'.encode("utf-16")):
        with pytest.raises(InvalidMessage):
            read(broken, content_encoding=encoding)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "klingon", "rot13", "unicode_escape", "", "\0", "os.path"])
def test_under_another_charset_only_ascii_is_read(encoding: str) -> None:
    assert read('["x"]', content_encoding=encoding) == ["x"]
    for body in ('["é"]'.encode("latin-1"), '["é"]'.encode(), '["é"]'.encode("utf-16")):
        with pytest.raises(InvalidMessage, match="is not accepted; send utf-8") as caught:
            read(body, content_encoding=encoding)
        assert caught.value.field == "content_encoding"


def test_msgpack_round_trip() -> None:
    value = {"a": [1, -1, 2**64 - 1, 1.5, None, True, "é", b"\xff"]}
    encoded = dumps(value, "msgpack")
    assert (encoded.content_type, encoded.content_encoding) == (MSGPACK, "binary")
    assert loads(encoded.body, MSGPACK, "binary", accept=BOTH) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([2**64], "the integer has 65 bits, MessagePack holds 64; use json"),
        ([datetime(2026, 1, 2)], r"value\[0\]: datetime is not MessagePack; pass its isoformat\(\)"),
        ("\ud800", "cannot be written"),
    ],
)
def test_msgpack_refusals(value: Any, reason: str) -> None:
    with pytest.raises(InvalidCall, match=reason):
        dumps(value, "msgpack")


def test_msgpack_extensions() -> None:
    with pytest.raises(InvalidMessage, match="extension type 5 is not accepted"):
        read(msgpack.packb(msgpack.ExtType(5, b"x")), content_type=MSGPACK, accept=BOTH)
    moment = datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert read(msgpack.packb(moment, datetime=True), content_type=MSGPACK, accept=BOTH) == moment


def test_unknown_serializer() -> None:
    for name in ("pickle", "auth", None, ["json"]):
        with pytest.raises(InvalidCall, match="is unknown; use one of json, msgpack"):
            dumps([], name)  # type: ignore[arg-type]
