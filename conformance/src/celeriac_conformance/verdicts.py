"""Verdicts, and the exit code that follows from them: two tables that everything else obeys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance import matching
from celeriac_conformance.cases import Case
from celeriac_conformance.requirements import MAY, MUST, Specification
from celeriac_conformance.values import Difference
from celeriac_conformance.witness import Combo

PASS = "pass"
NON_STRICT = "non-strict"  # a SHOULD is not met
FAIL = "fail"  # a MUST is not met
UNSUPPORTED = "unsupported"  # not claimed in hello, and said so
UNTESTED = "untested"  # selected, but the run ended before it
EXCUSED = "excused"  # failed, as known-failing.toml says
ERROR = "error"  # the testee process, the broker or the suite broke: nothing is known

#: Worst last; the verdict of a requirement is the worst of its checks.
VERDICTS = (PASS, EXCUSED, NON_STRICT, UNSUPPORTED, UNTESTED, FAIL, ERROR)

#: Verdicts that come from having looked.
LOOKED = frozenset({PASS, NON_STRICT, FAIL, EXCUSED})

OK, NOT_CONFORMANT, USAGE, BROKEN = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check: ``difference`` is None when it holds."""

    requirements: tuple[str, ...]
    level: str
    difference: Difference | None


@dataclass(slots=True)
class Outcome:
    """What became of one case on one combination (None for codec)."""

    case: Case
    combo: Combo | None
    verdict: str
    why: str = ""
    findings: list[Finding] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    issue: str = ""

    @property
    def name(self) -> str:
        """The case's name with the combination it ran on."""
        return f"{self.case.name} [{self.combo}]" if self.combo else self.case.name

    def worst(self) -> Finding | None:
        """The finding to show: the first miss of a MUST, else the first miss at all."""
        missed = [finding for finding in self.findings if finding.difference]
        return next((finding for finding in missed if finding.level == MUST), missed[0] if missed else None)


def judge(
    case: Case, combo: Combo | None, document: dict[str, Any], specification: Specification, strict: bool
) -> Outcome:
    """Hold what was witnessed against the case's checks."""
    findings = [
        Finding(
            check.requirements,
            specification.level(check.requirements),
            matching.check(check.matcher, check.at, check.argument, document),
        )
        for check in case.checks
        if check.applies(combo)
    ]
    if (stalled := document.get("stalled")) is not None:  # what was to be looked at did not come about
        level = specification.level(case.requirements)
        findings.insert(0, Finding(case.requirements, level, Difference("script", "acted to its end", stalled)))
    outcome = Outcome(case, combo, verdict_of(findings, strict), findings=findings, document=document)
    if (worst := outcome.worst()) is not None:
        outcome.why = str(worst.difference)
    return outcome


def verdict_of(findings: Iterable[Finding], strict: bool) -> str:
    """FAIL for a missed MUST, NON_STRICT (FAIL when strict) for a missed SHOULD, else PASS; a MAY binds nobody."""
    missed = {finding.level for finding in findings if finding.difference} - {MAY}
    if not missed:
        return PASS
    return FAIL if MUST in missed or strict else NON_STRICT


def exit_code(
    outcomes: Sequence[Outcome], faults: Sequence[str], stale: Sequence[str], demanded: Iterable[str] = ()
) -> int:
    """0 conformant, 1 not conformant, 2 stale expectation, 3 broken; where several hold the order is 3, 1, 2.

    ``demanded`` are the profiles asked for by name: one of which nothing could be looked at is not met.
    """
    verdicts = {outcome.verdict for outcome in outcomes}
    if faults or verdicts & {ERROR, UNTESTED}:
        return BROKEN
    met = {profile for outcome in outcomes if outcome.verdict in LOOKED for profile in outcome.case.profiles}
    if FAIL in verdicts or not met or not met.issuperset(demanded):
        return NOT_CONFORMANT
    return USAGE if stale else OK
