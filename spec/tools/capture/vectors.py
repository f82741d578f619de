"""Vector files: build, cross-check, write once, and compare a new capture with what is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .decoders import DECODERS
from .neutral import SPEC
from .tags import b64

VECTORS = SPEC / "vectors"
#: What a vector is an example of; everything else in it is evidence.
LABELS = ("about", "requirements")
#: What differs from one capture to the next, and what the comparison puts in its place.
VOLATILE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b20(?!26-01-02|30-05-17|20-01-01)\d\d-\d\d-\d\dT[0-9:.]+(\+00:00)?"), "<now>"),
    (re.compile(r"\bgen\d+@"), "gen<pid>@"),
    (re.compile(r'("(?:pid|worker_pid)": )\d+'), r"\1<pid>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<hex>"),
    (re.compile(r'("(?:clock|timestamp|runtime|time_start|uptime|port)": )"?[\d.]+"?'), r"\1<number>"),
    (re.compile(r'("expires": )\d+\.\d+'), r"\1<now>"),
    (re.compile(r'("(?:loadavg|processes)": )\[[^\]]*\]'), r"\1<numbers>"),
    (re.compile(r'("(?:rusage|writes)": )\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}'), r"\1<numbers>"),
    (re.compile(r'("signature": \{"\$bytes": )"[^"]*"'), r"\1<signature>"),
    (re.compile(r'File \\"[^"]+\\", line \d+'), "File <place>"),
)


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


def scrubbed(document: Mapping[str, Any]) -> str:
    """The decoded part of a vector with everything volatile replaced, for comparing two captures."""
    if document["provenance"]["source"] == "hand":
        return json.dumps({key: value for key, value in document.items() if key not in LABELS}, sort_keys=True)
    view = {"provenance": document["provenance"]["call"], "message": document["message"]}
    text = json.dumps(view, sort_keys=True)
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def store(vector: Vector, replace: bool = False) -> str:
    """Write the vector unless it exists; returns "new", "same", "relabelled" or "different".

    A stored vector is never overwritten unless ``replace`` says so.
    """
    path = VECTORS / f"{vector.id}.json"
    document = vector.document()
    if path.exists() and not replace:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return relabelled(path, stored, document) if scrubbed(stored) == scrubbed(document) else "different"
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
