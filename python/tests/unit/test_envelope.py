"""The Redis list item, and the lists of a queue."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from celeriac import Envelope, InvalidCall, InvalidMessage, Limits, Wire
from celeriac.envelope import list_for, lists_for

from .test_message import BODY, ID, create

KEYS = ["body", "content-encoding", "content-type", "headers", "properties"]


def envelope(**changes: Any) -> Envelope:
    wire = create(reply_to="me", priority=3).build()
    tag = "6e0c2c5e-6a44-4d0e-8ad7-5b9a5f0f2f7d"
    values = {"wire": wire, "delivery_tag": tag, "body_encoding": "base64", "exchange": "", "routing_key": "q"}
    return Envelope(**{**values, **changes})


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(envelope().build()), **changes}


def parse(value: Any, **options: Any) -> Envelope:
    return Envelope.parse(json.dumps(value).encode(), **options)


def test_members_in_celerys_order() -> None:
    item = document()
    assert list(item) == KEYS
    assert list(item["properties"]) == [
        "correlation_id",
        "reply_to",
        "delivery_mode",
        "delivery_info",
        "priority",
        "body_encoding",
        "delivery_tag",
    ]
    assert item["properties"]["delivery_info"] == {"exchange": "", "routing_key": "q"}
    assert base64.b64decode(item["body"]) == BODY


def test_round_trip() -> None:
    assert Envelope.parse(envelope().build()) == envelope()


def test_what_is_not_named_is_kept() -> None:
    item = document(restored=True)
    item["properties"]["delivery_info"]["redelivered"] = True
    item["properties"]["app_id"] = "x"
    parsed = parse(item)
    assert parsed.extra == {"item": {"restored": True}, "delivery_info": {"redelivered": True}}
    assert parsed.wire.properties["app_id"] == "x"
    assert json.loads(parsed.build()) == item


def test_body_as_text() -> None:
    for encoding in (None, "utf-8"):
        item = document(body=BODY.decode())
        item["properties"]["body_encoding"] = encoding
        assert parse(item).wire.body == BODY
        assert json.loads(parse(item).build())["body"] == BODY.decode()
    item = document(body=BODY.decode())
    del item["properties"]["body_encoding"]
    assert json.loads(parse(item).build()) == item


def test_base64_with_line_breaks() -> None:
    assert parse(document(body=base64.encodebytes(BODY).decode())).wire.body == BODY


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"body": None}, "body"),
        ({"body": False}, "body"),
        ({"body": "-_-_"}, "body"),
        ({"body": "abc"}, "body"),
        ({"headers": []}, "headers"),
        ({"headers": None}, "headers"),
        ({"properties": None}, "properties"),
        ({"properties": {"delivery_tag": "t"}}, "delivery_info"),
        ({"properties": {"delivery_tag": "t", "delivery_info": {"exchange": ""}}}, "routing_key"),
        ({"properties": {"delivery_tag": "", "delivery_info": {"exchange": "", "routing_key": "q"}}}, "delivery_tag"),
        ({"content-type": 5}, "content-type"),
    ],
)
def test_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse(document(**changes))
    assert caught.value.field == field
    assert caught.value.task_id == (None if "headers" in changes else ID)


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_items_that_are_no_object(value: Any) -> None:
    with pytest.raises(InvalidMessage, match="the item is"):
        parse(value)


def test_limits() -> None:
    limits = Limits(body_bytes=2000)
    for size in (2000, 2001, 5000):
        item = document(headers={}, body=base64.b64encode(b" " * size).decode())
        if size == 2000:
            assert len(parse(item, limits=limits).wire.body) == size
            continue
        with pytest.raises(InvalidMessage, match="the body has .* bytes, more than the .* accepted"):
            parse(item, limits=limits)


def test_extra_is_in_the_neutral_form() -> None:
    item = document(restored=True)
    item["properties"]["app_id"] = "x"
    neutral = parse(item).to_neutral()
    assert neutral["extra"] == {"properties": {"app_id": "x"}, "item": {"restored": True}}
    assert json.loads(Envelope.from_neutral(neutral).build()) == item


def test_what_cannot_be_built() -> None:
    binary = Wire(b"\xff", "application/json", "utf-8", {}, {})
    with pytest.raises(InvalidCall, match="not UTF-8 text; use body_encoding base64"):
        envelope(wire=binary, body_encoding=None).build()
    with pytest.raises(InvalidCall, match="body_encoding is 'base85'; use base64"):
        envelope(body_encoding="base85").build()
    with pytest.raises(InvalidCall, match="delivery_tag is ''; it is text, not empty"):
        envelope(delivery_tag="").build()
    with pytest.raises(InvalidCall, match=r"envelope\['headers'\]\['x'\]: set is not JSON"):
        envelope(wire=Wire(b"", None, None, {"x": set()}, {})).build()


def test_neutral_form_refuses_strangers() -> None:
    with pytest.raises(InvalidCall, match="delivery_tag, exchange, routing_key missing"):
        Envelope.from_neutral({"task": "t"})


@pytest.mark.parametrize(
    ("priority", "name"),
    [(None, "q"), (-1, "q"), (0, "q"), (2, "q"), (3, "q\x06\x163"), (5, "q\x06\x163"), (6, "q\x06\x166")]
    + [(8, "q\x06\x166"), (9, "q\x06\x169"), (255, "q\x06\x169")],
)
def test_list_for(priority: int | None, name: str) -> None:
    assert list_for("q", priority) == name
    assert name in lists_for("q")
