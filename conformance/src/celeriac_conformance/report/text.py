"""The report for the terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from celeriac_conformance import verdicts
from celeriac_conformance.report import Story, _by_requirement, kill_rate
from celeriac_conformance.report.excerpt import excerpt
from celeriac_conformance.verdicts import (
    ERROR,
    EXCUSED,
    FAIL,
    LOOKED,
    NON_STRICT,
    UNSUPPORTED,
    UNTESTED,
    VERDICTS,
    Outcome,
)

#: How wide the bar is that is shown while running.
BAR = 20

SENTENCES = {
    verdicts.OK: "conformant: every MUST that was looked at holds",
    verdicts.NOT_CONFORMANT: "not conformant",
    verdicts.USAGE: "conformant, but known-failing has lines that are stale",
    verdicts.BROKEN: "no verdict: the testee, a broker or the run itself broke",
}


def lines(story: Story) -> Iterator[str]:
    """The report, line by line."""
    yield from _failures(story)
    yield from _table(story)
    for title, rows in (("not as it should be", story.faults), ("stale in known-failing", story.stale)):
        for row in rows:
            yield f"{title}: {row}"
    yield from _unsupported(story)
    counts = story.counts()
    summary = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name]) or "no case ran"
    yield f"{len(story.outcomes)} cases in {story.seconds:.1f} s: {summary}"
    yield kill_rate.sentence(kill_rate.known())
    yield f"{SENTENCES[story.exit]}{_nothing(story)} (exit code {story.exit})"


def _nothing(story: Story) -> str:
    """Why a run in which nothing failed is not conformant all the same."""
    looked = any(outcome.verdict in LOOKED for outcome in story.outcomes)
    if looked or story.exit != verdicts.NOT_CONFORMANT:
        return ""
    return ": nothing that was asked for could be looked at, the testee does not claim it"


def _failures(story: Story) -> Iterator[str]:
    shown = [outcome for outcome in story.outcomes if outcome.verdict in (FAIL, ERROR, NON_STRICT)]
    for outcome in sorted(shown, key=lambda outcome: VERDICTS.index(outcome.verdict)):
        yield from _failure(story, outcome)
        yield ""


def _failure(story: Story, outcome: Outcome) -> Iterator[str]:
    yield f"{outcome.verdict.upper()} {outcome.name}: {outcome.case.about}"
    yield from textwrap.indent(outcome.why, "    ").splitlines()
    worst = outcome.worst()
    for name in worst.requirements if worst else ():
        requirement = story.specification.requirement(name)
        yield from textwrap.wrap(
            f"{name}: {requirement.sentence}", 116, initial_indent="    ", subsequent_indent="      "
        )
    yield from textwrap.indent(excerpt(outcome), "    | ").splitlines()
    yield f"    rerun: {story.rerun(outcome)}"


def _table(story: Story) -> Iterator[str]:
    """Requirement areas against verdicts; a requirement counts once per outcome that looked at it."""
    areas: dict[str, Counter[str]] = {}
    for name, found in _by_requirement(story.outcomes).items():
        areas.setdefault(name.rpartition("-")[0], Counter()).update(found)
    used = [verdict for verdict in VERDICTS if any(row[verdict] for row in areas.values())]
    if not areas:
        return
    yield f"{'requirements':14}" + "".join(f"{verdict:>12}" for verdict in used)
    for area, row in sorted(areas.items()):
        yield f"{area:14}" + "".join(f"{row[verdict] or '-':>12}" for verdict in used)
    never = [row["id"] for row in story.requirements() if not row["cases"]]
    if never:
        yield f"{len(never)} requirements have no case in this run; list --requirements names them"
    yield ""


def _unsupported(story: Story) -> Iterator[str]:
    reasons = Counter(outcome.why for outcome in story.outcomes if outcome.verdict == UNSUPPORTED)
    for why, number in reasons.most_common():
        yield f"unsupported: {number} cases: {why}"
    excused = [outcome for outcome in story.outcomes if outcome.verdict == EXCUSED]
    for outcome in excused:
        yield f"excused: {outcome.name}: {outcome.issue}"
    untested = sum(outcome.verdict == UNTESTED for outcome in story.outcomes)
    if untested:
        yield f"untested: {untested} cases: the run did not come to them"


def progress(outcome: Outcome, done: int, total: int) -> str:
    """What is said of a case when it has ended, where no bar can be shown."""
    return f"[{done}/{total}] {outcome.verdict:11} {outcome.name}"


def bar(counts: Counter[str], total: int, name: str) -> str:
    """The line shown while running: how far the run is, how many were not well so far, and the case that ended last."""
    done = counts.total()
    filled = BAR * done // max(1, total)
    bad = "".join(f"{counts[verdict]} {verdict}, " for verdict in (FAIL, ERROR, NON_STRICT) if counts[verdict])
    return f"{'█' * filled}{'░' * (BAR - filled)} {done}/{total}  {bad}{name}"
