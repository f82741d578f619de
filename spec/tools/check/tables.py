"""What is rendered into the pages: field tables and the messages of vectors.

``<!-- fields: SECTION [PLACE] -->`` up to ``<!-- /fields -->`` holds a table of fields.json,
``<!-- vector: ID PART -->`` up to ``<!-- /vector -->`` one part of a vector: headers, properties, body or item.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from .problems import Problem, Spec, numbered

BLOCK = re.compile(r"(<!-- fields: (?P<what>[a-z0-9 _-]+) -->\n)(?P<table>.*?)(<!-- /fields -->)", re.DOTALL)
VECTOR = re.compile(
    r"(<!-- vector: (?P<id>[a-z0-9/-]+) (?P<part>headers|properties|body|item) -->\n)(?P<text>.*?)(<!-- /vector -->)",
    re.DOTALL,
)
HEAD = "| Field | Type | When omitted | Who writes it | Since | Meaning |\n|---|---|---|---|---|---|\n"
REMEDY = "run python spec/tools/render.py"


def fields(spec: Spec) -> dict[str, Any]:
    """The field list."""
    loaded: dict[str, Any] = json.loads((spec.folder / "fields.json").read_text(encoding="utf-8"))
    return loaded


def row(field: dict[str, Any]) -> str:
    """One line of a table."""
    omitted = f"`{json.dumps(field['omitted'])}`" if "omitted" in field else "—"
    types = " or ".join(field["type"])
    return f"| `{field['name']}` | {types} | {omitted} | {field['writer']} | {field['since']} | {field['about']} |\n"


def table(spec: Spec, what: str) -> str:
    """The table of a section of the field list, or of one place in it."""
    section, _, place = what.partition(" ")
    rows = [row(field) for field in fields(spec)[section] if not place or field["place"] == place]
    return HEAD + "".join(rows)


def part(spec: Spec, vector_id: str, name: str) -> str:
    """One part of a vector as a fenced block; a body as it travelled, anything else with line breaks."""
    wire = json.loads((spec.folder / "vectors" / f"{vector_id}.json").read_text(encoding="utf-8"))["wire"]
    if name == "body":
        text = base64.b64decode(wire["body"]).decode("utf-8")
    else:
        value = json.loads(base64.b64decode(wire["item"])) if name == "item" else wire[name]
        text = json.dumps(value, indent=2, ensure_ascii=False)
    return f"```json\n{text}\n```\n"


def rendered(spec: Spec, text: str) -> str:
    """The text with every table and every message up to date."""
    text = BLOCK.sub(lambda block: block[1] + table(spec, block["what"]) + block[4], text)
    return VECTOR.sub(lambda block: block[1] + part(spec, block["id"], block["part"]) + block[5], text)


def check(spec: Spec) -> Iterator[Problem]:
    """Tables that are not what the field list says; sections and places that no page shows."""
    shown: set[str] = set()
    for path in spec.pages():
        text = path.read_text(encoding="utf-8")
        shown |= {block["what"] for block in BLOCK.finditer(text)}
        if rendered(spec, text) != text:
            line = next((n for n, content in numbered(path) if content.startswith(("<!-- fields:", "<!-- vector:"))), 0)
            yield Problem(
                spec.name(path), line, "a table or a message is not what fields.json or its vector says", REMEDY
            )
    for section, entries in fields(spec).items():
        if isinstance(entries, list):
            missing = {f"{section} {field['place']}" for field in entries} - shown
            if section not in shown and missing:
                message = f"no page shows the fields of {', '.join(sorted(missing))}"
                yield Problem("fields.json", 0, message, f"put <!-- fields: {section} --> in the chapter about it")
