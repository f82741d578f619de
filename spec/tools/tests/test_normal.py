# ruff: noqa: E501  (tables: one case a line)
"""What a new capture may differ in, and that it may differ in nothing else."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import SPEC

from capture import normal, vectors, verdicts
from capture.tags import b64
from capture.vectors import Vector

Document = dict[str, Any]
ID = "00000000-0000-4000-8000-000000000000"
OTHER = "11111111-1111-4111-8111-111111111111"


def load(name: str) -> Document:
    loaded: Document = json.loads((SPEC / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def body(change: Callable[[bytes], bytes], key: str = "body") -> Callable[[Document], None]:
    """Change the bytes of a body or an item."""

    def apply(wire: Document) -> None:
        wire[key] = b64(change(base64.b64decode(wire[key])))

    return apply


def inner(change: Callable[[bytes], bytes]) -> Callable[[Document], None]:
    """Change the body inside an envelope."""

    def apply(item: bytes) -> bytes:
        envelope = json.loads(item)
        return json.dumps({**envelope, "body": b64(change(base64.b64decode(envelope["body"])))}).encode()

    return body(apply, "item")


def swap(old: bytes, new: bytes, raw: bytes) -> bytes:
    return raw.replace(old, new)


def everywhere(name: str, *changes: tuple[str, str]) -> Document:
    """The wire of a vector with texts replaced, also inside its bytes."""
    wire: Document = load(name)["wire"]
    for old, new in changes:
        wire = json.loads(json.dumps(wire).replace(old, new))
        if "body" in wire:
            body(partial(swap, old.encode(), new.encode()))(wire)
    return wire


FREE: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("task-v2/plain", ((load("task-v2/plain")["wire"]["headers"]["id"], ID),)),
    ("task-v2/plain", (('"gen', '"gen9'),)),
    ("task-v2/chain-of-3", ((load("task-v2/chain-of-3")["wire"]["properties"]["reply_to"], ID),)),
    ("result/redis-success", (("+00:00", "1+00:00"),)),
    ("result/redis-failure", (("line 4", "line 5"),)),
    ("events/worker-heartbeat", (('"pid": ', '"pid": 9'), ('"clock": ', '"clock": 9'), ('"timestamp": ', '"timestamp": 9'))),
    ("control/ping-request", (('"expires": ', '"expires": 9'),)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "changes"), FREE)
def test_ids_times_and_processes_are_free(name: str, changes: tuple[tuple[str, str], ...]) -> None:
    vector, wire = load(name), everywhere(name, *changes)
    assert wire != vector["wire"], "nothing was changed"
    assert normal.difference(vector, {**vector, "wire": wire}) is None


def header(wire: Document) -> None:
    wire["headers"]["retries"] = 1


def order_of_headers(wire: Document) -> None:
    wire["headers"] = dict(reversed(wire["headers"].items()))


def another_id(wire: Document) -> None:
    wire["properties"]["correlation_id"] = OTHER


def first(wire: Document) -> Document:
    message: Document = wire["messages"][0]
    return message


BOUND: tuple[tuple[str, str, Callable[[Document], None], str], ...] = (
    ("header", "task-v2/plain", header, "wire"),
    ("order of headers", "task-v2/plain", order_of_headers, "wire"),
    ("ids that were one", "task-v2/plain", another_id, "wire"),
    ("white space", "task-v2/plain", body(lambda raw: raw.replace(b", ", b",")), "body"),
    ("compressed", "task-v2/compression-zlib", body(lambda raw: zlib.compress(b"[]")), "body"),
    ("MessagePack", "serializers/msgpack-plain", body(lambda raw: raw.replace(b"\x02", b"\x04")), "body"),
    ("white space of an envelope", "redis/plain", body(lambda raw: raw.replace(b", ", b","), "item"), "item"),
    ("body of an envelope", "redis/plain", inner(lambda raw: raw.replace(b"2", b"4")), "item body"),
    ("body in a canvas", "canvas/chord", lambda wire: body(lambda raw: raw + b" ")(first(wire)), "messages 0 body"),
    ("command", "canvas/chord", lambda wire: wire["commands"].pop(), "wire"),
    ("declaration", "topology/worker", lambda wire: wire["methods"].pop(), "methods"),
    ("stored bytes", "stored/result-compressed", body(lambda raw: raw[:38] + zlib.compress(b"{}")), "body"),
    ("signed part", "security/signed", lambda wire: wire.update(body=b64(b64(b"\0\1".join([b64(b"me").encode(), b"s", b"t", b"e", b"[]"])).encode())), "body"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "change", "part"), [pytest.param(*row[1:], id=row[0]) for row in BOUND])
def test_nothing_else_is_free(name: str, change: Callable[[Document], None], part: str) -> None:
    vector, other = load(name), load(name)
    change(other["wire"])
    found = normal.difference(vector, other)
    assert found is not None
    assert found.startswith(f"  {part}, at character ")


def test_the_first_difference_is_shown_from_both_sides() -> None:
    vector, other = load("task-v2/plain"), load("task-v2/plain")
    header(other["wire"])
    lines = (normal.difference(vector, other) or "").splitlines()
    assert len(lines) == 3
    assert '"retries": 0, "timelimit"' in lines[1]
    assert '"retries": 1, "timelimit"' in lines[2]


def test_every_stored_vector_has_a_form() -> None:
    forms = [normal.form(json.loads(path.read_text(encoding="utf-8"))) for path in vectors.VECTORS.rglob("*.json")]
    assert len(forms) > 600
    assert all(any(form.values()) for form in forms)


def made(name: str, **change: Any) -> Vector:
    """What a run would capture: the stored vector, or something else."""
    old = {**load(name), **change}
    return vectors.captured(old["id"], old["kind"], old["about"], old["requirements"], old["provenance"], old["wire"])


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Check two stored vectors, as if Celery had sent what the test says."""
    monkeypatch.setattr(vectors, "VECTORS", tmp_path)
    for name in ("task-v2/plain", "redis/plain"):
        vectors.store(made(name))

    def run(*captured: Vector) -> int:
        return verdicts.checked(captured, verdicts.made_by("5.7.0", by_hand=True), "5.7.0")

    return run


def test_a_run_that_makes_everything_anew_is_good(few: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert few(made("task-v2/plain"), made("redis/plain")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "    1 same         redis",
        "    1 same         task-v2",
        "Celery 5.7.0: 2 of 2 vectors are what is stored",
    ]


def test_a_run_that_differs_is_not(few: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    wire = load("task-v2/plain")["wire"]
    header(wire)
    assert few(made("task-v2/plain", wire=wire), made("task-v2/kwargs")) == 1
    told = capsys.readouterr().out
    for line in ("task-v2/plain: different", "task-v2/kwargs: not stored", "redis/plain: not captured"):
        assert line in told
    assert told.endswith("0 of 3 vectors are what is stored\n")
    assert not (vectors.VECTORS / "task-v2/kwargs.json").exists()


def test_a_run_of_another_version_makes_what_is_of_that_version() -> None:
    assert verdicts.made_by("5.3.6", by_hand=False) < verdicts.made_by("5.3.6", by_hand=True)
    assert all("celery-5-3-" in name for name in verdicts.made_by("5.3.6", by_hand=False))


def test_labels_count(few: Callable[..., int]) -> None:
    assert few(made("task-v2/plain", about="something else"), made("redis/plain")) == 1
