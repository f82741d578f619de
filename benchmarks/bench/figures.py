"""Medians, spread and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.model import METRICS, Outcome, Sample, Target


@dataclass(frozen=True)
class Summary:
    """Of several measurements: the median, the least, the greatest, and how many there were."""

    median: float
    least: float
    greatest: float
    count: int


@dataclass(frozen=True)
class Judged:
    """A target and the ratio that was measured: of whom, against whom; None when one of them is missing.

    It has ``failed`` when that is because those it is of failed.
    """

    target: Target
    of: str
    against: str
    ratio: float | None
    failed: bool = False

    @property
    def met(self) -> bool:
        """Whether the ratio is as wanted."""
        if self.ratio is None:
            return False
        above = self.target.at_least is None or self.ratio >= self.target.at_least
        return above and (self.target.at_most is None or self.ratio <= self.target.at_most)

    @property
    def missed(self) -> bool:
        """Whether it is known that it is not met."""
        return self.failed or (self.ratio is not None and not self.met)


def summary(values: Sequence[float]) -> Summary:
    """Summarise at least one value."""
    return Summary(statistics.median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed; nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def summaries(samples: Iterable[Sample]) -> dict[str, dict[str, Summary]]:
    """Contestant -> metric -> summary over the rounds."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for sample in samples:
        for metric, value in sample.figures.items():
            gathered.setdefault(sample.contestant, {}).setdefault(metric, []).append(value)
    return {name: {metric: summary(values) for metric, values in metrics.items()} for name, metrics in gathered.items()}


def ratio(outcome: Outcome, of: str, against: str, metric: str) -> float | None:
    """The median over the rounds of the ratio in one round: what slows the machine slows both."""
    there = ratios(outcome, of, against, metric)
    return statistics.median(there) if there else None


def ratios(outcome: Outcome, of: str, against: str, metric: str) -> list[float]:
    """The ratio in each round that both have."""
    mine, theirs = _by_round(outcome, of, metric), _by_round(outcome, against, metric)
    return [mine[number] / theirs[number] for number in mine.keys() & theirs.keys() if theirs[number]]


def _by_round(outcome: Outcome, contestant: str, metric: str) -> dict[int, float]:
    return {
        sample.round: sample.figures[metric]
        for sample in outcome.samples
        if sample.contestant == contestant and metric in sample.figures
    }


def judged(outcome: Outcome, target: Target) -> Judged:
    """Hold an outcome against a target: the best of ours against the best of theirs, by their medians.

    A target against nobody bounds the figure itself.
    """
    known = summaries(outcome.samples)
    of = _best(known, target.of, target.metric)
    if of is None:
        failed = any(one.contestant in target.of and not one.left_out for one in outcome.failures)
        return Judged(target, target.of[0], "", None, failed)
    if not target.against:
        return Judged(target, of, "", known[of][target.metric].median)
    against = _best(known, target.against, target.metric)
    if against is None:
        return Judged(target, of, target.against[0], None)
    return Judged(target, of, against, ratio(outcome, of, against, target.metric))


def _best(known: Mapping[str, Mapping[str, Summary]], names: Iterable[str], metric: str) -> str | None:
    there = [name for name in names if metric in known.get(name, {})]
    if not there:
        return None
    choose = max if METRICS[metric].higher_is_better else min
    return choose(there, key=lambda name: known[name][metric].median)
