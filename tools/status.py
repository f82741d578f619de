"""Write the tables of what was run into documents: never by hand, a cell says how many of its calls came back right.

python3 tools/status.py         # README.md, from what `make matrix` ran
python3 tools/status.py full    # conformance/INTEROP.md, from what `make matrix-full` ran
python3 tools/status.py mutants # README.md, from what `make mutants` ran
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import CACHE, CONFORMANCE_PACKAGE, ROOT, relative, say

BEGIN = "<!-- status: written by tools/status.py from what `make {target}` ran -->\n"
END = "<!-- /status -->\n"
ROUTES = {"amqp+rpc": "RabbitMQ | rpc", "amqp+redis": "RabbitMQ | Redis", "redis+redis": "Redis | Redis"}


@dataclass(frozen=True)
class Document:
    """A file with a table in it, the report that the table is of, and what makes one of the other."""

    file: Path
    report: Path
    target: str
    lines: Callable[[dict[str, Any]], list[str]]


def table(report: dict[str, Any]) -> list[str]:
    """The lines of the table: workers, brokers and result backends down, producers across, and what was run."""
    cells = {(cell["worker"], cell["combo"], cell["producer"]): cell for cell in report["cells"]}
    told = report["testees"]
    producers = list(dict.fromkeys(producer for *_, producer in cells))
    heads = (f"sent by {told[name]['about']}" for name in producers)
    lines = [f"| worker | broker | results | {' | '.join(heads)} |", "|---" * (3 + len(producers)) + "|"]
    for worker, combo in dict.fromkeys((worker, combo) for worker, combo, _ in cells):
        row = " | ".join(said(cells.get((worker, combo, producer))) for producer in producers)
        lines.append(f"| {told[worker]['about']} | {ROUTES[combo]} | {row} |")
    versions = "; ".join(f"{t['name']} {t['version']} ({t['runtime']})" for t in told.values())
    return [*lines, "", f"Calls that came back right, run with {versions}."]


def said(cell: dict[str, Any] | None) -> str:
    """One cell: its calls that were right, of how many."""
    if cell is None:
        return "not run"
    if cell["verdict"] == "unsupported" and len(cell["calls"]) == 1:
        return "not claimed"
    right = sum(call["verdict"] == "pass" for call in cell["calls"])
    verdict = "" if cell["verdict"] == "pass" else f" ({cell['verdict']})"
    return f"{right} of {len(cell['calls'])}{verdict}"


def missed(report: dict[str, Any]) -> list[str]:
    """What did not come back right, a line for each producer and call, with the first difference and how often."""
    found: dict[tuple[str, str, str], int] = {}
    for cell in report["cells"]:
        for call in cell["calls"]:
            if call["verdict"] != "pass":
                why = call["why"].splitlines()[0].replace("|", "\\|")
                key = (report["testees"][cell["producer"]]["about"], call["call"], without_ids(why))
                found[key] = found.get(key, 0) + 1
    if not found:
        return []
    rows = (f"| {producer} | {call} | {why} | {times} |" for (producer, call, why), times in sorted(found.items()))
    return ["", "| sent by | call | what was seen | cells |", "|---|---|---|---|", *rows]


def without_ids(text: str) -> str:
    """A reason as it is in every run: without the task's id, and no longer than a row can be."""
    words = ("<id>" if len(word) == 36 and word.count("-") == 4 else word for word in text.split(" "))
    plain = " ".join(words)
    return plain if len(plain) <= 160 else plain[:156] + " ..."


def interoperation(report: dict[str, Any]) -> list[str]:
    """The lines of a report of the matrix."""
    return [*table(report), *missed(report)]


def kill_rate(report: dict[str, Any]) -> list[str]:
    """The lines of kill-rate.json: the areas by the part of their name that says which chapter they are of."""
    chapters: dict[str, list[dict[str, int]]] = {}
    for area, row in report["areas"].items():
        chapters.setdefault(area if area.startswith("BR-") else area.split("-")[0], []).append(row)

    def total(of: str, rows: Iterable[dict[str, int]]) -> int:
        return sum(row[of] for row in rows)

    columns = " | ".join(chapters)
    proved = " | ".join(str(total("requirements", rows)) for rows in chapters.values())
    killed = " | ".join(f"{total('killed', rows)} of {total('kills', rows)}" for rows in chapters.values())
    mutants = report["mutants"]
    return [
        f"The conformance suite finds {mutants['killed']} of {mutants['total']} deliberate defects of a testee that is",
        "right without them, each by the case that is there for it ([mutants](conformance/mutants/README.md),",
        f"{report['made']}).",
        "",
        f"| area | {columns} |",
        "|---" * (1 + len(chapters)) + "|",
        f"| requirements defended | {proved} |",
        f"| defects found by a case | {killed} |",
    ]


DOCUMENTS = {
    "": Document(ROOT / "README.md", CACHE / "reports" / "matrix.json", "matrix", interoperation),
    "full": Document(
        CONFORMANCE_PACKAGE / "INTEROP.md", CACHE / "reports" / "matrix-full.json", "matrix-full", interoperation
    ),
    "mutants": Document(ROOT / "README.md", CONFORMANCE_PACKAGE / "mutants" / "kill-rate.json", "mutants", kill_rate),
}


def main(arguments: list[str]) -> int:
    """Replace what stands between the two markers of a document."""
    document = DOCUMENTS.get(" ".join(arguments))
    if document is None:
        sys.exit("usage: status.py [full | mutants]")
    if not document.report.exists():
        sys.exit(f"error: there is no report (remedy: make {document.target})")
    report = json.loads(document.report.read_text())
    begin = BEGIN.format(target=document.target)
    before, rest = document.file.read_text().split(begin)
    after = rest.split(END, 1)[1]
    lines = document.lines(report)
    document.file.write_text("".join((before, begin, "\n", "\n".join(lines), "\n\n", END, after)))
    say(f"{relative(document.file)}: written from {relative(document.report)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
