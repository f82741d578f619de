"""Make Stable what has earned it: sections whose every MUST is covered, and pages whose every section is Stable.

Nothing is ever taken back here: a Stable section that loses its cover is a fault, which the gate reports.
"""

from __future__ import annotations

import re

from . import coverage, requirements
from .problems import Spec

STATE = re.compile(r"^(Draft|Candidate)(?= · since )")
STATUS = re.compile(r"^(\*\*Status: )\w+(\.\*\*)", re.MULTILINE)


def earned(spec: Spec) -> set[str]:
    """Identifiers of the requirements whose section has a MUST and nothing in the way of Stable."""
    groups = coverage.sections(coverage.proofs(spec)).values()
    return {
        proof.requirement.id
        for group in groups
        for proof in group
        if not any(one.obstacles for one in group) and any(one.requirement.keyword.startswith("MUST") for one in group)
    }


def promoted(text: str, ids: set[str]) -> str:
    """The text of a page with those requirements Stable."""
    lines = text.split("\n")
    current = ""
    for number, line in enumerate(lines):
        heading = requirements.HEADING.match(line)
        current = heading["id"] if heading else current
        if current in ids:
            lines[number] = STATE.sub("Stable", line)
    return "\n".join(lines)


def promote(spec: Spec) -> list[str]:
    """Write the states into the pages and into the table of the README; returns the identifiers that became Stable."""
    before = {found.id for found in requirements.read(spec) if found.state == "Stable"}
    ids = earned(spec)
    readme = spec.folder / "README.md"
    for path in spec.chapters():
        text = promoted(path.read_text(encoding="utf-8"), ids)
        path.write_text(text, encoding="utf-8")
        name = spec.name(path)
        states = {found.state for found in requirements.in_page(name, path)} - {"Retired"}
        if states == {"Stable"}:
            path.write_text(STATUS.sub(r"\g<1>Stable\2", text, count=1), encoding="utf-8")
            row = re.compile(rf"^(\|.*\]\({re.escape(name)}\) \|.*\| )\w+( \|)$", re.MULTILINE)
            readme.write_text(row.sub(r"\g<1>Stable\2", readme.read_text(encoding="utf-8")), encoding="utf-8")
    return sorted({found.id for found in requirements.read(spec) if found.state == "Stable"} - before)
