"""Vectors: the file is where its id says, its message is what its bytes say, and what the text quotes is in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from capture.decoders import DECODERS

from . import refused, requirements
from .problems import Problem, Spec
from .proved import PROVED_BY, QUOTED_VECTOR, cases
from .schemas import read_json

#: Folder -> the kind of its vectors, or the kinds.
FOLDERS: dict[str, str | tuple[str, ...]] = {
    "task-v2": "task",
    "task-v1": "task-v1",
    "redis": "envelope",
    "result": "result",
    "serialization": "value",
    "serializers": ("task", "envelope", "result"),
    "stored": "stored",
    "topology": "topology",
    "canvas": "canvas",
    "control": ("control", "reply"),
    "events": "event",
    "security": "signed",
}
CODE = re.compile(r"`([^`]+)`")
LEFT_OUT = "..."
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|home|tmp|usr|work|Users)/")


def load(spec: Spec) -> dict[str, dict[str, Any]]:
    """Every vector by its path under vectors/ without .json."""
    folder = spec.folder / "vectors"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): read_json(path) for path in sorted(folder.rglob("*.json"))
    }


def check(spec: Spec) -> Iterator[Problem]:
    """All checks of this module."""
    known = load(spec)
    for name, vector in known.items():
        yield from check_vector(name, vector)
    yield from refused.check(spec, known)
    yield from check_quotes(spec, known)


def check_vector(name: str, vector: dict[str, Any]) -> Iterator[Problem]:
    """Id, kind, message and bytes of one vector."""
    file = f"vectors/{name}.json"
    if vector.get("id") != name:
        yield Problem(file, 0, f"calls itself {vector.get('id')!r}", f"its id is its path: {name!r}")
    kinds = FOLDERS.get(name.split("/")[0], ())
    allowed = (kinds,) if isinstance(kinds, str) else kinds
    if vector.get("kind") not in allowed:
        wanted = " or ".join(map(repr, allowed))
        remedy = "move it, or correct the kind"
        yield Problem(file, 0, f"has the kind {vector.get('kind')!r} in a folder for {wanted}", remedy)
        return
    if MACHINE_PATH.search(json.dumps(vector)) or any(MACHINE_PATH.search(text) for text in raw_texts(vector["wire"])):
        yield Problem(
            file,
            0,
            "names a path of the machine that it was made on",
            "shorten it in the capture tool and capture again",
        )
    if "message" not in vector or vector["provenance"]["source"] == "hand":
        return
    decoded = DECODERS[vector["kind"]](vector["wire"])
    if canonical(decoded) != canonical(vector["message"]):
        yield Problem(file, 0, "its message is not what its bytes say", "capture it again; vectors are never edited")


def canonical(value: Any) -> str:
    """Text by which two JSON values are compared: 1, 1.0 and true stay apart."""
    return json.dumps(value, sort_keys=True)


def raw_texts(wire: dict[str, Any]) -> Iterator[str]:
    """Whatever text the base64 parts of a wire object hold: the body, or the list item and the body in it."""
    text = decoded_text(wire.get("body", wire.get("item")))
    yield text
    envelope = parsed(text) if "item" in wire else None
    if isinstance(envelope, dict) and isinstance(envelope.get("body"), str):
        yield decoded_text(envelope["body"])


def decoded_text(data: Any) -> str:
    """Text of base64 data, "" when it is none."""
    try:
        return base64.b64decode(data, validate=True).decode("utf-8", "replace")
    except (ValueError, TypeError):
        return ""


def parsed(text: str) -> Any:
    """The JSON of a text, None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def check_quotes(spec: Spec, known: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Every vector that a page names exists; every quotation in an Example is found in it."""
    live = cases(spec)
    for path in spec.pages():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for name in QUOTED_VECTOR.findall(line):
                if name not in known and name not in live and not line.startswith(PROVED_BY):
                    yield Problem(
                        spec.name(path), number, f"there is no vector {name}", "quote one that exists in vectors/"
                    )
    for found in requirements.read(spec):
        for number, line in found.notes:
            names = [name for name in QUOTED_VECTOR.findall(line) if name in known]
            if line.startswith("*Example*") and names:
                yield from check_quotation(found.file, number, line, [known[name] for name in names])


def check_quotation(file: str, number: int, line: str, vectors: list[dict[str, Any]]) -> Iterator[Problem]:
    """JSON in an Example line, apart from what leaves something out, is part of a vector that the line names."""
    for code in CODE.findall(line):
        for fragment in fragments(code):
            if not any(contains(view, fragment) for vector in vectors for view in views(vector)):
                message = f"`{code}` is not in {' or '.join(vector['id'] for vector in vectors)}"
                yield Problem(file, number, message, "quote what the vector says")


def fragments(code: str) -> list[Any]:
    """What a quotation claims: members of an object, or one array or object; nothing when it leaves something out."""
    if LEFT_OUT in code:
        return []
    members, whole = parsed(f"{{{code}}}"), parsed(code)
    if members is not None:
        return [{key: item} for key, item in members.items()]
    return [whole] if isinstance(whole, list | dict) and whole else []


def views(vector: dict[str, Any]) -> Iterator[Any]:
    """The forms in which a vector can be quoted: neutral, as wire, its JSON body, its reaction."""
    yield vector.get("message")
    yield vector["wire"]
    yield {"reaction": vector.get("reaction")}
    yield from map(parsed, raw_texts(vector["wire"]))


def contains(view: Any, fragment: Any) -> bool:
    """Whether the fragment is the view, part of an object in it, or somewhere inside."""
    if canonical(view) == canonical(fragment):
        return True
    if isinstance(view, dict):
        if isinstance(fragment, dict) and all(
            key in view and canonical(view[key]) == canonical(value) for key, value in fragment.items()
        ):
            return True
        return any(contains(item, fragment) for item in view.values())
    return isinstance(view, list) and any(contains(item, fragment) for item in view)
