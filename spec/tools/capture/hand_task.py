# ruff: noqa: E501  (tables: one case a line)
"""Task messages written by hand: one fault each, and the unusual forms that a reader takes all the same."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import neutral
from .tags import b64
from .vectors import Vector

ID = "2f3b6c1e-5d0a-4f7b-9c86-0d1f5e7a9b42"
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
ORIGIN = {"source": "hand"}
DEEP = 5000
ABSENT = object()

HEADERS: dict[str, Any] = {
    "lang": "py", "task": "shop.add", "id": ID, "shadow": None, "eta": None, "expires": None, "group": None,
    "group_index": None, "retries": 0, "timelimit": [None, None], "root_id": ID, "parent_id": None,
    "argsrepr": "(2, 3)", "kwargsrepr": "{}", "origin": "gen4711@host.example", "ignore_result": False,
    "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {},
}  # fmt: skip
PROPERTIES = {
    "delivery_mode": 2,
    "priority": 0,
    "correlation_id": ID,
    "reply_to": "3f0a8a59-9a0a-3e13-8f2f-2c1b9f6f1c11",
}


def deep_json(levels: int = DEEP) -> str:
    """Arrays in arrays, deeper than a reader allows."""
    return "[" * levels + "]" * levels


def body(args: Any = (2, 3), kwargs: Any = None, embed: Any = ABSENT) -> bytes:
    """A body of three, as JSON bytes."""
    return json.dumps([args, {} if kwargs is None else kwargs, EMBED if embed is ABSENT else embed]).encode()


def wire(
    raw: bytes, headers: Mapping[str, Any], content_type: str | None, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Wire object of a task message."""
    return {
        "content_type": content_type,
        "content_encoding": "utf-8",
        "headers": dict(headers),
        "properties": dict(properties),
        "body": b64(raw),
    }


def changed(change: Mapping[str, Any]) -> dict[str, Any]:
    """The good headers with some replaced, or left out (ABSENT)."""
    return {name: value for name, value in {**HEADERS, **change}.items() if value is not ABSENT}


@dataclass(frozen=True)
class Bad:
    """A task message with one fault. ``store`` is what a worker keeps as its result, when it keeps results."""

    name: str
    about: str
    requirements: tuple[str, ...]
    raw: bytes = field(default_factory=body)
    headers: Mapping[str, Any] = field(default_factory=dict)
    content_type: str | None = "application/json"
    store: str | None = "FAILURE"


POISON = "WK-POI-004"
SHAPE = ("TM-BODY-001", "TM-BODY-013", POISON)
ARGS = ("TM-BODY-002", "TM-BODY-013", POISON)
KWARGS = ("TM-BODY-003", "TM-BODY-004", "TM-BODY-013", POISON)
EMBEDDED = ("TM-BODY-005", "TM-BODY-013", POISON)
JSON, CT, COMP = ("SER-JSON-001", POISON), ("SER-CT-003", POISON), ("SER-COMP-003", POISON)
WRONG, NAME, IDENT = ("TM-HDR-009", POISON), ("TM-HDR-001", POISON), ("TM-HDR-002", "WK-POI-005")
WHEN, LIMIT = ("TM-HDR-013", "TM-HDR-030", POISON), ("TM-HDR-031", POISON)

BODIES = (
    Bad("body-empty", "no body at all", JSON, b""),
    Bad("body-not-json", "a body that is not JSON", JSON, b"add 2 and 3"),
    Bad("body-truncated", "JSON cut in the middle", JSON, body()[:-9]),
    Bad("body-trailing-text", "JSON with more text after it", JSON, body() + b" ok"),
    Bad("body-invalid-utf8", "bytes that are not UTF-8", ("SER-JSON-011", POISON), body(["@"]).replace(b"@", b"\xff\xfe")),
    Bad("body-bom", "a byte order mark before the JSON", ("SER-JSON-011", POISON), b"\xef\xbb\xbf" + body()),
    Bad("body-null", "JSON null", SHAPE, b"null"),
    Bad("body-number", "a number", SHAPE, b"42"),
    Bad("body-text", "a JSON string", SHAPE, b'"abc"'),
    Bad("body-object", "an object under protocol 2 headers", SHAPE, b'{"args": [2, 3], "kwargs": {}}'),
    Bad("body-empty-array", "an array of nothing", SHAPE, b"[]"),
    Bad("body-of-two", "args and kwargs without embed", SHAPE, b"[[2, 3], {}]"),
    Bad("body-of-four", "one element too many", SHAPE, body()[:-1] + b", null]"),
    Bad("args-null", "args null", ARGS, body(args=None)),
    Bad("args-object", "args an object", ARGS, body(args={"x": 2})),
    Bad("args-text", "args a string", ARGS, body(args="23")),
    Bad("kwargs-null", "kwargs null", KWARGS, b"[[2, 3], null, {}]"),
    Bad("kwargs-array", "kwargs an empty array, as PHP writes an empty map", KWARGS, body(kwargs=[])),
    Bad("kwargs-text", "kwargs a string", KWARGS, body(kwargs="x=2")),
    Bad("embed-text", "embed a string", EMBEDDED, body(embed="none")),
    Bad("embed-array", "embed an array with something in it", EMBEDDED, body(embed=["chain"])),
    Bad("embed-empty-array", "embed is an empty array, as PHP writes an empty map", EMBEDDED, body(embed=[])),
    Bad("callbacks-object", "callbacks not an array", ("TM-BODY-008", "TM-BODY-015", POISON), body(embed={**EMBED, "callbacks": {"task": "shop.add"}})),
    Bad("chain-text", "chain not an array", ("TM-BODY-010", "TM-BODY-015", POISON), body(embed={**EMBED, "chain": "shop.add"})),
    Bad("chord-array", "chord not an object", ("TM-BODY-011", "TM-BODY-015", POISON), body(embed={**EMBED, "chord": []})),
    Bad("nesting-5000", "arguments nested 5,000 deep", ("SER-JSON-009", POISON), f"[[{deep_json()}], {{}}, {{}}]".encode()),
    Bad("type-tag-unknown", "a type tag that nobody knows", ("SER-TYPE-009", POISON), body([{"__type__": "money", "__value__": "1 EUR"}])),
    Bad("type-tag-bad-value", "a known type tag whose value cannot be read", ("SER-TYPE-009", POISON), body([{"__type__": "datetime", "__value__": "yesterday"}])),
)  # fmt: skip

ENCODINGS = (
    Bad("content-type-missing", "no content type", CT, content_type=None),
    Bad("content-type-pickle", "pickle, which runs code of the sender's choice", ("SER-CT-004", POISON), b"\x80\x04]\x94.", content_type="application/x-python-serialize"),
    Bad("content-type-charset", "a parameter behind the content type", CT, content_type="application/json; charset=utf-8"),
    Bad("content-type-upper-case", "content types are compared byte for byte", CT, content_type="APPLICATION/JSON"),
    Bad("content-type-short", "the serializer's name in place of a content type", CT, content_type="json"),
    Bad("content-type-text", "text/plain", ("WK-RECV-002", *CT), content_type="text/plain"),
    Bad("content-type-yaml", "a serializer that nobody asked for", CT, b"[[2, 3], {}, {}]", content_type="application/x-yaml"),
    Bad("compression-unknown", "a compression that nobody knows", COMP, headers={"compression": "application/x-shrink"}),
    Bad("compression-bad-bytes", "not what the compression says", ("TM-HDR-025", *COMP), headers={"compression": "application/x-gzip"}),
    Bad("compression-real-gzip", "the gzip format under the name that stands for a zlib stream", ("SER-COMP-002", POISON), gzip.compress(body(), mtime=0), headers={"compression": "application/x-gzip"}),
    Bad("compression-truncated", "a zlib stream cut short", COMP, zlib.compress(body())[:-6], headers={"compression": "application/x-gzip"}),
    Bad("compression-then-not-json", "decompresses well, is not JSON", JSON, bz2.compress(b"add"), headers={"compression": "application/x-bz2"}),
    Bad("compression-number", "compression not a string", WRONG, headers={"compression": 1}),
)  # fmt: skip

IDENTITY = (
    Bad("headers-none", "no headers under a protocol 2 body", ("TM-HDR-001", "WK-POI-005"), headers=dict.fromkeys(HEADERS, ABSENT), store=None),
    Bad("id-missing", "no id", IDENT, headers={"id": ABSENT}, store=None),
    Bad("id-empty", "an empty id", IDENT, headers={"id": ""}, store=None),
    Bad("id-null", "id null", IDENT, headers={"id": None}, store=None),
    Bad("id-number", "id a number", IDENT, headers={"id": 5}, store=None),
    Bad("task-missing", "no task name", ("TM-V1-004", *NAME), headers={"task": ABSENT}),
    Bad("task-null", "task null", NAME, headers={"task": None}),
    Bad("task-number", "task a number", NAME, headers={"task": 7}),
    Bad("task-empty", "task an empty string", NAME, headers={"task": ""}),
)  # fmt: skip

TYPES = (
    *(Bad(f"{name}-{case}", f"{name} {about}", WHEN, headers={name: value}) for name in ("eta", "expires") for case, about, value in (
        ("empty", "an empty string where null is meant", ""),
        ("garbage", "not a date", "tomorrow at noon"),
        ("number", "a number", 1779010200),
        ("object", "an object", {"at": "2030-05-17T09:30:00+00:00"}),
    )),
    Bad("timelimit-of-one", "a time limit of one", LIMIT, headers={"timelimit": [30]}),
    Bad("timelimit-of-three", "a time limit of three", LIMIT, headers={"timelimit": [30, 20, 10]}),
    Bad("timelimit-text", "timelimit a string", LIMIT, headers={"timelimit": "30"}),
    Bad("timelimit-number", "timelimit a number", LIMIT, headers={"timelimit": 30}),
    Bad("timelimit-object", "timelimit an object", LIMIT, headers={"timelimit": {"hard": 30, "soft": 20}}),
    Bad("timelimit-of-text", "limits that are strings", LIMIT, headers={"timelimit": ["30", "20"]}),
    Bad("retries-null", "retries null", ("TM-HDR-009", "TM-HDR-016", POISON), headers={"retries": None}),
    Bad("retries-text", "retries a string", ("TM-HDR-009", "TM-HDR-016", POISON), headers={"retries": "3"}),
    Bad("retries-fraction", "retries not whole", ("TM-HDR-009", "TM-HDR-016", POISON), headers={"retries": 1.5}),
    *(Bad(f"{name.replace('_', '-')}-{case}", f"{name} {about}", WRONG, headers={name: value}) for name, case, about, value in (
        ("shadow", "number", "a number", 5),
        ("group", "number", "a number", 5),
        ("group_index", "text", "a string", "0"),
        ("root_id", "number", "a number", 5),
        ("parent_id", "array", "an array", ["p-1"]),
        ("ignore_result", "text", "the string false, which is not false", "false"),
        ("replaced_task_nesting", "text", "a string", "0"),
        ("stamped_headers", "text", "a string", "tenant"),
        ("stamps", "array", "an array", ["tenant"]),
    )),
)  # fmt: skip

INVALID = BODIES + ENCODINGS + IDENTITY + TYPES

#: name, about, requirements, headers, raw body, properties
Good = tuple[str, str, tuple[str, ...], dict[str, Any], bytes, dict[str, Any]]
MINIMAL = {"task": "shop.add", "id": ID}
VALID: tuple[Good, ...] = (
    ("minimal", "the least that is a message: task and id", ("TM-HDR-007",), MINIMAL, body(), {}),
    ("lang-js", "a producer in another language", ("TM-HDR-005", "TM-HDR-021"), changed({"lang": "js", "argsrepr": "[2, 3]", "origin": "gen12@web.example"}), body(), PROPERTIES),
    ("body-unescaped", "the same JSON without spaces and escapes", ("SER-JSON-002",), changed({"task": "shop.echo", "argsrepr": "('Grüße 🐇',)"}), '[["Grüße 🐇"],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'.encode(), PROPERTIES),
    ("eta-z", "an eta in UTC with the letter Z", ("TM-HDR-011",), changed({"eta": "2030-05-17T09:30:00Z"}), body(), PROPERTIES),
    ("timelimit-null", "no limits at all, as null", ("TM-HDR-015",), changed({"timelimit": None}), body(), PROPERTIES),
    ("parent-and-child", "a task sent from inside another: root kept, parent named", ("TM-HDR-017", "TM-HDR-018"), changed({"root_id": "r-1", "parent_id": "p-1"}), body(), PROPERTIES),
    ("optional/embed-null", "embed null: taken as an empty object", ("TM-BODY-006",), changed({}), body(embed=None), PROPERTIES),
    ("optional/embed-empty", "embed without any of its keys", ("TM-BODY-006",), changed({}), body(embed={}), PROPERTIES),
    ("optional/embed-unknown-key", "a key of embed that is not in the field list", ("TM-BODY-007",), changed({}), body(embed={**EMBED, "priority_hint": 3}), PROPERTIES),
    ("optional/embed-id", "an id inside embed, which changes nothing", ("TM-BODY-012", "TM-BODY-007"), changed({}), body(embed={**EMBED, "id": "another-id"}), PROPERTIES),
    ("optional/duplicate-keys", "the last of two equal keys wins", ("SER-JSON-007",), changed({}), b'[[], {"x": 1, "y": 3, "x": 2}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]', PROPERTIES),
    ("optional/argsrepr-not-utf8", "a text for logs that is not UTF-8, as a lone surrogate in an argument makes it", ("TM-HDR-020",), changed({"argsrepr": {"$bytes": b64(b"('\xed\xa0\xbd',)")}}), body(), PROPERTIES),
)  # fmt: skip

V1_INVALID: tuple[tuple[str, str, bytes], ...] = (
    ("task-missing", "protocol 1 without a task name", json.dumps({"id": ID, "args": [], "kwargs": {}}).encode()),
    ("id-missing", "protocol 1 without an id", b'{"task": "shop.add", "args": [], "kwargs": {}}'),
    ("kwargs-array", "protocol 1 with kwargs an array", json.dumps({"task": "shop.add", "id": ID, "args": [], "kwargs": []}).encode()),
    ("args-text", "protocol 1 with args a string", json.dumps({"task": "shop.add", "id": ID, "args": "23", "kwargs": {}}).encode()),
    ("body-null", "no headers, body null", b"null"),
)  # fmt: skip


def invalid_tasks() -> Iterator[Vector]:
    """Malformed task messages of protocols 2 and 1."""
    for bad in INVALID:
        reaction = {"error": "InvalidMessage", "reaction": {"settle": "reject", "store": bad.store}}
        sent = wire(bad.raw, changed(bad.headers), bad.content_type, PROPERTIES)
        yield Vector(f"task-v2/invalid/{bad.name}", "task", bad.about, bad.requirements, ORIGIN, sent, reaction)
    for name, about, raw in V1_INVALID:
        store = "FAILURE" if ID.encode() in raw else None
        reaction = {"error": "InvalidMessage", "reaction": {"settle": "reject", "store": store}}
        sent = wire(raw, {}, "application/json", PROPERTIES)
        yield Vector(f"task-v1/invalid/{name}", "task-v1", about, ("TM-V1-003", POISON), ORIGIN, sent, reaction)


YAML_END = b"\n- {}\n- {callbacks: null, chain: null, chord: null, errbacks: null}\n"
YAML = (
    ("yaml-own-tag", "a YAML tag of the sender's own", b"!money 1 EUR"),
    ("yaml-python-call", "a YAML tag of Python that calls a function", b"!!python/object/apply:time.time []"),
    ("yaml-python-tuple", "a YAML tag of Python for a type that does no harm", b"!!python/tuple [2, 3]"),
)


def invalid_yaml() -> Iterator[Vector]:
    """Arguments in YAML with a tag that no reader follows."""
    reaction = {"error": "InvalidMessage", "reaction": {"settle": "reject", "store": "FAILURE"}}
    headers = changed({"task": "shop.echo", "argsrepr": "(...)"})
    for name, about, value in YAML:
        sent = wire(b"- - " + value + YAML_END, headers, "application/x-yaml", PROPERTIES)
        yield Vector(f"serializers/invalid/{name}", "task", about, ("SER-YAML-002", POISON), ORIGIN, sent, reaction)


def decoded(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Neutral message of a hand-written wire; an embed of null is an empty one."""
    raw = json.loads(base64.b64decode(sent["body"]))
    plain = {**sent, "body": b64(json.dumps([*raw[:2], raw[2] or {}]).encode())}
    return neutral.task(plain)


def valid_tasks() -> Iterator[Vector]:
    """Task messages that Celery would not write like this, and that are right all the same."""
    for name, about, requirements, headers, raw, properties in VALID:
        sent = wire(raw, headers, "application/json", properties)
        yield Vector(f"task-v2/{name}", "task", about, requirements, ORIGIN, sent, {"message": decoded(sent)})


SOURCES: tuple[Callable[[], Iterator[Vector]], ...] = (invalid_tasks, invalid_yaml, valid_tasks)
