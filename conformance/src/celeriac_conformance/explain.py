"""``list`` and ``explain``: the library of cases and the requirements behind them, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import yaml

from celeriac_conformance.cases import Case, Check
from celeriac_conformance.requirements import Specification
from celeriac_conformance.values import shown


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
        return _requirement(identifier, specification, library)
    name = identifier.partition(" [")[0]
    return next((_case(case, specification) for case in library if case.name == name), [])


def _requirement(identifier: str, specification: Specification, library: Sequence[Case]) -> list[str]:
    requirement = specification.requirements[identifier]
    head = " ".join(filter(None, [identifier, requirement.title]))
    proving = [case for case in library if identifier in case.requirements]
    where = [f"in {requirement.where}"] if requirement.where else []
    return [
        head,
        *textwrap.wrap(f"{requirement.sentence}", 100, initial_indent="  ", subsequent_indent="  "),
        *where,
        *([f"proved by {len(proving)} cases:"] if proving else ["proved by no case of this suite"]),
        *(f"  {case.name}: {case.about}" for case in proving),
    ]


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
