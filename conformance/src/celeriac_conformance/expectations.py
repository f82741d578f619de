"""known-failing.toml: failures that a project knows of. A line must match, must fail, and ends at a date.

[[known-failing]]
case = "worker/poison/no-id"        # a case or a glob, or an array of them: one line for each
broker = "amqp"                     # optional, as is result
issue = "https://example.org/issues/12"
why = "the worker exits: KeyError in Request.__init__"
since = 2026-11-21
until = 2027-06-30
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from celeriac_conformance import data, verdicts
from celeriac_conformance.cases import Case, matches
from celeriac_conformance.verdicts import EXCUSED, FAIL, NON_STRICT, PASS, Outcome

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class BadExpectations(Exception):
    """The file cannot be read, names no case, or a line of it has expired; the message says which."""


@dataclass(frozen=True, slots=True)
class Line:
    """One case or glob of a ``[[known-failing]]`` entry."""

    case: str
    issue: str
    why: str
    until: datetime.date
    broker: str | None = None
    result: str | None = None

    def covers(self, outcome: Outcome) -> bool:
        """Whether the outcome is one that the line speaks of."""
        combo = outcome.combo
        return matches(outcome.case.name, self.case) and (
            combo is None or (self.broker in (None, combo.broker) and self.result in (None, combo.result))
        )

    def __str__(self) -> str:
        return " ".join(filter(None, [self.case, self.broker, self.result]))


def read(path: Path, library: Sequence[Case], today: datetime.date) -> list[Line]:
    """The lines of a file; raises BadExpectations for one that is ill-formed, expired or matches no case at all."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadExpectations(f"{path}: {error}") from error
    plain = {**document, "known-failing": [_plain(row) for row in document.get("known-failing", [])]}
    if fault := data.violation("schemas", "known-failing", plain):
        raise BadExpectations(f"{path}: {fault}")
    lines = [
        Line(case, row["issue"], row["why"], row["until"], row.get("broker"), row.get("result"))
        for row in document.get("known-failing", [])
        for case in ([row["case"]] if isinstance(row["case"], str) else row["case"])
    ]
    for line in lines:
        if line.until < today:
            raise BadExpectations(f"{path}: expired on {line.until}: {line}: look at {line.issue} again")
        if not any(matches(case.name, line.case) for case in library):
            raise BadExpectations(f"{path}: stale: no case matches {line.case!r}")
    return lines


def _plain(row: object) -> object:
    """A row with its dates as text, as the schema has them."""
    if not isinstance(row, dict):
        return row
    return {key: value.isoformat() if isinstance(value, datetime.date) else value for key, value in row.items()}


def excuse(lines: Iterable[Line], outcome: Outcome) -> None:
    """Excuse a failure that one of the lines speaks of. An ERROR is never excused."""
    line = next((line for line in lines if line.covers(outcome)), None)
    if line is not None and outcome.verdict == FAIL:
        outcome.verdict, outcome.issue = EXCUSED, line.issue


def stale(lines: Iterable[Line], outcomes: Sequence[Outcome]) -> list[str]:
    """What the lines say that is not so any more, one sentence each; ``outcomes`` have been excused.

    A line none of whose cases was selected is left alone.
    """
    sentences = []
    for line in lines:
        covered = [outcome for outcome in outcomes if line.covers(outcome)]
        passing = [outcome.name for outcome in covered if outcome.verdict == PASS]
        sentences += [f"{line}: {name} passes now: take the line out" for name in passing]
        unseen = covered and not any(outcome.verdict in (*_FAILING, PASS, verdicts.ERROR) for outcome in covered)
        if unseen:
            sentences.append(f"{line}: none of its cases was run ({covered[0].verdict})")
    return sentences


_FAILING = (EXCUSED, FAIL, NON_STRICT)
