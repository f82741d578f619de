"""Canvas, remote control, events and signed bodies: their decoders, their listeners, and what the gate finds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import SPEC, Copy
from jsonschema import Draft202012Validator

from capture import decoders
from capture.neutral import Malformed
from check import schemas, vectors
from check.problems import Spec


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SPEC / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def body(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def changed(name: str, value: Any) -> dict[str, Any]:
    """The wire of a vector with another body."""
    wire: dict[str, Any] = {**load(name)["wire"], "body": body(value)}
    return wire


def test_both_transports_say_the_same() -> None:
    amqp = decoders.control(load("control/revoke-request")["wire"])
    redis = decoders.control(load("control/redis-revoke-request")["wire"])
    for name in ("exchange", "routing_key", "method", "arguments", "destination", "pattern", "matcher", "content_type"):
        assert amqp[name] == redis[name]
    assert redis["channel"] == "/0.celery.pidbox"
    assert "channel" not in amqp


def test_a_request_keeps_what_the_list_does_not_name() -> None:
    message = decoders.control(changed("control/ping-request", {"method": "ping", "loudly": True}))
    assert message["extra"] == {"body": {"loudly": True}}
    assert "destination" not in message


def test_a_reply_has_one_node() -> None:
    message = decoders.reply(changed("control/ping-reply", {"w9": None}))
    assert (message["node"], message["reply"]) == ("w9", None)
    wrong: tuple[Any, ...] = ({}, {"w1": 1, "w2": 2}, [], "w1")
    for value in wrong:
        with pytest.raises(Malformed):
            decoders.reply(changed("control/ping-reply", value))


def test_events_stay_what_they_are() -> None:
    one = {"type": "task-started", "hostname": "w1", "timestamp": 1.5, "uuid": "u"}
    assert decoders.event_message(changed("events/task-succeeded", one))["events"] == one
    assert decoders.event_message(changed("events/task-succeeded", [one]))["events"] == [one]


@pytest.mark.parametrize("value", [None, 1, "task-started", {}, {"type": 1}, [1], [{"type": "task-started"}, "x"]])
def test_what_is_no_event_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        decoders.event_message(changed("events/task-succeeded", value))


def test_a_signed_body_may_hold_the_separator() -> None:
    inner = json.dumps("a\x00\x01b", ensure_ascii=False).replace("\\u0000\\u0001", "\x00\x01").encode()
    parts = (base64.b64encode(b"me 1"), base64.b64encode(b"s"), b"text/plain", b"utf-8", inner)
    packed = base64.b64encode(base64.b64encode(decoders.SEPARATOR.join(parts))).decode()
    with pytest.raises(json.JSONDecodeError, match="control character"):  # five parts, the last one whole
        decoders.signed({"body": packed})


def test_the_signature_holds() -> None:
    crypto = pytest.importorskip("cryptography", reason="SKIPPED signature: needs the package cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    assert crypto.__version__
    wire = load("security/signed")["wire"]
    key: Any = x509.load_pem_x509_certificate(wire["certificate"].encode()).public_key()
    parts = base64.b64decode(base64.b64decode(wire["body"])).split(decoders.SEPARATOR, 4)
    pad = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)
    key.verify(base64.b64decode(parts[1]), parts[4], pad, hashes.SHA256())


def test_canvas_keeps_order_and_commands() -> None:
    vector = load("canvas/redis-chord")
    message = decoders.canvas(vector["wire"])
    assert [one["group_index"] for one in message["messages"]] == [0, 1]
    assert [command[0] for command in message["commands"]] == ["DEL", "SET"]


Plant = Callable[[Any], Any]
FAULTS: tuple[tuple[str, str, Plant, str], ...] = (
    ("reply of another kind", "control/ping-reply", lambda v: v.update(kind="event"), "for 'control' or 'reply'"),
    ("edited request", "control/ping-request", lambda v: v["message"].update(method="pong"), "not what its bytes say"),
    ("edited command", "canvas/chord", lambda v: v["wire"]["commands"].pop(), "not what its bytes say"),
    ("edited event", "events/task-sent", lambda v: v["message"]["events"].update(pid=0), "not what its bytes say"),
    (
        "not malformed",
        "control/invalid/request-method-missing",
        lambda v: v["wire"].update(body=body({"method": "ping"})),
        "neither its decoder nor a schema",
    ),
)


@pytest.mark.parametrize(("name", "change", "message"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS])
def test_fault_is_found(copy: Copy, name: str, change: Plant, message: str) -> None:
    copy.edit(f"vectors/{name}.json", change)
    found = [problem for problem in vectors.check(copy.spec) if message in problem.message]
    assert found, [str(problem) for problem in vectors.check(copy.spec)]
    assert found[0].file == f"vectors/{name}.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return schemas.validator(schemas.load(Spec(SPEC)), "vector.schema.json")


WRONG: tuple[tuple[str, Plant], ...] = (
    ("control/ping-request", lambda m: m.update(destination="w1")),
    ("control/ping-request", lambda m: m.update(matcher="regex")),
    ("control/ping-request", lambda m: m["reply_to"].pop("exchange")),
    ("control/ping-reply", lambda m: m.pop("node")),
    ("events/task-succeeded", lambda m: m.update(events=[])),
    ("events/task-sent", lambda m: m["events"].pop("uuid")),
    ("events/worker-online", lambda m: m["events"].update(timestamp="now")),
    ("canvas/chord", lambda m: m["messages"][0].update(retries=None)),
    ("security/signed", lambda m: m.pop("signer")),
)


@pytest.mark.parametrize(("name", "change"), WRONG)
def test_schema_refuses(validator: Draft202012Validator, name: str, change: Plant) -> None:
    vector = load(name)
    assert validator.is_valid(vector)
    change(vector["message"])
    assert not validator.is_valid(vector)
