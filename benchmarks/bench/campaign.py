"""Runs lines: calibrates each contestant, then measures all of them in turn, round after round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import amqp
import redis

from bench.measure import MEASURES, Figures, Plan
from bench.model import Contestant, ContestantError, Failure, LeftOut, Line, Outcome, Sample, Short
from bench.patience import Limit, Say
from bench.stage import Stage

#: Messages of the slowest contestants.
LEAST = 50
#: What a broker raises that does not answer, or not as it is to.
BROKEN = (OSError, amqp.AMQPError, redis.RedisError)


@dataclass(frozen=True)
class Effort:
    """How long a run may take: rounds that count, seconds that each measurement is to last, and who takes part.

    ``patience`` is how many seconds a measurement may take with all that goes with it, on the average of a line.
    """

    name: str
    rounds: int
    seconds: float
    first: int
    most: int
    quick: bool
    patience: float

    def lines(self, table: Iterable[Line]) -> list[Line]:
        """The lines that it measures."""
        return [line for line in table if line.short or not self.quick]

    def contestants(self, line: Line) -> list[Contestant]:
        """The contestants of a line that it measures."""
        short = self._short(line)
        return [one for one in line.contestants if short is None or one in short.contestants]

    def count(self, line: Line) -> int | None:
        """How many messages there are, where that is known beforehand."""
        short = self._short(line)
        return short.count if short else line.count

    def numbers(self, line: Line) -> range:
        """The rounds of a line; 0 finds out how many messages there are to be, and does not count."""
        rounds = min(self.rounds, line.rounds or self.rounds)
        return range(0 if self.count(line) is None else 1, rounds + 1)

    def measurements(self, line: Line) -> int:
        """How many measurements a line takes."""
        return len(self.numbers(line)) * len(self.contestants(line))

    def limit(self, line: Line) -> float:
        """Seconds after which a line is over, whatever is left of it."""
        return self.measurements(line) * self.patience * line.patience

    def _short(self, line: Line) -> Short | None:
        return line.short if self.quick else None


#: smoke: does everybody do what it is asked for? Its figures are worth nothing.
EFFORTS = {
    "smoke": Effort("smoke", rounds=1, seconds=0.1, first=100, most=1_000, quick=False, patience=20),
    "quick": Effort("quick", rounds=2, seconds=0.5, first=300, most=10_000, quick=True, patience=7),
    "full": Effort("full", rounds=3, seconds=1.2, first=400, most=100_000, quick=False, patience=20),
}


def run(stage: Stage, line: Line, effort: Effort, say: Say) -> Outcome:
    """Measure a line.

    Who fails in one round is not measured in the next; its failure is in the outcome. So is whom no time was left for.
    """
    stage = replace(stage, limit=Limit.of(effort.limit(line), say))
    samples: list[Sample] = []
    failures: list[Failure] = []
    first = effort.count(line) or min(effort.first, line.most or effort.first)
    numbers = effort.numbers(line)
    counts = {contestant.name: first for contestant in effort.contestants(line)}
    for number in numbers:
        for contestant in _turned(effort.contestants(line), number):
            if contestant.name not in counts:
                continue
            try:
                figures = _once(stage, line, contestant, Plan(counts[contestant.name]))
            except (ContestantError, *BROKEN) as error:
                failures.append(Failure(contestant.name, number, str(error) or repr(error), isinstance(error, LeftOut)))
                say(f"  {contestant.name}: FAILED: {failures[-1].reason}")
                del counts[contestant.name]
                continue
            if number:
                samples.append(Sample(contestant.name, number, figures))
            counts[contestant.name] = _count(line, figures, effort, counts[contestant.name])
            say(f"  {number}/{numbers[-1]} {contestant.name}: {_brief(figures)}")
    return Outcome(line.name, tuple(samples), tuple(failures))


def _once(stage: Stage, line: Line, contestant: Contestant, plan: Plan) -> Figures:
    if stage.limit.over:
        raise LeftOut("no time left for this line")
    return MEASURES[line.measure](stage.of(contestant), line, contestant, plan)


def _turned(contestants: list[Contestant], number: int) -> list[Contestant]:
    """Another one begins in each round."""
    turn = number % len(contestants)
    return [*contestants[turn:], *contestants[:turn]]


def _count(line: Line, figures: Figures, effort: Effort, last: int) -> int:
    """How many messages last for the wanted time."""
    rate = figures.get("rate")
    if rate is None or effort.count(line) is not None:
        return last
    most = effort.most if line.most is None else min(effort.most, line.most)
    return max(min(LEAST, most), min(most, int(rate * effort.seconds)))


def _brief(figures: Figures) -> str:
    return ", ".join(f"{metric} {value:.4g}" for metric, value in figures.items())
