"""What proves each requirement, and what keeps each section from Stable.

A requirement is shown by *bytes* (a vector that quotes it or that it quotes, or a property of a schema), exercised by
*cases* and defended by *mutants*. A vector is run by the conformance suite as the case ``codec/<vector>``; it counts as
a case of a requirement once a mutant that breaks the requirement was caught by it, as only then it is known to look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import mutants, proved, requirements, schemas
from .mutants import Kill
from .problems import Problem, Spec
from .requirements import Requirement
from .tables import REMEDY

CODEC = "codec/"
BLOCK = re.compile(r"(<!-- coverage -->\n).*?(<!-- /coverage -->)", re.DOTALL)
LEVELS = ("Core", "Strict", "Optional")
COLUMNS = (
    "requirements",
    "schema or vector",
    "live case",
    "codec case",
    "mutant",
    "vector alone",
    "untested",
    "stable",
)


@dataclass(frozen=True)
class Proof:
    """Everything that stands behind one requirement; names in the order of the alphabet."""

    requirement: Requirement
    vectors: tuple[str, ...]
    in_schema: bool
    live: tuple[str, ...]
    kills: tuple[Kill, ...]

    @property
    def codec(self) -> tuple[str, ...]:
        """Codec cases that have caught a mutant at breaking the requirement."""
        return tuple(sorted({kill.case for kill in self.kills if kill.case.startswith(CODEC)}))

    @property
    def cases(self) -> tuple[str, ...]:
        """What counts as a case."""
        return self.live or self.codec

    @property
    def mutants(self) -> tuple[str, ...]:
        """Mutants that were caught."""
        return tuple(sorted({kill.mutant for kill in self.kills}))

    @property
    def in_bytes(self) -> bool:
        """Whether bytes show it."""
        return bool(self.vectors) or self.in_schema

    @property
    def explained(self) -> bool:
        """Whether the text says why no bytes show it."""
        return bool(self.requirement.note(requirements.NO_BYTES))

    @property
    def obstacles(self) -> list[str]:
        """What keeps it from Stable; only a MUST is held to it."""
        if not self.requirement.keyword.startswith("MUST"):
            return []
        if self.requirement.note("Untested"):
            return ["untested"]
        lacking = {
            "no schema or vector": not self.in_bytes and not self.explained,
            "no case": not self.cases,
            "no mutant": not any(kill.verdict != mutants.MISSED_SHOULD for kill in self.kills),
        }
        return [name for name, lacks in lacking.items() if lacks]

    def counts(self) -> tuple[int, ...]:
        """One line of the table, for this requirement alone."""
        bare = not self.cases and not self.requirement.note("Untested")
        untested = bool(self.requirement.note("Untested"))
        stable = self.requirement.state == "Stable"
        values = (True, self.in_bytes, bool(self.live), bool(self.codec), bool(self.mutants), bare, untested, stable)
        return tuple(map(int, values))


def proofs(spec: Spec) -> list[Proof]:
    """The proof of every requirement, in reading order; retired ones apart."""
    by_vector = proved.by_requirement(proved.vectors(spec))
    by_case = proved.by_requirement(proved.cases(spec))
    marked = marks(list(schemas.load(spec).values()))
    killed = mutants.kills(spec)
    return [
        Proof(
            found,
            tuple(sorted({*by_vector.get(found.id, ()), *proved.examples(found)})),
            found.id in marked,
            tuple(by_case.get(found.id, ())),
            tuple(killed.get(found.id, ())),
        )
        for found in requirements.read(spec)
        if found.state != "Retired"
    ]


def marks(schema: Any) -> set[str]:
    """Requirement ids in ``x-requirement`` anywhere in a schema."""
    if isinstance(schema, list):
        return set().union(*map(marks, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("x-requirement", [])
    return {name for name in own if isinstance(name, str)}.union(*map(marks, schema.values()))


def table(found: list[Proof]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Area -> level -> counts in the order of ``COLUMNS``; the area "all" sums up."""
    rows: dict[str, dict[str, tuple[int, ...]]] = {}
    for proof in found:
        level = requirements.LEVELS[proof.requirement.keyword]
        for area in (proof.requirement.area, "all"):
            before = rows.setdefault(area, {}).get(level, (0,) * len(COLUMNS))
            rows[area][level] = tuple(a + b for a, b in zip(before, proof.counts(), strict=True))
    order = [*requirements.AREAS, "all"]
    return {
        area: {level: rows[area][level] for level in LEVELS if level in rows[area]} for area in order if area in rows
    }


def sections(found: list[Proof]) -> dict[tuple[str, str], list[Proof]]:
    """(page, heading) -> proofs of the requirements under it."""
    grouped: dict[tuple[str, str], list[Proof]] = {}
    for proof in found:
        grouped.setdefault((proof.requirement.file, proof.requirement.section), []).append(proof)
    return grouped


def document(spec: Spec) -> dict[str, Any]:
    """Everything as JSON."""
    found = proofs(spec)
    return {
        "columns": COLUMNS,
        "areas": table(found),
        "sections": [
            {
                "page": page,
                "section": name,
                "state": group[0].requirement.state,
                "obstacles": {proof.requirement.id: proof.obstacles for proof in group if proof.obstacles},
            }
            for (page, name), group in sections(found).items()
        ],
        "requirements": {
            proof.requirement.id: {
                "keyword": proof.requirement.keyword,
                "state": proof.requirement.state,
                "schema": proof.in_schema,
                "vectors": proof.vectors,
                "cases": proof.live,
                "codec": proof.codec,
                "mutants": proof.mutants,
                "untested": proof.requirement.note("Untested"),
            }
            for proof in found
        },
    }


def report(spec: Spec) -> Iterator[str]:
    """Everything as text: the table, then the sections."""
    found = proofs(spec)
    yield f"{'area':9} {'level':9}" + "".join(f"{name:>17}" for name in COLUMNS)
    for area, levels in table(found).items():
        for level, counts in levels.items():
            yield f"{area:9} {level:9}" + "".join(f"{count:17}" for count in counts)
    for (page, name), group in sections(found).items():
        lacking = [proof for proof in group if proof.obstacles]
        state = group[0].requirement.state
        yield ""
        yield f"{page}, {name}: {state}, " + (
            f"{len(lacking)} of {len(group)} in the way of Stable" if lacking else "covered"
        )
        yield from (f"  {proof.requirement.id}: {', '.join(proof.obstacles)}" for proof in lacking)


def markdown(spec: Spec) -> str:
    """The table for the README."""
    head = f"| Area | Level | {' | '.join(name.capitalize() for name in COLUMNS)} |\n"
    rule = "|---|---|" + "---:|" * len(COLUMNS) + "\n"
    rows = [
        f"| {area} | {level} | {' | '.join(map(str, counts))} |\n"
        for area, levels in table(proofs(spec)).items()
        for level, counts in levels.items()
    ]
    return head + rule + "".join(rows)


def rendered(spec: Spec, page: str) -> str:
    """The text of a page with the table in its place up to date."""
    return BLOCK.sub(lambda block: block[1] + markdown(spec) + block[2], page)


def text(spec: Spec, as_json: bool) -> str:
    """What ``--coverage`` prints."""
    return json.dumps(document(spec), indent=2, ensure_ascii=False) if as_json else "\n".join(report(spec))


def check(spec: Spec) -> Iterator[Problem]:
    """The mutants' table; one state for each section, and a Stable one has earned it."""
    readme = (spec.folder / "README.md").read_text(encoding="utf-8")
    if spec.cases is not None and rendered(spec, readme) != readme:
        yield Problem("README.md", 0, "its table of coverage is not what the cases say", REMEDY)
    codec = {CODEC + name: ids for name, ids in proved.vectors(spec).items()}
    yield from mutants.check(spec, proved.cases(spec) | codec)
    for (page, name), group in sections(proofs(spec)).items():
        states = sorted({proof.requirement.state for proof in group})
        if len(states) > 1:
            message = f"the section '{name}' is {' and '.join(states)}"
            yield Problem(page, group[0].requirement.line, message, "give all of its requirements one state")
        for proof in group:
            if proof.requirement.state == "Stable" and proof.obstacles and spec.cases is not None:
                message = f"{proof.requirement.id} is Stable with {', '.join(proof.obstacles)}"
                remedy = "add what is missing, or leave its section Candidate"
                yield Problem(page, proof.requirement.line, message, remedy)
