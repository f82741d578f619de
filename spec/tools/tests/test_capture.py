"""The part of the capture that needs no Celery: tags, the neutral form, and how vectors are kept."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import SPEC

from capture import neutral, tags, vectors
from capture.hand import hand_written

PAIRS: tuple[tuple[Any, Any, Any], ...] = (
    # Python value, JSON on the wire, tagged
    (1, 1, 1),
    (True, True, True),
    (None, None, None),
    (0.5, 0.5, 0.5),
    (1.0, 1.0, {"$float": "1.0"}),
    (-0.0, -0.0, {"$float": "-0.0"}),
    (1e16, 1e16, {"$float": "1e+16"}),
    (math.inf, math.inf, {"$float": "Infinity"}),
    (-math.inf, -math.inf, {"$float": "-Infinity"}),
    (math.nan, math.nan, {"$float": "NaN"}),
    (2**53 - 1, 2**53 - 1, 2**53 - 1),
    (2**53, 2**53, {"$int": "9007199254740992"}),
    (-(2**64), -(2**64), {"$int": "-18446744073709551616"}),
    ("text", "text", "text"),
    ((1, [2]), [1, [2]], [1, [2]]),
    ({1: "a", None: "b"}, {"1": "a", "null": "b"}, {"1": "a", "null": "b"}),
    (b"abc", {"__type__": "bytes", "__value__": "abc"}, {"$bytes": "YWJj"}),
    (b"\xff\x00", {"__type__": "base64", "__value__": "/wA="}, {"$bytes": "/wA="}),
    (dt.date(2026, 1, 2), {"__type__": "date", "__value__": "2026-01-02"}, {"$date": "2026-01-02"}),
    (dt.time(3, 4), {"__type__": "time", "__value__": "03:04:00"}, {"$time": "03:04:00"}),
    (
        dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc),
        {"__type__": "datetime", "__value__": "2026-01-02T00:00:00+00:00"},
        {"$datetime": "2026-01-02T00:00:00+00:00"},
    ),
    (Decimal("1.10"), {"__type__": "decimal", "__value__": "1.10"}, {"$decimal": "1.10"}),
    (
        uuid.UUID(int=1),
        {"__type__": "uuid", "__value__": {"hex": "0" * 31 + "1"}},
        {"$uuid": "00000000-0000-0000-0000-000000000001"},
    ),
    ({"$bytes": "x"}, {"$bytes": "x"}, {"$object": {"$bytes": "x"}}),
    ({"$a": 1, "$b": 2}, {"$a": 1, "$b": 2}, {"$a": 1, "$b": 2}),
    ({"__type__": "date"}, {"__type__": "date"}, {"__type__": "date"}),
)


@pytest.mark.parametrize(("value", "wire", "tagged"), PAIRS)
def test_both_roads_lead_to_one_form(value: Any, wire: Any, tagged: Any) -> None:
    assert repr(tags.from_python(value)) == repr(tagged)
    assert repr(tags.from_wire(wire)) == repr(tagged)


def test_an_unknown_tag_is_an_error() -> None:
    with pytest.raises(tags.UnknownTag, match="money"):
        tags.from_wire({"__type__": "money", "__value__": "1 EUR"})


def test_a_value_without_tag_is_an_error() -> None:
    with pytest.raises(TypeError, match="set"):
        tags.from_python({1})


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SPEC / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def test_unknown_headers_go_to_extra() -> None:
    wire = load("task-v2/plain")["wire"]
    wire["headers"]["tenant"] = "acme"
    assert neutral.task(wire)["extra"] == {"headers": {"tenant": "acme"}}


def test_absent_stays_absent() -> None:
    wire = load("task-v2/plain")["wire"]
    del wire["headers"]["eta"]
    assert "eta" not in neutral.task(wire)


def test_a_body_of_two_is_refused() -> None:
    with pytest.raises(neutral.Malformed):
        neutral.task(load("task-v2/invalid/body-of-two")["wire"])


@pytest.mark.parametrize("name", ["msgpack-types", "yaml-types"])
def test_other_serializers_have_types_of_their_own(name: str) -> None:
    vector = load(f"serializers/{name}")
    assert neutral.task(vector["wire"])["args"] == vector["message"]["args"]


def test_yaml_that_names_a_class_is_refused() -> None:
    with pytest.raises(Exception, match="could not determine a constructor"):
        neutral.yaml_value(b"!!python/object/apply:os.getcwd []")


def test_a_compressed_result_is_read_like_any_other() -> None:
    wire = load("stored/result-compressed")["wire"]
    assert neutral.stored(wire)["status"] == "SUCCESS"


def test_declarations_do_not_depend_on_the_order_of_threads() -> None:
    vector = load("topology/worker")
    methods = list(reversed(vector["wire"]["methods"]))
    assert neutral.topology({"methods": methods})["bindings"] == vector["message"]["bindings"]


def test_hand_written_vectors_are_stored_as_they_are_made() -> None:
    stored = {vector.id: load(vector.id) for vector in hand_written()}
    assert stored == {vector.id: json.loads(vectors.text_of(vector.document())) for vector in hand_written()}


def test_every_hand_written_file_comes_from_the_tool() -> None:
    paths = (SPEC / "vectors").rglob("*.json")
    names = [path.relative_to(SPEC / "vectors").with_suffix("").as_posix() for path in paths]
    by_hand = {name for name in names if load(name)["provenance"]["source"] == "hand"}
    assert by_hand == {vector.id for vector in hand_written()}


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> vectors.Vector:
    """A vector that is stored in a folder of the test's own."""
    monkeypatch.setattr(vectors, "VECTORS", tmp_path)
    stored = load("task-v2/plain")
    vector = vectors.captured(
        stored["id"], "task", stored["about"], stored["requirements"], stored["provenance"], stored["wire"]
    )
    assert vectors.store(vector) == "new"
    return vector


def again(vector: vectors.Vector, **change: Any) -> vectors.Vector:
    values = {key: getattr(vector, key) for key in ("id", "kind", "about", "provenance", "wire")} | change
    ids = change.pop("requirements", vector.requirements)
    values.pop("requirements", None)
    return vectors.captured(values["id"], values["kind"], values["about"], ids, values["provenance"], values["wire"])


def test_other_ids_and_times_are_the_same_message(plain: vectors.Vector) -> None:
    text = json.dumps(plain.wire).replace(plain.wire["headers"]["id"], "00000000-0000-4000-8000-000000000000")
    assert vectors.store(again(plain, wire=json.loads(text))) == "same"


def test_a_different_message_is_reported_and_not_stored(plain: vectors.Vector) -> None:
    before = (vectors.VECTORS / "task-v2/plain.json").read_bytes()
    headers = {**plain.wire["headers"], "retries": 1}
    changed = again(plain, wire={**plain.wire, "headers": headers})
    assert vectors.store(changed) == "different"
    assert (vectors.VECTORS / "task-v2/plain.json").read_bytes() == before
    assert vectors.store(changed, replace=True) == "new"


def test_labels_follow_and_bytes_stay(plain: vectors.Vector) -> None:
    assert vectors.store(again(plain, requirements=("TM-HDR-001",))) == "relabelled"
    stored = json.loads((vectors.VECTORS / "task-v2/plain.json").read_text(encoding="utf-8"))
    assert stored["requirements"] == ["TM-HDR-001"]
    assert stored["wire"] == json.loads(json.dumps(plain.wire))


def test_a_call_that_was_not_kept_is_a_mismatch(plain: vectors.Vector) -> None:
    with pytest.raises(vectors.Mismatch, match="timelimit"):
        vectors.check(plain, {"timelimit": [30, 20]})
