"""What travelled, as a person reads it: the wire of a vector as lines of text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: The longest line that is shown whole.
WIDTH = 320
#: The longest list that is shown whole.
LINES = 8
_QUOTED = re.compile(r'"([^"]+)":|`([a-z_]+)`')
_TABLES = ("headers", "properties")


def names_in(text: str) -> set[str]:
    """The keys that a text names: in a quotation such as ``"timelimit": [30, 20]``, or alone in backticks."""
    return {name for found in _QUOTED.findall(text) for name in found if name}


def lines(wire: Mapping[str, Any], wanted: set[str]) -> list[str]:
    """The wire as text: a header or property a line, only the ``wanted`` ones where any are there; the body decoded."""
    wire = _opened(wire)
    tables = {name: wire[name] for name in _TABLES if isinstance(wire.get(name), dict)}
    narrow = wanted & {key for table in tables.values() for key in table}
    shown = [*_tables(tables, narrow), *_body(wire), *_rest(wire)]
    return [line if len(line) <= WIDTH else line[: WIDTH - 4] + " ..." for line in shown]


def _opened(wire: Mapping[str, Any]) -> Mapping[str, Any]:
    """A list item of Redis as the message that it holds."""
    item = _parsed(_decoded(wire["item"])) if "item" in wire else None
    if not isinstance(item, dict):
        return wire
    beside = {key: value for key, value in wire.items() if key != "item"}
    types = {"content_type": item.get("content-type"), "content_encoding": item.get("content-encoding")}
    return {**beside, **types, **{key: item[key] for key in ("headers", "properties", "body") if key in item}}


def _tables(tables: Mapping[str, Mapping[str, Any]], narrow: set[str]) -> Iterator[str]:
    for name, table in tables.items():
        for key, value in table.items():
            if not narrow or key in narrow:
                yield f"{name[:-1].replace('propertie', 'property')} {key}: {_json(value)}"


def _body(wire: Mapping[str, Any]) -> Iterator[str]:
    if "body" not in wire:
        return
    raw = _decoded(wire["body"])
    kind = ", ".join(str(wire[key]) for key in ("content_type", "content_encoding") if wire.get(key))
    yield f"body, {len(raw)} bytes{f' of {kind}' if kind else ''}:"
    try:
        yield "  " + raw.decode("utf-8").replace("\n", "\\n")
    except UnicodeDecodeError:
        yield "  " + raw.hex(" ")


def _rest(wire: Mapping[str, Any]) -> Iterator[str]:
    """What is neither a table nor the body: messages of a canvas, methods, commands, an item that is no envelope."""
    for key, value in wire.items():
        if key in ("body", *_TABLES, "content_type", "content_encoding"):
            continue
        if key == "messages" and isinstance(value, Sequence):
            for number, message in enumerate(value, start=1):
                yield f"message {number}:"
                yield from (f"  {line}" for line in lines(message, set()))
        elif isinstance(value, list):
            yield from (f"{key[:-1]} {_json(one)}" for one in value[:LINES])
            yield from [f"... and {len(value) - LINES} more"] if len(value) > LINES else []
        else:
            yield f"{key}: {_json(value)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _decoded(data: object) -> bytes:
    """Base64 as bytes; what is none, as it stands."""
    try:
        return base64.b64decode(str(data), validate=True)
    except ValueError:
        return str(data).encode()


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
