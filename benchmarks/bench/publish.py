"""Puts a report where readers look: into benchmarks/results, one folder for each size of runs, and into two READMEs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import report
from bench.model import Line

BENCHMARKS = Path(__file__).resolve().parent.parent
RESULTS = BENCHMARKS / "results"
BEGIN = "<!-- bench: written by tools/bench.py --publish -->\n"
END = "<!-- /bench -->\n"


def publish(run: report.Run, lines: Mapping[str, Line], root: Path = BENCHMARKS.parent) -> None:
    """Write the report into its folder, the ratios into README.md, all targets into benchmarks/README.md.

    Both between their markers, in place of the run that was published last, of whatever size.
    """
    report.write(run, lines, root / RESULTS.relative_to(BENCHMARKS.parent) / run.effort)
    for readme, table, results in (
        (root / "README.md", report.ratios(run, lines), f"benchmarks/results/{run.effort}"),
        (root / "benchmarks" / "README.md", report.targets(run, lines), f"results/{run.effort}"),
    ):
        readme.write_text(between_markers(readme.read_text(), extract(run, lines, table, results)))


def extract(run: report.Run, lines: Mapping[str, Line], table: Sequence[str], results: str) -> str:
    """A table, on what it was measured, and the first picture."""
    about = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    parts = [*table, "", f"All tables: [report]({results}/report.md). Measured on: {about}.", ""]
    if run.outcomes:
        first = lines[run.outcomes[0].line]
        parts += [f"![{first.title}]({results}/{first.name}.svg)", ""]
    return "\n".join(parts)


def between_markers(text: str, new: str) -> str:
    """Replace what stands between the markers. Raises ValueError where they are missing."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("no markers to put the tables between")
    return f"{head}{begin}\n{new}\n{end}{tail}"
