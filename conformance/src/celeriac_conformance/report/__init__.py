"""What a run leaves behind: text and a page for people, report.json and junit.xml for programs."""

from __future__ import annotations

import datetime
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance.requirements import MUST, Specification
from celeriac_conformance.testee import Hello
from celeriac_conformance.verdicts import FAIL, NON_STRICT, PASS, UNTESTED, VERDICTS, Outcome


@dataclass
class Story:
    """A whole run, as the reports tell it."""

    command: Sequence[str]
    specification: Specification
    seed: int
    strict: bool
    profiles: Sequence[str]
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    extra: Sequence[str] = ()  # further options that a rerun needs
    hello: Hello | None = None
    combos: Sequence[str] = ()
    restarts: int = 0
    started: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))
    seconds: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    exit: int = 3

    @property
    def complete(self) -> bool:
        """Whether every selected case was reached and nothing broke outside a case."""
        return not self.faults and all(outcome.verdict != UNTESTED for outcome in self.outcomes)

    def counts(self) -> Counter[str]:
        """Number of outcomes by verdict."""
        return Counter(outcome.verdict for outcome in self.outcomes)

    def rerun(self, outcome: Outcome) -> str:
        """A command line that runs this case alone."""
        options = ["--only", outcome.case.name, *self.extra, *(["--strict"] if self.strict else [])]
        return shlex.join(["celeriac-conformance", *options, "--", *self.command])

    def requirements(self) -> list[dict[str, Any]]:
        """Every requirement with its worst verdict in this run and the number of outcomes that looked at it."""
        rows = []
        seen = _by_requirement(self.outcomes)
        for name, requirement in self.specification.requirements.items():
            verdicts = seen.get(name, [])
            worst = max(verdicts, key=VERDICTS.index) if verdicts else UNTESTED
            row = {"id": name, "level": requirement.level, "sentence": requirement.sentence}
            rows.append({**row, "verdict": worst, "cases": len(verdicts)})
        return rows


def _by_requirement(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """Verdicts by requirement: that of its own checks where the case was judged, else that of the case."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        if not outcome.findings:
            for name in outcome.case.requirements:
                found.setdefault(name, []).append(outcome.verdict)
        for finding in outcome.findings:
            for name in finding.requirements:
                found.setdefault(name, []).append(_verdict(outcome, finding.level, bool(finding.difference)))
    return found


def _verdict(outcome: Outcome, level: str, missed: bool) -> str:
    if not missed:
        return PASS
    if level == MUST:
        return outcome.verdict if outcome.verdict != NON_STRICT else FAIL
    return NON_STRICT
