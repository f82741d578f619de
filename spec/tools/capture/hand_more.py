# ruff: noqa: E501  (tables: one case a line)
"""Malformed requests, replies, events and signed bodies, written by hand."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

from .decoders import SEPARATOR
from .hand_task import ORIGIN
from .tags import b64
from .vectors import VECTORS, Vector

INVALID = {"error": "InvalidMessage"}
TYPE = {"content_type": "application/json", "content_encoding": "utf-8"}
OID, TICKET = "f11e0312-a192-3d54-af03-e4b543d5978a", "c456ebd7-865c-4f26-9513-99eedb53ca48"
NODE = "w1@host.example"

PING: dict[str, Any] = {"method": "ping", "arguments": {}, "destination": None, "pattern": None, "matcher": None}
ASKED = {"ticket": TICKET, "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": OID}}
EVENT: dict[str, Any] = {
    "type": "task-started",
    "hostname": NODE,
    "timestamp": 1795253094.25,
    "utcoffset": 0.0,
    "pid": 12,
    "clock": 7,
    "uuid": "order-4711",
}


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """The object without some of its keys."""
    return {key: item for key, item in value.items() if key not in names}


def wire(exchange: str, routing_key: str, headers: dict[str, Any], mode: int, body: Any) -> dict[str, Any]:
    """Wire object of a message of an exchange; a body of bytes is taken as it stands."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = {"exchange": exchange, "routing_key": routing_key}
    return {
        **address,
        **TYPE,
        "headers": headers,
        "properties": {"delivery_mode": mode, "priority": 0},
        "body": b64(raw),
    }


REQ = ("CT-REQ-002",)
REQUESTS: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("request-not-json", "a request that is not JSON", REQ, b"ping"),
    ("request-array", "a request that is an array", REQ, [PING]),
    ("request-method-missing", "a request without method", REQ, without(PING, "method")),
    ("request-method-number", "a method that is a number", REQ, {**PING, "method": 5}),
    ("request-arguments-array", "arguments that are an array, as PHP writes an empty map", REQ, {**PING, "arguments": []}),
    ("request-destination-text", "a destination that is a string: Celery looks for the node's name inside it", ("CT-REQ-002", "CT-REQ-004"), {**PING, "destination": NODE}),
    ("request-reply-to-text", "reply_to as a queue name, as in a task message", ("CT-REQ-002", "CT-REQ-003"), {**PING, **ASKED, "reply_to": OID}),
)  # fmt: skip
RPL = ("CT-RPL-001",)
REPLIES: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("reply-array", "a reply that is an array", RPL, [{"ok": "pong"}]),
    ("reply-empty", "a reply of no node", RPL, {}),
    ("reply-two-nodes", "a reply of two nodes", RPL, {NODE: {"ok": "pong"}, "w2@host.example": {"ok": "pong"}}),
)  # fmt: skip
EVERY = ("EV-FORM-002",)
EVENTS: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("not-json", "an event that is not JSON", EVERY, b"task-started"),
    ("text", "an event that is a string", EVERY, "task-started"),
    ("type-missing", "an event without type", EVERY, without(EVENT, "type")),
    ("type-number", "a type that is a number", EVERY, {**EVENT, "type": 1}),
    ("hostname-missing", "an event of nobody", EVERY, without(EVENT, "hostname")),
    ("timestamp-text", "a time as text", EVERY, {**EVENT, "timestamp": "2026-01-02T03:04:05Z"}),
    ("array-with-text", "one of several events is none", ("EV-FORM-005", "EV-FORM-002"), [EVENT, "task-succeeded"]),
    ("uuid-missing", "a task event that names no task", ("EV-TASK-001",), without(EVENT, "uuid")),
)  # fmt: skip
SIGNED: tuple[tuple[str, str, tuple[str, ...], bytes], ...] = (
    ("unsigned", "a plain body under the content type of signed ones", ("SEC-SIGN-001", "SEC-SIGN-004"), b"[[2, 3], {}, {}]"),
    ("four-parts", "a part is missing", ("SEC-SIGN-001",), b64(b"\x00\x01".join((b64(b"shop.example 4711").encode(), b"application/json", b"utf-8", b"[[2, 3], {}, {}]"))).encode()),
)  # fmt: skip


def altered(place: int, change: Callable[[bytes], bytes]) -> bytes:
    """The captured signed body with one of its five parts changed."""
    parts = b64decode(b64decode(captured_signed()["body"])).split(SEPARATOR, 4)
    parts[place] = change(parts[place])
    return b64(SEPARATOR.join(parts)).encode()


def captured_signed() -> dict[str, Any]:
    """Wire object of the message that Celery signed."""
    vector = json.loads((VECTORS / "security" / "signed.json").read_text(encoding="utf-8"))
    return dict(vector["wire"])


def other_signature(part: bytes) -> bytes:
    """The signature with its last bit turned over."""
    raw = b64decode(part)
    return b64(raw[:-1] + bytes([raw[-1] ^ 1])).encode()


#: The captured message, changed on its way: as well formed as before.
ALTERED: tuple[tuple[str, str, tuple[str, ...], bytes], ...] = (
    ("body-altered", "a signed body with another argument than the one that was signed", ("SEC-SIGN-002",), altered(4, lambda part: part.replace(b"[2, 3]", b"[2, 9]"))),
    ("signature-altered", "a signature of which one bit is different", ("SEC-SIGN-002",), altered(1, other_signature)),
    ("signer-unknown", "a signer to whom no known certificate belongs", ("SEC-SIGN-006",), altered(0, lambda _: b64(b"elsewhere.example 4712").encode())),
)  # fmt: skip


def requests() -> Iterator[Vector]:
    """Malformed remote control."""
    for name, about, ids, body in REQUESTS:
        asked = wire("celery.pidbox", "", {"clock": 1, "expires": 0}, 2, body)
        yield Vector(f"control/invalid/{name}", "control", about, ids, ORIGIN, asked, INVALID)
    for name, about, ids, body in REPLIES:
        told = wire("reply.celery.pidbox", OID, {"ticket": TICKET, "clock": 2}, 1, body)
        yield Vector(f"control/invalid/{name}", "reply", about, ids, ORIGIN, told, INVALID)


def events() -> Iterator[Vector]:
    """Malformed events."""
    for name, about, ids, body in EVENTS:
        told = wire("celeryev", "task.multi", {"hostname": NODE}, 1, body)
        yield Vector(f"events/invalid/{name}", "event", about, ids, ORIGIN, told, INVALID)


def signed() -> Iterator[Vector]:
    """Bodies that cannot be signed ones, and those that were changed after they were signed."""
    for name, about, ids, body in SIGNED:
        told: dict[str, Any] = {"content_type": "application/data", "content_encoding": "utf-8", "body": b64(body)}
        told |= {"headers": {}, "properties": {}, "certificate": None}
        yield Vector(f"security/invalid/{name}", "signed", about, ids, ORIGIN, told, INVALID)
    for name, about, ids, body in ALTERED:
        told = {**captured_signed(), "body": b64(body)}
        yield Vector(f"security/invalid/{name}", "signed", about, ids, ORIGIN, told, INVALID)


SOURCES = (requests, events, signed)
