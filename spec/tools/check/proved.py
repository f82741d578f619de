"""The chain from requirement to proof: vectors, conformance cases, and the *Proved by* lines that name the cases."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import yaml

from . import mutants, requirements
from .problems import Problem, Spec, parsed

ID = re.compile(r"\b[A-Z]+(?:-[A-Z0-9]+)+-\d{3}\b")
#: Folders of vectors.
FOLDERS = "task-v2|task-v1|redis|result|serialization|serializers|stored|topology|canvas|control|events|security"
QUOTED_VECTOR = re.compile(rf"`((?:{FOLDERS})/[a-z0-9/-]+)`")
PROVED_BY = "*Proved by:*"
REMEDY = "run python spec/tools/render.py"
EXAMPLE = "*Example*"
CASE_NAME = re.compile(r"`([a-z0-9-]+(?:/[a-z0-9-]+)+)`")
SHOWN = 4


def tables(spec: Spec) -> dict[str, Any]:
    """Topic -> its table of conformance cases; what is wrong with YAML stands there as the error."""
    found: dict[str, Any] = {}
    if spec.cases is None or not spec.cases.is_dir():
        return found
    for path in sorted(spec.cases.rglob("*.yaml")):
        topic = path.relative_to(spec.cases).with_suffix("").as_posix()
        found[topic] = parsed(path.read_text(encoding="utf-8"))
    return found


def cases(spec: Spec) -> dict[str, set[str]]:
    """Case name -> the requirement ids that its checks quote. A case is a row of a table: ``<topic>/<row>``."""
    found: dict[str, set[str]] = {}
    for topic, table in tables(spec).items():
        if not isinstance(table, dict) or not isinstance(table.get("cases"), dict):
            continue
        common = quoted(table.get("defaults"))
        found |= {f"{topic}/{name}": common | quoted(row) for name, row in table["cases"].items()}
    return found


def quoted(row: Any) -> set[str]:
    """Requirement ids in the checks of a row."""
    checks = row.get("checks") if isinstance(row, dict) else None
    given = [check.get("id", []) for check in checks or [] if isinstance(check, dict)]
    return {name for ids in given for name in ([ids] if isinstance(ids, str) else ids)}


def check_tables(spec: Spec) -> Iterator[Problem]:
    """Tables that are no YAML, and rows whose name YAML takes for something else than text."""
    for topic, table in tables(spec).items():
        file = f"conformance/cases/{topic}.yaml"
        if isinstance(table, yaml.YAMLError):
            yield Problem(file, 0, f"is not YAML: {' '.join(str(table).split())}", "correct it")
        elif not isinstance(table, dict) or not isinstance(table.get("cases"), dict):
            yield Problem(file, 0, "has no cases", "give it rows under cases:")
        else:
            for name in table["cases"]:
                if not isinstance(name, str):
                    yield Problem(file, 0, f"has the row {name!r}, which is no text", "write its name in quotes")


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


def examples(found: requirements.Requirement) -> list[str]:
    """Vectors that the requirement quotes as its example."""
    lines = [line for _, line in found.notes if line.startswith(EXAMPLE)]
    return [name for line in lines for name in QUOTED_VECTOR.findall(line)]


def some(kind: str, names: list[str]) -> str:
    """The first few names of a kind, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{kind}{'s' if len(names) > 1 else ''} {shown}{more}"


def proved_line(names: list[str], killed: list[str]) -> str:
    """The line that names the cases of a requirement, and the mutants that they caught at breaking it."""
    return f"{PROVED_BY} {some('case', names)}" + (f"; {some('mutant', killed)}" if killed else "")


def rendered(spec: Spec, text: str) -> str:
    """The text with *Proved by* lines for the cases that exist, in place of *Untested* where there is one."""
    names, killed = by_requirement(cases(spec)), mutants.kills(spec)
    lines: list[str] = []
    current = ""
    for line in [*text.split("\n"), "# end"]:
        heading = requirements.HEADING.match(line)
        if line.startswith("#") and current:
            kills = killed.get(current, [])
            proving = names.get(current) or sorted({kill.case for kill in kills})
            close(lines, proving, sorted({kill.mutant for kill in kills}))
        if line.startswith("#"):
            current = heading["id"] if heading else ""
        lines.append(line)
    return "\n".join(lines[:-1])


def close(lines: list[str], names: list[str], killed: list[str]) -> None:
    """Finish the requirement that ends at the end of ``lines``: one *Proved by* line as its last."""
    if not names:
        return
    start = max(i for i, line in enumerate(lines) if requirements.HEADING.match(line))
    kept = [line for line in lines[start:] if not line.startswith((PROVED_BY, "*Untested:*"))]
    while kept and not kept[-1].strip():
        kept.pop()
    if kept[-1].startswith((">", "|")):
        kept.append("")
    lines[start:] = [*kept, proved_line(names, killed), ""]


def check(spec: Spec) -> Iterator[Problem]:
    """Every requirement has a vector, a case or a reason; everything that is named exists."""
    yield from check_tables(spec)
    for page in stale(spec):
        yield Problem(page, 0, "its 'Proved by' lines do not name the cases and mutants that exist now", REMEDY)
    known = {found.id for found in requirements.read(spec)}
    quoting_cases, quoting_vectors = cases(spec), vectors(spec)
    everything = {f"vectors/{name}.json": ids for name, ids in quoting_vectors.items()}
    everything |= {f"conformance/cases/{name}": ids for name, ids in quoting_cases.items()}
    for file, ids in everything.items():
        for unknown in sorted(ids - known):
            yield Problem(file, 0, f"quotes {unknown}, which no chapter defines", "correct the id")
        if not ids:
            yield Problem(file, 0, "quotes no requirement", "name the requirement that it is an example of")
    codec = {f"codec/{name}": ids for name, ids in quoting_vectors.items()}
    quoting = by_requirement(quoting_vectors), by_requirement(quoting_cases)
    yield from check_requirements(spec, *quoting, quoting_cases | codec)


def check_requirements(
    spec: Spec, vectors_of: dict[str, list[str]], cases_of: dict[str, list[str]], known_cases: dict[str, set[str]]
) -> Iterator[Problem]:
    """Coverage of each requirement, and the names in its *Proved by* line."""
    for found in requirements.read(spec):
        shown = vectors_of.get(found.id) or examples(found)
        if not shown and not cases_of.get(found.id) and not found.note("Untested"):
            remedy = "add a vector or a case that quotes it, or a line '*Untested:* why'"
            yield Problem(found.file, found.line, f"nothing proves {found.id}", remedy)
        for number, line in found.notes:
            named = CASE_NAME.findall(line) if line.startswith(PROVED_BY) and spec.cases else []
            for name in named:
                if found.id not in known_cases.get(name, set()):
                    message = f"case {name} does not exist or does not quote {found.id}"
                    yield Problem(found.file, number, message, REMEDY)


def stale(spec: Spec) -> list[str]:
    """Pages whose *Proved by* lines do not name the cases and mutants that exist now."""
    return [
        spec.name(path)
        for path in spec.chapters()
        if rendered(spec, (text := path.read_text(encoding="utf-8"))) != text
    ]
