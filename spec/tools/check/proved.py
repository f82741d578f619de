"""The chain from requirement to proof: vectors, conformance cases, and the *Proved by* lines that name the cases."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from . import requirements
from .problems import Problem, Spec

ID = re.compile(r"\b[A-Z]+(?:-[A-Z0-9]+)+-\d{3}\b")
#: Folders of vectors.
FOLDERS = "task-v2|task-v1|redis|result|serialization|serializers|stored|topology|canvas|control|events|security"
QUOTED_VECTOR = re.compile(rf"`((?:{FOLDERS})/[a-z0-9/-]+)`")
PROVED_BY = "*Proved by:*"
CASE_NAME = re.compile(r"`([a-z0-9-]+(?:/[a-z0-9-]+)+)`")
TOP_KEY = re.compile(r"^([a-z_]+):")
ROW_KEY = re.compile(r"^  ([a-z0-9-]+):")
COMMENT = re.compile(r"(^|\s)#.*$")
SHOWN = 4


def cases(spec: Spec) -> dict[str, set[str]]:
    """Case name -> the requirement ids that it quotes. A case is a row of a table: ``<path>/<row>``."""
    if spec.cases is None or not spec.cases.is_dir():
        return {}
    found: dict[str, set[str]] = {}
    for path in sorted(spec.cases.rglob("*.yaml")):
        topic = path.relative_to(spec.cases).with_suffix("").as_posix()
        found |= {f"{topic}/{row}": ids for row, ids in rows(path).items()}
    return found


def rows(path: Path) -> dict[str, set[str]]:
    """Row -> requirement ids of one table of cases; what stands under ``defaults`` counts for every row.

    Reads the indentation alone, so that the gate needs no YAML parser.
    """
    section, row = "", ""
    common: set[str] = set()
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if top := TOP_KEY.match(line):
            section, row = top[1], ""
        elif section == "cases" and (key := ROW_KEY.match(line)):
            row = key[1]
            found[row] = set()
        ids = set(ID.findall(COMMENT.sub("", line)))
        if row:
            found[row] |= ids
        elif section in ("defaults", "requirements"):
            common |= ids
    return {name: ids | common for name, ids in found.items()}


def by_requirement(quoting: dict[str, set[str]]) -> dict[str, list[str]]:
    """Requirement id -> names of what quotes it."""
    turned: dict[str, list[str]] = defaultdict(list)
    for name, ids in sorted(quoting.items()):
        for requirement_id in ids:
            turned[requirement_id].append(name)
    return turned


def vectors(spec: Spec) -> dict[str, set[str]]:
    """Vector id -> the requirement ids that it quotes."""
    found = {}
    for path in sorted((spec.folder / "vectors").rglob("*.json")):
        name = path.relative_to(spec.folder / "vectors").with_suffix("").as_posix()
        found[name] = set(json.loads(path.read_text(encoding="utf-8")).get("requirements", []))
    return found


def proved_line(names: list[str]) -> str:
    """The line that names the cases of a requirement."""
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{PROVED_BY} case{'s' if len(names) > 1 else ''} {shown}{more}"


def rendered(spec: Spec, text: str) -> str:
    """The text with *Proved by* lines for the cases that exist, in place of *Untested* where there is one."""
    names = by_requirement(cases(spec))
    lines: list[str] = []
    current = ""
    for line in [*text.split("\n"), "# end"]:
        heading = requirements.HEADING.match(line)
        if line.startswith("#") and current:
            close(lines, names.get(current, []))
        if line.startswith("#"):
            current = heading["id"] if heading else ""
        lines.append(line)
    return "\n".join(lines[:-1])


def close(lines: list[str], names: list[str]) -> None:
    """Finish the requirement that ends at the end of ``lines``: one *Proved by* line as its last."""
    if not names:
        return
    start = max(i for i, line in enumerate(lines) if requirements.HEADING.match(line))
    kept = [line for line in lines[start:] if not line.startswith((PROVED_BY, "*Untested:*"))]
    while kept and not kept[-1].strip():
        kept.pop()
    if kept[-1].startswith(">"):
        kept.append("")
    lines[start:] = [*kept, proved_line(names), ""]


def check(spec: Spec) -> Iterator[Problem]:
    """Every requirement has a vector, a case or a reason; everything that is named exists."""
    known = {found.id for found in requirements.read(spec)}
    quoting_cases, quoting_vectors = cases(spec), vectors(spec)
    for name, ids in quoting_vectors.items():
        for unknown in sorted(ids - known):
            yield Problem(f"vectors/{name}.json", 0, f"quotes {unknown}, which no chapter defines", "correct the id")
        if not ids:
            yield Problem(
                f"vectors/{name}.json", 0, "quotes no requirement", "name the requirement that it is an example of"
            )
    for name, ids in quoting_cases.items():
        for unknown in sorted(ids - known):
            yield Problem(
                f"conformance/cases/{name}", 0, f"quotes {unknown}, which no chapter defines", "correct the id"
            )
    yield from check_requirements(spec, by_requirement(quoting_vectors), by_requirement(quoting_cases), quoting_cases)


def check_requirements(
    spec: Spec, vectors_of: dict[str, list[str]], cases_of: dict[str, list[str]], known_cases: dict[str, set[str]]
) -> Iterator[Problem]:
    """Coverage of each requirement, and the names in its *Proved by* line."""
    for found in requirements.read(spec):
        examples = [name for _, line in found.notes for name in QUOTED_VECTOR.findall(line)]
        proof = vectors_of.get(found.id) or cases_of.get(found.id) or examples
        if not proof and not found.note("Untested"):
            remedy = "add a vector or a case that quotes it, or a line '*Untested:* why'"
            yield Problem(found.file, found.line, f"nothing proves {found.id}", remedy)
        if found.row()["state"] == "Stable" and found.keyword.startswith("MUST") and not cases_of.get(found.id):
            remedy = "add a case that quotes it, or leave it Candidate"
            yield Problem(found.file, found.line, f"{found.id} is Stable and no conformance case exercises it", remedy)
        for number, line in found.notes:
            named = CASE_NAME.findall(line) if line.startswith(PROVED_BY) and known_cases else []
            for name in named:
                if found.id not in known_cases.get(name, set()):
                    message = f"case {name} does not exist or does not quote {found.id}"
                    yield Problem(found.file, number, message, "run python spec/tools/render.py")


def stale(spec: Spec) -> list[str]:
    """Pages whose *Proved by* lines do not name the cases that exist now: news, not faults."""
    return [
        spec.name(path)
        for path in spec.chapters()
        if rendered(spec, (text := path.read_text(encoding="utf-8"))) != text
    ]
