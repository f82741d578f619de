"""Vector files: build, cross-check, write once, and compare a new capture with what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .decoders import DECODERS
from .neutral import SPEC
from .normal import LABELS, difference
from .tags import b64

VECTORS = SPEC / "vectors"


class Mismatch(AssertionError):
    """A captured message is not what its call asked for, or not what the stored vector says."""


@dataclass(frozen=True)
class Vector:
    """One vector; ``id`` is its path under spec/vectors without ``.json``."""

    id: str
    kind: str
    about: str
    requirements: tuple[str, ...]
    provenance: Mapping[str, Any]
    wire: Mapping[str, Any]
    expected: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The JSON object of the file, in the order of its keys."""
        return {
            "id": self.id,
            "kind": self.kind,
            "about": self.about,
            "requirements": sorted(set(self.requirements)),
            "provenance": dict(self.provenance),
            "wire": dict(self.wire),
            **self.expected,
        }


def captured(
    vector_id: str, kind: str, about: str, ids: Iterable[str], provenance: Mapping[str, Any], wire: Mapping[str, Any]
) -> Vector:
    """A vector whose message is decoded from the wire by the independent decoder."""
    return Vector(vector_id, kind, about, tuple(ids), provenance, wire, {"message": DECODERS[kind](dict(wire))})


def check(vector: Vector, expect: Mapping[str, Any]) -> None:
    """Compare the decoded message with what the call decided; raises Mismatch naming the field."""
    message = vector.expected["message"]
    for name, value in expect.items():
        if name not in message or message[name] != value:
            raise Mismatch(f"{vector.id}: {name} is {message.get(name, '<absent>')!r}, the call asks for {value!r}")


def text_of(document: Mapping[str, Any]) -> bytes:
    """The file's bytes: UTF-8, where half a surrogate pair stays the JSON escape it is."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def store(vector: Vector, replace: bool = False) -> str:
    """Write the vector unless it exists; returns "new", "same", "relabelled" or "different".

    A stored vector is never overwritten unless ``replace`` says so.
    """
    path = VECTORS / f"{vector.id}.json"
    document = vector.document()
    if path.exists() and not replace:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return "different" if difference(stored, document) else relabelled(path, stored, document)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text_of(document))
    return "new"


def relabelled(path: Path, stored: dict[str, Any], document: Mapping[str, Any]) -> str:
    """Bring the labels of a stored vector, its ``about`` and ``requirements``, up to date; its bytes stay."""
    labels = {key: document[key] for key in LABELS}
    if labels == {key: stored[key] for key in LABELS}:
        return "same"
    path.write_bytes(text_of(stored | labels))
    return "relabelled"


def item_wire(item: bytes) -> dict[str, str]:
    """Wire object of a Redis list item."""
    return {"item": b64(item)}
