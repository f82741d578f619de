"""The report: what was measured as JSON, the same as Markdown with a picture for each table, and as lines to print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.figures import Judged, Summary, judged, ratio, summaries
from bench.model import LEGEND, METRICS, Contestant, Failure, Line, Outcome, Sample, Target
from bench.plot import Bar, draw

FORMAT = 1


@dataclass(frozen=True)
class Run:
    """Everything about one run."""

    effort: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    outcomes: tuple[Outcome, ...]


def to_json(run: Run) -> str:
    """The run as a document that ``from_json`` reads."""
    return json.dumps({"format": FORMAT, **asdict(run)}, indent=1) + "\n"


def from_json(text: str) -> Run:
    """Read what ``to_json`` wrote."""
    document = json.loads(text)
    if document.pop("format") != FORMAT:
        raise ValueError("a report of another format")
    outcomes = tuple(_outcome(**outcome) for outcome in document.pop("outcomes"))
    return Run(outcomes=outcomes, **document)


def _outcome(line: str, samples: Sequence[dict[str, Any]], failures: Sequence[dict[str, Any]]) -> Outcome:
    return Outcome(line, tuple(Sample(**sample) for sample in samples), tuple(Failure(**one) for one in failures))


def write(run: Run, lines: Mapping[str, Line], folder: Path) -> None:
    """Write report.json, report.md and a picture for each table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(to_json(run))
    (folder / "report.md").write_text(markdown(run, lines))
    for outcome in run.outcomes:
        (folder / f"{outcome.line}.svg").write_text(picture(run, lines[outcome.line], outcome))


def verdicts(run: Run, lines: Mapping[str, Line]) -> list[tuple[Line, Judged]]:
    """Every target of every line that was measured."""
    return [(lines[o.line], judged(o, target)) for o in run.outcomes for target in lines[o.line].targets]


def ours_failed(run: Run, lines: Mapping[str, Line]) -> list[Failure]:
    """The failures of this repository's own worker and producers."""
    return [
        failure
        for outcome in run.outcomes
        for failure in outcome.failures
        for contestant in lines[outcome.line].contestants
        if contestant.name == failure.contestant and _is_ours(contestant) and not failure.left_out
    ]


def markdown(run: Run, lines: Mapping[str, Line]) -> str:
    """The whole report."""
    parts = ["# Measurements", "", "Written by `make bench`; benchmarks/README.md says how to read it.", ""]
    parts += [f"- {name}: {value}" for name, value in {"effort": run.effort, **run.machine}.items()]
    parts += ["", "| part | version |", "|---|---|"]
    parts += [f"| {name} | {value} |" for name, value in run.versions.items()]
    parts += ["", "Keeps: " + "; ".join(f"**{key.value}** {text}" for key, text in LEGEND.items()) + ".", ""]
    parts += ["## Targets", "", *targets(run, lines), ""]
    for outcome in run.outcomes:
        line = lines[outcome.line]
        parts += [f"## {line.title}", "", *([line.about, ""] if line.about else []), *table(line, outcome), ""]
        parts += [f"![{line.title}]({line.name}.svg)", ""]
        parts += [*there, ""] if (there := missing(line, outcome)) else []
    return "\n".join(parts).rstrip() + "\n"


def targets(run: Run, lines: Mapping[str, Line]) -> list[str]:
    """The table of targets."""
    rows = ["| line | what | measured | wanted | |", "|---|---|---|---|---|"]
    for line, verdict in verdicts(run, lines):
        if not verdict.target.wanted:
            continue
        measured = "failed" if verdict.failed else "not measured" if verdict.ratio is None else _ratio_text(verdict)
        said = "met" if verdict.met else "**missed**" if verdict.missed else ""
        rows.append(f"| {line.title} | {what(verdict)} | {measured} | {_wanted(verdict.target)} | {said} |")
    return rows


def ratios(run: Run, lines: Mapping[str, Line]) -> list[str]:
    """The table of what was measured against others, whatever is wanted of it."""
    rows = ["| line | what | measured |", "|---|---|---|"]
    for line, verdict in verdicts(run, lines):
        if verdict.target.against and verdict.ratio is not None:
            rows.append(f"| {line.title} | {what(verdict)} | {_ratio_text(verdict)} |")
    return rows


def missing(line: Line, outcome: Outcome) -> list[str]:
    """Who is not in the table, and why."""
    failed = [
        f"- {one.contestant} {'was left out of' if one.left_out else 'failed in'} round {one.round}: {one.reason}"
        for one in outcome.failures
    ]
    return failed + [f"- {name} was not measured: {reason}" for name, reason in line.absent.items()]


def what(verdict: Judged) -> str:
    """Of whom a ratio is, against whom, and of what."""
    metric = METRICS[verdict.target.metric].heading
    against = f" against {verdict.against}" if verdict.against else ""
    about = f" ({verdict.target.about})" if verdict.target.about and verdict.against else ""
    return f"{verdict.of}{against}{about}: {metric}"


def _ratio_text(verdict: Judged) -> str:
    return f"{verdict.ratio:.2f} x" if verdict.target.against else f"{verdict.ratio:.2f}"


def _wanted(target: Target) -> str:
    unit = " x" if target.against else ""
    return f"≥ {target.at_least:g}{unit}" if target.at_least is not None else f"≤ {target.at_most:g}{unit}"


def table(line: Line, outcome: Outcome) -> list[str]:
    """Contestants down, the columns of the line across; medians, and least to greatest of the line's own metric."""
    known = summaries(outcome.samples)
    reference = _reference(line, known)
    heads = [METRICS[column].heading for column in line.columns]
    against = f"x {reference}" if reference else "ratio"
    rows = [f"| | keeps | {heads[0]} | {against} | {' | '.join(heads[1:])} |", "|---" * (3 + len(heads)) + "|"]
    for contestant in (one for one in line.contestants if one.name in known):
        mine = known[contestant.name]
        share = ratio(outcome, contestant.name, reference, line.metric) if reference else None
        cells = [_cell(mine.get(column), column, spread=column == line.metric) for column in line.columns]
        keeps = "".join(one.value for one in type(next(iter(LEGEND))) if one in contestant.keeps)
        rows.append(
            f"| {_name(contestant)} | {keeps} | {cells[0]} | {'' if share is None else f'{share:.2f}'} | "
            f"{' | '.join(cells[1:])} |"
        )
    return rows


def _name(contestant: Contestant) -> str:
    if contestant.ceiling:
        return f"*{contestant.name}*"
    return f"**{contestant.name}**" if _is_ours(contestant) else contestant.name


def _is_ours(contestant: Contestant) -> bool:
    return contestant.name.startswith("celeriac")


def _reference(line: Line, known: Mapping[str, Mapping[str, Summary]]) -> str:
    """Whom the ratios are against: the first of Celery's."""
    names = (
        one.name
        for one in line.contestants
        if one.name.startswith("celery ") and line.metric in known.get(one.name, {})
    )
    return next(names, "")


def _cell(summary: Summary | None, metric: str, *, spread: bool) -> str:
    if summary is None:
        return ""
    digits = METRICS[metric].digits
    text = f"{summary.median:,.{digits}f}"
    return f"{text} ({summary.least:,.{digits}f} to {summary.greatest:,.{digits}f})" if spread else text


def picture(run: Run, line: Line, outcome: Outcome) -> str:
    """The picture of a line's own metric."""
    known = summaries(outcome.samples)
    bars = [
        Bar(one.name, "ours" if _is_ours(one) else "ceiling" if one.ceiling else "peer", known[one.name][line.metric])
        for one in line.contestants
        if line.metric in known.get(one.name, {})
    ]
    metric = METRICS[line.metric]
    direction = "more is better" if metric.higher_is_better else "less is better"
    rounds = max((bar.summary.count for bar in bars), default=0)
    note = f"{metric.heading}, {direction}; median, least and greatest of {rounds} rounds"
    note += f"; {run.machine.get('cores', '?')} cores, {run.machine.get('date', '')}"
    return draw(line.title, note, bars, metric.digits)
