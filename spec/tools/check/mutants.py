"""conformance/mutants/mutants.yaml: testees that break a requirement on purpose, and who caught them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .problems import Problem, Spec, parsed

FILE = "conformance/mutants/mutants.yaml"
#: What a case says of a mutant that it caught: a MUST was missed, a SHOULD was, or the mutant did not live through it.
MISSED_MUST = "fail"
MISSED_SHOULD = "non-strict"
CAUGHT = {MISSED_MUST, MISSED_SHOULD, "error"}
KEYS = ("requirement", "case", "at")


@dataclass(frozen=True)
class Kill:
    """A mutant that a case caught at breaking a requirement."""

    mutant: str
    requirement: str
    case: str
    verdict: str


def table(spec: Spec) -> Any:
    """The list of the file, [] where there is no file, the error where it is no YAML."""
    path = spec.cases.parent / "mutants" / "mutants.yaml" if spec.cases else None
    return [] if path is None or not path.exists() else parsed(path.read_text(encoding="utf-8"))


def kills(spec: Spec) -> dict[str, list[Kill]]:
    """Requirement id -> who was caught at breaking it; what is out of form is left to ``check``."""
    found: dict[str, list[Kill]] = defaultdict(list)
    if list(check_form(rows := table(spec))):
        return found
    for row in rows:
        for kill in row["kills"]:
            found[kill["requirement"]].append(
                Kill(row["mutant"], kill["requirement"], kill["case"], kill.get("verdict", MISSED_MUST))
            )
    return found


def check_form(rows: Any) -> Iterator[Problem]:
    """Rows of ``{mutant, defect, kills: [{requirement, case, at, verdict?}]}``, each mutant once and caught."""
    remedy = "write {mutant, defect, kills: [{requirement, case, at, verdict?}]} for each mutant"
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield Problem(FILE, 0, "is not a list of mutants", remedy)
        return
    seen: set[Any] = set()
    for row in rows:
        name, caught = row.get("mutant"), row.get("kills")
        if not isinstance(name, str) or not isinstance(row.get("defect"), str) or not isinstance(caught, list):
            yield Problem(FILE, 0, f"{name!r} lacks its name, its defect or its kills", remedy)
        elif not all(isinstance(kill, dict) and all(key in kill for key in KEYS) for kill in caught):
            yield Problem(FILE, 0, f"{name} has a kill without one of {', '.join(KEYS)}", remedy)
        elif not caught:
            yield Problem(FILE, 0, f"{name} is caught by nothing", "write the case that catches it, or drop the mutant")
        if name in seen:
            yield Problem(FILE, 0, f"{name} is listed twice", "give each mutant one row")
        seen.add(name)


def check(spec: Spec, known: dict[str, set[str]]) -> Iterator[Problem]:
    """The form of the table; every case in it exists, quotes the requirement, and says that it caught the mutant."""
    yield from check_form(table(spec))
    for kill in (kill for found in kills(spec).values() for kill in found):
        if kill.requirement not in known.get(kill.case, set()):
            message = f"{kill.mutant}: case {kill.case} does not exist or does not quote {kill.requirement}"
            yield Problem(FILE, 0, message, "name the requirement and the case by which it is caught")
        if kill.verdict not in CAUGHT:
            message = f"{kill.mutant}: the verdict {kill.verdict!r} of {kill.case} is not that of a case that caught it"
            yield Problem(FILE, 0, message, f"use one of {', '.join(sorted(CAUGHT))}")
