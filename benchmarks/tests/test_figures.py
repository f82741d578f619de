from __future__ import annotations

import pytest

from bench.figures import judged, percentile, ratio, summaries, summary
from bench.model import Failure, Outcome, Sample, Target

FAST, SLOW = "fast", "slow"


def outcome(**rates: list[float]) -> Outcome:
    samples = [
        Sample(name, number, {"rate": rate}) for name, all_of in rates.items() for number, rate in enumerate(all_of)
    ]
    return Outcome("line", tuple(samples))


def test_a_summary_is_the_median_and_the_bounds() -> None:
    found = summary([3.0, 1.0, 10.0])
    assert (found.median, found.least, found.greatest, found.count) == (3.0, 1.0, 10.0, 3)


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_value_at_the_nearest_rank(share: float, wanted: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == wanted


def test_summaries_are_by_contestant_and_metric() -> None:
    found = summaries(outcome(fast=[1.0, 3.0], slow=[5.0]).samples)
    assert found[FAST]["rate"].median == 2.0
    assert found[SLOW]["rate"].count == 1


def test_a_ratio_is_taken_within_each_round() -> None:
    # The machine was three times as slow in the second round, for both.
    assert ratio(outcome(fast=[300.0, 100.0], slow=[100.0, 33.0]), FAST, SLOW, "rate") == pytest.approx(3.0, rel=0.02)


def test_a_ratio_needs_a_round_that_both_have() -> None:
    samples = (Sample(FAST, 1, {"rate": 2.0}), Sample(SLOW, 2, {"rate": 1.0}))
    assert ratio(Outcome("line", samples), FAST, SLOW, "rate") is None


def test_a_target_compares_the_best_of_both_sides() -> None:
    found = judged(outcome(a=[10.0], b=[20.0], c=[4.0], d=[5.0]), Target(("a", "b"), ("c", "d"), at_least=4.0))
    assert (found.of, found.against, found.ratio, found.met) == ("b", "d", 4.0, True)


def test_a_target_that_is_missed_is_not_met() -> None:
    missed = judged(outcome(a=[3.0], b=[1.0]), Target(("a",), ("b",), at_least=4.0))
    assert missed.missed
    assert not missed.met


def test_a_cost_is_bounded_from_above() -> None:
    costs = Outcome("line", (Sample("a", 1, {"p50": 2.0}), Sample("b", 1, {"p50": 1.0})))
    assert judged(costs, Target(("a",), ("b",), "p50", at_most=1.5)).missed
    assert judged(costs, Target(("a",), (), "p50", at_most=2.0)).met


def test_a_target_without_its_contestant_is_not_met() -> None:
    found = judged(outcome(a=[3.0]), Target(("gone",), ("a",), at_least=1.0))
    assert found.ratio is None
    assert not found.met
    assert not found.missed


def test_who_fails_has_missed_its_target() -> None:
    outcome = Outcome("line", (Sample("b", 1, {"rate": 1.0}),), (Failure("a", 1, "died"),))
    assert judged(outcome, Target(("a",), ("b",), at_least=1.0)).missed
    assert not judged(outcome, Target(("b",), ("a",), at_least=1.0)).missed


def test_a_figure_that_a_short_run_lacks_misses_nothing() -> None:
    found = judged(outcome(a=[3.0]), Target(("a",), (), "own", at_most=60))
    assert found.ratio is None
    assert not found.missed
