"""The specification's vectors and field list, as the tests read them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from celeriac import JSON, Wire, loads
from celeriac.compression import decompress
from celeriac.tagged import from_tagged, to_tagged

SPEC = Path(__file__).resolve().parents[3] / "spec"
FIELDS: dict[str, Any] = json.loads((SPEC / "fields.json").read_text(encoding="utf-8"))
FOLDERS = ("task-v2", "task-v1", "redis", "result", "serialization")


def vectors(folder: str, *, invalid: bool) -> list[dict[str, Any]]:
    """Vectors of one folder. An empty folder is an error: its tests would prove nothing."""
    paths = sorted((SPEC / "vectors" / folder).rglob("*.json"))
    chosen = [path for path in paths if ("invalid" in path.parts) is invalid]
    if not chosen:
        raise FileNotFoundError(f"no {'invalid ' if invalid else ''}vectors in {SPEC / 'vectors' / folder}")
    return [json.loads(path.read_text(encoding="utf-8")) for path in chosen]


def wire_of(vector: dict[str, Any]) -> Wire:
    """The wire of a task vector."""
    wire = vector["wire"]
    return Wire(
        body=body_of(vector),
        content_type=wire.get("content_type"),
        content_encoding=wire.get("content_encoding"),
        headers=from_tagged(wire["headers"]),
        properties=from_tagged(wire["properties"]),
    )


def body_of(vector: dict[str, Any]) -> bytes:
    """The raw bytes of a vector: its body, or its list item."""
    wire = vector["wire"]
    return base64.b64decode(wire["body"] if "body" in wire else wire["item"], validate=True)


def is_captured(vector: dict[str, Any]) -> bool:
    """Whether real Celery wrote it, so that it has to be written back as it was."""
    return bool(vector["provenance"]["source"] == "capture")


def canonical(value: Any) -> str:
    """Text that is equal exactly when the values are, int and float and every tag apart, NaN equal to itself."""
    return json.dumps(to_tagged(value), sort_keys=True)


def body_value(wire: Wire) -> str:
    """The decoded body of a message, canonical."""
    compression = wire.headers.get("compression")
    body = wire.body if compression is None else decompress(wire.body, compression)
    return canonical(loads(body, JSON, wire.content_encoding))
