"""``list`` and ``explain``: the library of cases and the requirements behind them, as text."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from celeriac_conformance import data, excerpts
from celeriac_conformance.cases import Case, Check
from celeriac_conformance.requirements import Specification
from celeriac_conformance.values import shown

CODEC = "codec"
_VECTOR = re.compile(r"`([a-z0-9-]+(?:/[a-z0-9-]+)+)`")


def listing(chosen: Sequence[Case]) -> list[str]:
    """A line for each case: its name and requirements."""
    width = max(len(case.name) for case in chosen)
    return [f"{case.name:{width}}  {' '.join(case.requirements)}".rstrip() for case in chosen]


def coverage(specification: Specification, chosen: Sequence[Case]) -> list[str]:
    """A line for each requirement: level, id, number of live cases and of vectors, sentence."""
    lines = []
    for name, requirement in specification.requirements.items():
        proving = [case for case in chosen if name in case.requirements]
        vectors = sum(case.profile == "codec" for case in proving)
        sentence = textwrap.shorten(requirement.sentence, 80, placeholder=" ...")
        lines.append(
            f"{requirement.level:6} {name:14} {len(proving) - vectors:3} cases {vectors:3} vectors  {sentence}"
        )
    return lines


def explain(identifier: str, specification: Specification, library: Sequence[Case]) -> list[str]:
    """The explanation of a requirement or a case; empty when it is neither."""
    if identifier in specification.requirements:
        return _requirement(facts(identifier, specification, library))
    name = identifier.partition(" [")[0]
    return next((_case(case, specification) for case in library if case.name == name), [])


def facts(identifier: str, specification: Specification, library: Sequence[Case]) -> dict[str, Any]:
    """All that is known about a requirement, as ``explain --json`` prints it."""
    requirement = specification.requirements[identifier]
    proving = [case for case in library if identifier in case.requirements]
    return {
        "id": requirement.id,
        "title": requirement.title,
        "state": requirement.state,
        "level": requirement.level,
        "sentence": requirement.sentence,
        "why": requirement.why,
        "example": requirement.example,
        "no_bytes": requirement.no_bytes,
        "untested": requirement.untested,
        "bytes": [
            _bytes(vector, requirement.title, requirement.example, library)
            for vector in _VECTOR.findall(requirement.example)
        ],
        "cases": [{"case": case.name, "about": case.about} for case in proving if case.profile != CODEC],
        "vectors": [case.name for case in proving if case.profile == CODEC],
        "mutants": list(_mutants(identifier)),
        "page": requirement.where,
    }


def _bytes(vector: str, title: str, example: str, library: Sequence[Case]) -> dict[str, Any]:
    """The wire of a vector of the example: what the example quotes of it, and the body."""
    steps = next((case.steps for case in library if case.name == f"{CODEC}/{vector}"), {})
    provenance = steps.get("provenance", {})
    celery, wanted = provenance.get("celery"), excerpts.names_in(f"{title} {example}")
    made = f"captured from Celery {celery}: {provenance.get('call', '')}" if celery else "written by hand"
    return {"vector": vector, "from": made, "lines": excerpts.lines(steps.get("wire", {}), wanted)}


def _mutants(identifier: str) -> Iterator[dict[str, str]]:
    """The mutants that were caught at breaking the requirement: what each does wrong, and in which case it shows."""
    for row in _all_mutants():
        for kill in row["kills"]:
            if kill["requirement"] == identifier:
                yield {"mutant": row["mutant"], "defect": row["defect"], "case": kill["case"], "at": kill["at"]}


@functools.cache
def _all_mutants() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((data.folder("mutants") / "mutants.yaml").read_text(encoding="utf-8"))
    return rows


def _requirement(known: dict[str, Any]) -> list[str]:
    """The facts as text."""
    lines = [
        f"{known['id']} {known['title']}".rstrip(),
        *_wrapped(known["sentence"]),
        *([f"why it bites ({known['level']}, {known['state']}):", *_wrapped(known["why"])] if known["why"] else []),
    ]
    for example in known["bytes"]:
        lines += [f"example {example['vector']}, {example['from']}", *(f"  {line}" for line in example["lines"])]
    if known["no_bytes"]:
        lines += ["no message shows it:", *_wrapped(known["no_bytes"])]
    cases, vectors, mutants = known["cases"], known["vectors"], known["mutants"]
    lines += [f"proved by {_many(len(cases), 'live case')}:" if cases else "proved by no live case"]
    lines += [f"  {case['case']}: {case['about']}" for case in cases]
    lines += ["untested:", *_wrapped(known["untested"])] if known["untested"] else []
    lines += [f"shown by {_many(len(vectors), 'vector')}:", *_wrapped(", ".join(vectors))] if vectors else []
    lines += [f"defended by {_many(len(mutants), 'kill')} of a mutant:" if mutants else "defended by no mutant yet"]
    lines += [f"  {kill['mutant']}: {kill['defect']} Caught by {kill['case']}" for kill in mutants]
    return [*lines, *([f"in {known['page']}"] if known["page"] else [])]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _case(case: Case, specification: Specification) -> list[str]:
    steps = yaml.safe_dump(case.steps, sort_keys=False, allow_unicode=True, width=100)
    restricted = [
        f"only on {name}: {value}" for name, value in (("broker", case.broker), ("result", case.result)) if value
    ]
    return [
        f"{case.name} (profile {case.profile})",
        f"  {case.about}",
        *(f"  {line}" for line in restricted),
        *(f"  needs {name}: {value}" for name, value in case.needs),
        *textwrap.indent(steps, "    ").splitlines(),
        *(["  expects:"] if case.checks else []),
        *(f"    {line}" for check in case.checks for line in _check(check, specification)),
    ]


def _check(check: Check, specification: Specification) -> list[str]:
    says = f"{check.matcher} {shown(check.argument)}"
    if check.matcher == "absent":
        says = "is absent" if check.argument else "is present"
    where = "".join(f" [{part}]" for part in (check.broker, check.result) if part)
    return [
        f"{check.at or 'all of it'} {says}{where}",
        *(
            line
            for name in check.requirements
            for line in textwrap.wrap(
                f"{name}: {specification.requirement(name).sentence}", 96, initial_indent="  ", subsequent_indent="    "
            )
        ),
    ]
