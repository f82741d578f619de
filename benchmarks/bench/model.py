"""What is measured, of whom, and what came of it: plain values that the other modules pass around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Guarantee(Enum):
    """What a contestant keeps when a process, a machine or a connection dies. The value is its letter in the tables."""

    PERSISTENT = "P"
    CONFIRMED = "C"
    ACK_LATE = "A"
    RESULT_FIRST = "R"
    DEATHS_COUNTED = "D"


LEGEND: Mapping[Guarantee, str] = {
    Guarantee.PERSISTENT: "messages are marked persistent (Redis: as safe as that server)",
    Guarantee.CONFIRMED: "sending returns, or the batch ends, when the broker has the message",
    Guarantee.ACK_LATE: "acknowledged after the run: a task whose worker dies runs again",
    Guarantee.RESULT_FIRST: "the result is stored before the acknowledgement",
    Guarantee.DEATHS_COUNTED: "a task that takes its process down again and again is given up",
}


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Somebody who is measured: an adapter in ``contestants/``, the environment it runs in, and its options.

    ``fill`` names the adapter that puts its messages into the queue. A ``ceiling`` is a driver alone.
    """

    name: str
    adapter: str
    environment: str
    keeps: frozenset[Guarantee] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    fill: str = "filler"
    fill_environment: str = "celeriac"
    language: str = "python"
    ceiling: bool = False


@dataclass(frozen=True)
class Target:
    """A ratio that is watched: ``of`` against the best of ``against``, in one metric of a line.

    ``at_least`` bounds rates, ``at_most`` bounds costs. With neither, nothing is wanted of it.
    """

    of: tuple[str, ...]
    against: tuple[str, ...]
    metric: str = "rate"
    at_least: float | None = None
    at_most: float | None = None
    about: str = ""

    @property
    def wanted(self) -> bool:
        """Whether it has a bound."""
        return self.at_least is not None or self.at_most is not None


@dataclass(frozen=True)
class Short:
    """A line's part of the short run: so many messages for each, found out beforehand, and who takes part."""

    count: int
    contestants: tuple[Contestant, ...]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One table of the report: contestants under the same conditions.

    ``measure`` names the way of measuring, ``metric`` the figure that is plotted and compared, ``columns`` those
    that are shown. ``conditions`` are fields of the job: ``size`` of the argument in bytes, ``processes``, ``options``.
    ``count`` is how many messages there are where that is not found out, ``most`` how many at most; ``patience`` how
    many times as long as elsewhere a measurement may take. ``short`` is its part of the short run, if it has one.
    ``absent`` are those who ought to be measured and cannot be, and why.
    """

    name: str
    title: str
    measure: str
    broker: str
    contestants: tuple[Contestant, ...]
    results: str = "none"
    metric: str = "rate"
    columns: tuple[str, ...] = ("rate",)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    about: str = ""
    short: Short | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    count: int | None = None
    most: int | None = None
    rounds: int | None = None
    patience: float = 1.0


@dataclass(frozen=True)
class Metric:
    """A figure: its heading, its unit, and which way is better."""

    heading: str
    unit: str
    higher_is_better: bool = False
    digits: int = 0


METRICS: Mapping[str, Metric] = {
    "rate": Metric("per second", "1/s", higher_is_better=True),
    "own": Metric("own CPU, µs each", "µs"),
    "broker": Metric("broker CPU, µs each", "µs"),
    "start": Metric("start to first task, s", "s", digits=2),
    "memory": Metric("memory (PSS), MB", "MB"),
    "p50": Metric("p50, ms", "ms", digits=2),
    "p99": Metric("p99, ms", "ms", digits=2),
    "idle": Metric("idle CPU, %", "%", digits=2),
    "kept": Metric("rate kept", "of 1", higher_is_better=True, digits=2),
    "each": Metric("ms each", "ms", digits=2),
    "bytes": Metric("memory for each, bytes", "B"),
}


@dataclass(frozen=True)
class Sample:
    """One measurement: whose, in which round, and its figures by the name of the metric."""

    contestant: str
    round: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """A measurement that did not come about, and why. Who was ``left_out`` was never asked to do anything."""

    contestant: str
    round: int
    reason: str
    left_out: bool = False


@dataclass(frozen=True)
class Outcome:
    """All that was measured of one line."""

    line: str
    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...] = ()


class ContestantError(RuntimeError):
    """A contestant did not do what it was asked for; the text says what, and quotes the end of its output."""


class LeftOut(ContestantError):
    """It was not asked for anything; the text says why."""
