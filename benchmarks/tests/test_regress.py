"""Against a published run: what is a regression, what is noise, and what becomes of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import bench.__main__ as program
from bench.lines import LINES
from bench.model import Contestant, Line, Outcome, Sample, Target
from bench.publish import RESULTS
from bench.regress import SLACK, compare, published
from bench.report import Run, to_json, write

OURS = Contestant(name="celeriac", adapter="x", environment="x")
BARE = Contestant(name="bare", adapter="x", environment="x", ceiling=True)
LINE = Line(
    name="line", title="A line", measure="tasks", broker="amqp", contestants=(OURS, BARE),
    targets=(Target(("celeriac",), ("bare",), at_least=9), Target(("celeriac",), ("bare",), "p50", at_most=1)),
)  # fmt: skip
TABLE = {"line": LINE}


def run(rates: Sequence[float], costs: Sequence[float] = (2.0, 2.0), *, effort: str = "quick", date: str = "1") -> Run:
    """Ours has these figures in the rounds, the bare client always 1: a figure is a ratio."""
    samples = [
        sample
        for number, (rate, cost) in enumerate(zip(rates, costs, strict=True), 1)
        for sample in (
            Sample("celeriac", number, {"rate": rate, "p50": cost}),
            Sample("bare", number, {"rate": 1.0, "p50": 1.0}),
        )
    ]
    return Run(effort, {"date": date}, {}, (Outcome("line", tuple(samples)),))


def regressions(now: Run, *then: Run) -> list[str]:
    return [change.published.target.metric for change in compare(now, then, TABLE).regressions]


def test_the_half_of_a_rate_is_a_regression_and_noise_is_none() -> None:
    assert regressions(run([2.0, 2.0]), run([4.0, 4.0])) == ["rate"]
    assert regressions(run([4.0 / SLACK, 1.0]), run([4.0, 4.0])) == []
    assert regressions(run([4.0, 4.0]), run([4.0, 4.0])) == []
    assert regressions(run([8.0, 8.0]), run([4.0, 4.0])) == []


def test_twice_a_cost_is_a_regression_and_noise_is_none() -> None:
    assert regressions(run([4.0, 4.0], [4.0, 4.0]), run([4.0, 4.0])) == ["p50"]
    assert regressions(run([4.0, 4.0], [2.0 * SLACK, 9.0]), run([4.0, 4.0])) == []
    assert regressions(run([4.0, 4.0], [1.0, 1.0]), run([4.0, 4.0])) == []


def test_one_good_round_is_enough() -> None:
    assert regressions(run([1.0, 4.0]), run([4.0, 4.0])) == []


def test_what_has_no_bound_is_compared_and_what_is_no_ratio_is_not() -> None:
    watched = replace(LINE, targets=(Target(("celeriac",), ("bare",)), Target(("celeriac",), (), "p50", at_most=1)))
    found = compare(run([1.0, 1.0], [9.0, 9.0]), [run([4.0, 4.0])], {"line": watched})
    assert [change.published.target for change in found.regressions] == [watched.targets[0]]
    assert len(found.changes) == 1


def test_only_runs_of_the_same_size_are_compared() -> None:
    found = compare(run([1.0, 1.0]), [run([4.0, 4.0], effort="full")], TABLE)
    assert (found.changes, found.unknown) == ((), ("line",))


def test_the_newest_run_that_has_the_line_counts(tmp_path: Path) -> None:
    other = replace(run([0.0, 0.0], date="3"), outcomes=())
    runs = {"a": run([9.0, 9.0]), "a/b": run([1.0, 1.0], date="2"), "c": other}
    for name, one in runs.items():
        write(one, TABLE, tmp_path / name)
    known = published(tmp_path)
    assert [one.machine["date"] for one in known] == ["3", "2", "1"]
    assert regressions(run([1.0, 1.0]), *known) == []


def test_a_contestant_that_is_missing_is_not_compared() -> None:
    alone = replace(run([1.0, 1.0]), outcomes=(Outcome("line", (Sample("bare", 1, {"rate": 1.0}),)),))
    assert compare(alone, [run([4.0, 4.0])], TABLE).changes == ()
    assert compare(run([1.0, 1.0]), [alone], TABLE).changes == ()


def test_the_published_runs_of_this_repository_are_compared_with_themselves() -> None:
    lines = {line.name: line for line in LINES}
    for one in published(RESULTS):
        found = compare(one, published(RESULTS), lines)
        assert found.changes
        assert (found.regressions, found.unknown) == ([], ())


@pytest.mark.parametrize(
    ("rate", "words", "code", "moved"),
    [(4.0, [], 0, True), (1.0, [], 1, False), (1.0, ["--accept-regressions"], 1, True)],
)
def test_a_regression_is_published_only_where_it_is_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rate: float,
    words: list[str],
    code: int,
    moved: bool,
) -> None:
    for folder, one in {"published": run([4.0, 4.0]), "now": run([rate, rate])}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.json").write_text(to_json(one))
    moves: list[Run] = []
    monkeypatch.setattr(program, "TABLE", TABLE)
    monkeypatch.setattr(program, "RESULTS", tmp_path / "published")
    monkeypatch.setattr(program, "publish", lambda one, _lines: moves.append(one))
    monkeypatch.setattr(sys, "argv", ["bench", "--render", str(tmp_path / "now"), "--publish", *words])
    assert program.main() == code
    assert bool(moves) == moved
    said = capsys.readouterr().out
    assert ("REGRESSED line: celeriac against bare: per second: 1.00 x at best, 4.00 x published" in said) == bool(code)
    assert "Targets: 0 met, 2 missed, 0 not measured." in said
    assert ("NOT PUBLISHED" in said) == (not moved)
