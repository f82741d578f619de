"""The truth tables: checks to verdicts, verdicts to the exit code."""

from __future__ import annotations

import pytest

from celeriac_conformance.cases import Case
from celeriac_conformance.values import Difference
from celeriac_conformance.verdicts import (
    ERROR,
    EXCUSED,
    FAIL,
    NON_STRICT,
    PASS,
    UNSUPPORTED,
    UNTESTED,
    Finding,
    Outcome,
    exit_code,
    verdict_of,
)

MISS = Difference("x", "1", "2")

VERDICT_TABLE = [
    ([], False, PASS),
    ([("MUST", None), ("SHOULD", None)], False, PASS),
    ([("MUST", MISS)], False, FAIL),
    ([("MUST", None), ("SHOULD", MISS)], False, NON_STRICT),
    ([("MUST", None), ("SHOULD", MISS)], True, FAIL),
    ([("MUST", MISS), ("SHOULD", MISS)], False, FAIL),
    ([("MAY", MISS)], False, PASS),
    ([("MAY", MISS)], True, PASS),
]


@pytest.mark.parametrize(("checks", "strict", "verdict"), VERDICT_TABLE)
def test_verdict(checks: list[tuple[str, Difference | None]], strict: bool, verdict: str) -> None:
    assert verdict_of([Finding(("TM-HDR-001",), level, missed) for level, missed in checks], strict) == verdict


#: verdicts of a run, faults, stale lines -> exit code.
EXIT_TABLE = [
    ([PASS], [], [], 0),
    ([PASS, NON_STRICT, UNSUPPORTED, EXCUSED], [], [], 0),
    ([], [], [], 1),
    ([UNSUPPORTED], [], [], 1),
    ([PASS, FAIL], [], [], 1),
    ([EXCUSED], [], [], 0),
    ([PASS], [], ["line"], 2),
    ([PASS, FAIL], [], ["line"], 1),
    ([PASS, ERROR], [], [], 3),
    ([FAIL, ERROR], [], ["line"], 3),
    ([PASS, UNTESTED], [], [], 3),
    ([PASS], ["the broker went away"], [], 3),
    ([], ["the testee did not start"], [], 3),
]


@pytest.mark.parametrize(("verdicts", "faults", "stale", "code"), EXIT_TABLE)
def test_exit_code(verdicts: list[str], faults: list[str], stale: list[str], code: int) -> None:
    assert exit_code(_outcomes(verdicts), faults, stale) == code


def test_a_profile_asked_for_by_name_has_to_be_met() -> None:
    outcomes = _outcomes([PASS, UNSUPPORTED])
    outcomes[1].case = Case("worker/x", "worker", "", {})
    assert exit_code(outcomes, [], []) == 0
    assert exit_code(outcomes, [], [], ["producer"]) == 0
    assert exit_code(outcomes, [], [], ["producer", "worker"]) == 1


def _outcomes(verdicts: list[str]) -> list[Outcome]:
    return [Outcome(Case(f"producer/{n}", "producer", "", {}), None, verdict) for n, verdict in enumerate(verdicts)]
