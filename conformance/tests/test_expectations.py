"""known-failing.toml: must be well-formed, must match, must fail, ends at a date, and never excuses a crash."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from conftest import HERE

from celeriac_conformance import expectations
from celeriac_conformance.cases import Case
from celeriac_conformance.expectations import BadExpectations, Line
from celeriac_conformance.verdicts import ERROR, EXCUSED, FAIL, NON_STRICT, PASS, UNSUPPORTED, Outcome
from celeriac_conformance.witness import Combo

TODAY = datetime.date(2026, 11, 21)
LIBRARY = [Case(f"worker/poison/{name}", "worker", "", {}) for name in ("no-id", "empty-body")]
GOOD = {
    "case": '"worker/poison/no-id"',
    "issue": '"https://example.org/issues/1"',
    "why": '"the worker exits: KeyError"',
    "since": "2026-11-01",
    "until": "2027-01-01",
}


def _read(tmp_path: Path, **changes: str | None) -> list[Line]:
    rows = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    path = tmp_path / "known-failing.toml"
    path.write_text("[[known-failing]]\n" + "".join(f"{key} = {value}\n" for key, value in rows.items()))
    return expectations.read(path, LIBRARY, TODAY)


def test_a_good_line(tmp_path: Path) -> None:
    (line,) = _read(tmp_path)
    assert line.until == datetime.date(2027, 1, 1)


def test_several_cases_are_as_many_lines(tmp_path: Path) -> None:
    lines = _read(tmp_path, case='["worker/poison/no-id", "worker/poison/empty-body"]')
    assert [line.case for line in lines] == ["worker/poison/no-id", "worker/poison/empty-body"]
    with pytest.raises(BadExpectations, match="no case matches 'worker/poison/none'"):
        _read(tmp_path, case='["worker/poison/no-id", "worker/poison/none"]')


@pytest.mark.parametrize("name", GOOD)
def test_every_member_is_required(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadExpectations, match=name):
        _read(tmp_path, **{name: None})


BAD = [
    ({"until": "2026-11-20"}, "expired"),
    ({"case": '"worker/poison/no-such"'}, "stale"),
    ({"until": '"some day"'}, "until"),
    ({"broker": '"kafka"'}, "broker"),
    ({"flaky": "true"}, "flaky"),
    ({"why": '"?"'}, "why"),
    ({"case": "unquoted"}, "known-failing"),
]


@pytest.mark.parametrize(("change", "word"), BAD)
def test_a_bad_line(change: dict[str, str], word: str, tmp_path: Path) -> None:
    with pytest.raises(BadExpectations, match=word):
        _read(tmp_path, **change)


def test_the_last_day_counts(tmp_path: Path) -> None:
    assert _read(tmp_path, until="2026-11-21")


#: verdict before, verdict after, whether the line is stale.
TABLE = [
    (FAIL, EXCUSED, False),
    (NON_STRICT, NON_STRICT, False),
    (PASS, PASS, True),
    (UNSUPPORTED, UNSUPPORTED, True),
    (ERROR, ERROR, False),
]


def _applied(lines: list[expectations.Line], outcomes: list[Outcome]) -> list[str]:
    """Excuse each outcome as it comes; what is stale when all are there."""
    for outcome in outcomes:
        expectations.excuse(lines, outcome)
    return expectations.stale(lines, outcomes)


@pytest.mark.parametrize(("before", "after", "stale"), TABLE)
def test_outcome_under_a_line(before: str, after: str, stale: bool, tmp_path: Path) -> None:
    lines = _read(tmp_path)
    outcome = Outcome(LIBRARY[0], Combo("amqp", "rpc"), before)
    assert bool(_applied(lines, [outcome])) == stale
    assert outcome.verdict == after


def test_a_line_for_one_broker_leaves_the_other_alone(tmp_path: Path) -> None:
    lines = _read(tmp_path, broker='"amqp"')
    amqp = Outcome(LIBRARY[0], Combo("amqp", "redis"), FAIL)
    redis = Outcome(LIBRARY[0], Combo("redis", "redis"), FAIL)
    assert _applied(lines, [amqp, redis]) == []
    assert (amqp.verdict, redis.verdict) == (EXCUSED, FAIL)


def test_every_combination_under_a_line_must_fail(tmp_path: Path) -> None:
    lines = _read(tmp_path)
    outcomes = [
        Outcome(LIBRARY[0], Combo("amqp", "redis"), FAIL),
        Outcome(LIBRARY[0], Combo("redis", "redis"), PASS),
    ]
    (sentence,) = _applied(lines, outcomes)
    assert "worker/poison/no-id [redis+redis] passes now" in sentence


def test_a_line_whose_cases_were_not_selected_is_left_alone(tmp_path: Path) -> None:
    assert _applied(_read(tmp_path), []) == []


def test_the_file_of_celery_is_well_formed(library: list[Case]) -> None:
    assert expectations.read(HERE.parent / "adapters" / "celery" / "known-failing.toml", library, TODAY)
