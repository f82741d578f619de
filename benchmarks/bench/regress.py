"""Holds a run against the published one of its size: a regression is a ratio that is worse by more than noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Judged, judged, ratios
from bench.model import METRICS, Line, Outcome
from bench.report import Run, from_json, what

#: So many times worse in every round. benchmarks/README.md has the figures it was chosen from: noise stays below, half
#: of a rate lost is above.
SLACK = 1.5


@dataclass(frozen=True)
class Change:
    """A ratio that was published, and the best of the same two contestants in any round of a run."""

    line: str
    published: Judged
    best: float

    @property
    def regressed(self) -> bool:
        """Whether it is worse than what was published by more than ``SLACK``."""
        known = self.published.ratio
        assert known is not None
        better = METRICS[self.published.target.metric].higher_is_better
        return self.best * SLACK < known if better else self.best > known * SLACK

    def __str__(self) -> str:
        """What it is, then and now."""
        return f"{self.line}: {what(self.published)}: {self.best:.2f} x at best, {self.published.ratio:.2f} x published"


@dataclass(frozen=True)
class Comparison:
    """The ratios that both runs have, and the lines for which there is nothing to compare them with."""

    changes: tuple[Change, ...]
    unknown: tuple[str, ...]

    @property
    def regressions(self) -> list[Change]:
        """Those that are worse by more than noise."""
        return [change for change in self.changes if change.regressed]


def published(folder: Path) -> list[Run]:
    """The runs in a folder and below it, the newest first."""
    found = [from_json(path.read_text()) for path in folder.rglob("report.json")]
    return sorted(found, key=lambda run: run.machine["date"], reverse=True)


def compare(run: Run, others: Sequence[Run], lines: Mapping[str, Line]) -> Comparison:
    """Hold each line against the first of the other runs that has it and is of the same size."""
    changes: list[Change] = []
    unknown: list[str] = []
    for outcome in run.outcomes:
        same = (one for other in others if other.effort == run.effort for one in other.outcomes)
        known = next((one for one in same if one.line == outcome.line), None)
        if known is None:
            unknown.append(outcome.line)
        else:
            changes += _changes(lines[outcome.line], outcome, known)
    return Comparison(tuple(changes), tuple(unknown))


def _changes(line: Line, now: Outcome, then: Outcome) -> list[Change]:
    changes = []
    for target in line.targets:
        verdict = judged(then, target)
        here = ratios(now, verdict.of, verdict.against, target.metric)
        if verdict.ratio is not None and here:
            best = max(here) if METRICS[target.metric].higher_is_better else min(here)
            changes.append(Change(line.name, verdict, best))
    return changes
