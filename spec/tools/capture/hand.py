# ruff: noqa: E501  (tables: one case a line)
"""Redis list items, result documents and values written by hand; with those of hand_task, all that is not captured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from . import hand_more, hand_task, neutral
from .hand_task import ABSENT, HEADERS, ID, ORIGIN, PROPERTIES, body, deep_json
from .tags import b64
from .vectors import Vector, item_wire

INVALID = {"error": "InvalidMessage"}
TAG = "6e0c2c5e-6a44-4d0e-8ad7-5b9a5f0f2f7d"


def envelope(**change: Any) -> dict[str, Any]:
    """A good envelope with some keys replaced or left out; ``properties`` and ``delivery_info`` are changed key by key."""
    info = {"exchange": "", "routing_key": "celery"} | change.pop("delivery_info", {})
    properties = {**PROPERTIES, "delivery_info": info, "body_encoding": "base64", "delivery_tag": TAG}
    properties |= change.pop("in_properties", {})
    whole: dict[str, Any] = {"body": b64(body()), "content-encoding": "utf-8", "content-type": "application/json"}
    whole |= {"headers": HEADERS, "properties": properties} | change
    return changed(whole)


def changed(value: dict[str, Any]) -> dict[str, Any]:
    """The object without the keys marked ABSENT, at any depth."""
    kept = {key: item for key, item in value.items() if item is not ABSENT}
    return {key: changed(item) if isinstance(item, dict) else item for key, item in kept.items()}


SHAPE = ("BR-REDIS-002", "BR-REDIS-012")
BODY = ("BR-REDIS-004", "BR-REDIS-012")
TAGGED = ("BR-REDIS-003", "BR-REDIS-012")
#: name, about, requirements, the item: bytes as they are, anything else as JSON
ENVELOPES: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("empty", "an empty list item", SHAPE, b""),
    ("not-json", "a list item that is not JSON", SHAPE, b"add 2 and 3"),
    ("truncated", "an envelope cut in the middle", SHAPE, json.dumps(envelope()).encode()[:-20]),
    ("invalid-utf8", "bytes that are not UTF-8", SHAPE, json.dumps(envelope()).encode().replace(b"celery", b"\xff\xfe")),
    ("list", "a bare task body in place of an envelope", SHAPE, body()),
    ("null", "JSON null", SHAPE, b"null"),
    ("text", "a JSON string", SHAPE, b'"abc"'),
    ("body-false", "body false: what PHP sends when its JSON encoder failed unnoticed", BODY, envelope(body=False)),
    ("body-object", "body an object in place of base64 text", BODY, envelope(body={"args": [2, 3]})),
    ("body-array", "body an array in place of base64 text", BODY, envelope(body=[[2, 3], {}, {}])),
    ("body-null", "body null", BODY, envelope(body=None)),
    ("body-missing", "no body", BODY, envelope(body=ABSENT)),
    ("body-bad-base64", "body_encoding says base64, the body is not", BODY, envelope(body="not base64 at all!")),
    ("body-of-two", "a good envelope around a body of two", ("TM-BODY-001", "BR-REDIS-012"), envelope(body=b64(b"[[2, 3], {}]"))),
    ("body-encoding-unknown", "a body_encoding that nobody knows", BODY, envelope(in_properties={"body_encoding": "base85"})),
    ("properties-missing", "no properties", SHAPE, envelope(properties=ABSENT)),
    ("properties-array", "properties an array", SHAPE, envelope(properties=[])),
    ("headers-array", "headers an array, as PHP writes an empty map", SHAPE, envelope(headers=[])),
    ("headers-missing", "no headers: nobody knows which task", SHAPE, envelope(headers=ABSENT)),
    ("id-missing", "no id in the headers", ("TM-HDR-002", "BR-REDIS-012"), envelope(headers={**HEADERS, "id": ABSENT})),
    ("delivery-tag-missing", "no delivery_tag", TAGGED, envelope(in_properties={"delivery_tag": ABSENT})),
    ("delivery-tag-null", "delivery_tag null", TAGGED, envelope(in_properties={"delivery_tag": None})),
    ("delivery-tag-empty", "delivery_tag an empty string", TAGGED, envelope(in_properties={"delivery_tag": ""})),
    ("delivery-info-missing", "no delivery_info", ("BR-REDIS-005", "BR-REDIS-012"), envelope(in_properties={"delivery_info": ABSENT})),
    ("routing-key-missing", "no routing_key in delivery_info", ("BR-REDIS-005", "BR-REDIS-012"), envelope(delivery_info={"routing_key": ABSENT})),
    ("content-type-missing", "no content-type", ("SER-CT-003", "BR-REDIS-012"), envelope(**{"content-type": ABSENT})),
    ("nesting-5000", "headers nested 5,000 deep", ("SER-JSON-009", "BR-REDIS-012"), json.dumps(envelope()).replace('"stamps": {}', f'"stamps": {{"x": {deep_json()}}}').encode()),
)  # fmt: skip


def document(**change: Any) -> dict[str, Any]:
    """A good result document with some keys replaced or left out."""
    good = {
        "status": "SUCCESS",
        "result": 5,
        "traceback": None,
        "children": [],
        "date_done": "2026-01-02T03:04:05.678901+00:00",
    }
    return changed({**good, "task_id": ID, **change})


def failure(**change: Any) -> dict[str, Any]:
    """A result document of a failed task whose exception is changed."""
    exception = {"exc_type": "ValueError", "exc_message": ["no stock"], "exc_module": "builtins"}
    return document(status="FAILURE", result={**exception, **change}, traceback="Traceback ...")


DOC, EXC = ("RS-DOC-001", "RS-DOC-008"), ("RS-EXC-001", "RS-DOC-008")
RESULTS: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("empty", "no bytes at all", DOC, b""),
    ("not-json", "not JSON", DOC, b"SUCCESS 5"),
    ("truncated", "JSON cut in the middle", DOC, json.dumps(document()).encode()[:-12]),
    ("invalid-utf8", "bytes that are not UTF-8", DOC, json.dumps(document(result="@")).encode().replace(b"@", b"\xff")),
    ("list", "an array in place of an object", DOC, [5]),
    ("null", "JSON null", DOC, None),
    ("task-id-missing", "no task_id", ("RS-DOC-002", "RS-DOC-008"), document(task_id=ABSENT)),
    ("task-id-null", "task_id null", ("RS-DOC-002", "RS-DOC-008"), document(task_id=None)),
    ("task-id-empty", "task_id an empty string", ("RS-DOC-002", "RS-DOC-008"), document(task_id="")),
    ("status-missing", "no status", ("RS-DOC-003", "RS-DOC-008"), document(status=ABSENT)),
    ("status-null", "status null", ("RS-DOC-003", "RS-DOC-008"), document(status=None)),
    ("status-number", "status a number", ("RS-DOC-003", "RS-DOC-008"), document(status=1)),
    ("failure-result-null", "FAILURE without an exception", EXC, document(status="FAILURE", result=None)),
    ("failure-result-text", "FAILURE with text in place of an exception", EXC, document(status="FAILURE", result="no stock")),
    ("failure-without-exc-type", "an exception without its type", EXC, failure(exc_type=ABSENT)),
    ("failure-exc-type-number", "an exception whose type is a number", EXC, failure(exc_type=5)),
    ("traceback-number", "a traceback that is a number", DOC, document(traceback=3)),
    ("children-text", "children that are no array", DOC, document(children="none")),
    ("date-done-number", "date_done a number", DOC, document(date_done=1779010200)),
    ("type-tag-unknown", "a type tag that nobody knows", ("SER-TYPE-009", "RS-DOC-008"), document(result={"__type__": "money", "__value__": "1 EUR"})),
    ("nesting-5000", "a result nested 5,000 deep", ("SER-JSON-009", "RS-DOC-008"), json.dumps(document(result="@")).replace('"@"', deep_json()).encode()),
)  # fmt: skip
OPTIONAL_RESULTS: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("unknown-status", "a status that is neither Celery's nor announced", ("RS-STATE-004",), document(status="FROBBED", result=None)),
    ("failure-message-text", "exc_message as text, as old versions stored it", ("RS-EXC-002",), failure(exc_message="no stock")),
    ("failure-without-module", "an exception without its module", ("RS-EXC-003",), failure(exc_module=ABSENT)),
    ("without-children", "a document with fewer keys", ("RS-DOC-004",), document(children=ABSENT, date_done=ABSENT, traceback=ABSENT)),
    ("date-done-naive", "date_done without an offset, as up to Celery 5.3", ("RS-DOC-009",), document(date_done="2026-01-02T03:04:05.678901")),
)  # fmt: skip


def tag(kind: str, value: Any) -> dict[str, Any]:
    """A type tag as it lies on the wire."""
    return {"__type__": kind, "__value__": value}


JSON, TYPE, CT = ("SER-JSON-001",), ("SER-TYPE-009",), ("SER-CT-003",)
VALUES: tuple[tuple[str, str, tuple[str, ...], Any, str], ...] = (
    ("empty", "no bytes at all", JSON, b"", "application/json"),
    ("truncated", "an array without its end", JSON, b"[1, 2", "application/json"),
    ("trailing-text", "text after the value", JSON, b"1 2", "application/json"),
    ("trailing-comma", "a comma before the end", JSON, b"[1, 2,]", "application/json"),
    ("single-quotes", "Python text is not JSON", JSON, b"{'x': 1}", "application/json"),
    ("invalid-utf8", "bytes that are not UTF-8", ("SER-JSON-011",), b'"\xff"', "application/json"),
    ("bom", "a byte order mark", ("SER-JSON-011",), b"\xef\xbb\xbf1", "application/json"),
    ("nesting-5000", "arrays 5,000 deep", ("SER-JSON-009",), deep_json().encode(), "application/json"),
    ("type-tag-unknown", "a type tag that nobody knows", TYPE, tag("money", "1 EUR"), "application/json"),
    ("type-tag-nested", "the same, deep inside", TYPE, [{"lines": [tag("money", "1 EUR")]}], "application/json"),
    ("type-tag-number", "a type that is no string", TYPE, tag(5, "x"), "application/json"),  # type: ignore[arg-type]
    ("datetime-garbage", "a datetime that is none", TYPE, tag("datetime", "yesterday"), "application/json"),
    ("datetime-number", "a datetime that is a number", TYPE, tag("datetime", 1779010200), "application/json"),
    ("date-garbage", "a date that is none", TYPE, tag("date", "yesterday"), "application/json"),
    ("time-garbage", "a time that is none", TYPE, tag("time", "noon"), "application/json"),
    ("uuid-text", "a UUID as text in place of its object", TYPE, tag("uuid", "12345678-1234-5678-1234-567812345678"), "application/json"),
    ("uuid-garbage", "a UUID of wrong digits", TYPE, tag("uuid", {"hex": "xyz"}), "application/json"),
    ("decimal-garbage", "a decimal that is no number", TYPE, tag("decimal", "ten"), "application/json"),
    ("base64-garbage", "base64 that is none", TYPE, tag("base64", "not base64!"), "application/json"),
    ("bytes-number", "bytes that are a number", TYPE, tag("bytes", 5), "application/json"),
    ("content-type-pickle", "pickle", ("SER-CT-004",), b"\x80\x04]\x94.", "application/x-python-serialize"),
    ("content-type-charset", "a parameter behind the content type", CT, 1, "application/json; charset=utf-8"),
    ("content-type-upper-case", "content types are compared byte for byte", CT, 1, "Application/JSON"),
)  # fmt: skip


def raw(value: Any) -> bytes:
    """Bytes as they are, anything else as JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def plain_wire(value: Any, content_type: str = "application/json") -> dict[str, str]:
    """Wire object of a result or a value."""
    return {"content_type": content_type, "content_encoding": "utf-8", "body": b64(raw(value))}


def others() -> Iterator[Vector]:
    """Everything that is not a task message."""
    for name, about, ids, item in ENVELOPES:
        yield Vector(f"redis/invalid/{name}", "envelope", about, ids, ORIGIN, item_wire(raw(item)), INVALID)
    text = envelope(body=body().decode(), in_properties={"body_encoding": ABSENT})
    wire = item_wire(raw(text))
    about = "no body_encoding: the body is the text itself"
    yield Vector(
        "redis/optional/body-text",
        "envelope",
        about,
        ("BR-REDIS-004",),
        ORIGIN,
        wire,
        {"message": neutral.envelope(wire)},
    )
    for name, about, ids, value in RESULTS:
        yield Vector(f"result/invalid/{name}", "result", about, ids, ORIGIN, plain_wire(value), INVALID)
    for name, about, ids, value in OPTIONAL_RESULTS:
        wire = plain_wire(value)
        yield Vector(f"result/optional/{name}", "result", about, ids, ORIGIN, wire, {"message": neutral.result(wire)})
    for name, about, ids, value, content_type in VALUES:
        wire = plain_wire(value, content_type)
        yield Vector(f"serialization/invalid/{name}", "value", about, ids, ORIGIN, wire, INVALID)


def hand_written() -> Iterator[Vector]:
    """All hand-written vectors."""
    for source in (*hand_task.SOURCES, others, *hand_more.SOURCES):
        yield from source()
