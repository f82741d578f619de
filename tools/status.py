"""Write the status table of README.md from what `make matrix` ran: .cache/reports/matrix.json.

The table is never written by hand; a cell says how many of its calls came back as they have to.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from common import CACHE, ROOT, say

REPORT = CACHE / "reports" / "matrix.json"
README = ROOT / "README.md"
BEGIN = "<!-- status: written by tools/status.py from what `make matrix` ran -->\n"
END = "<!-- /status -->\n"
NAMES = {"python": "Celeriac, Python", "node": "Celeriac, Node", "php": "Celeriac, PHP", "celery": "Celery"}
ROUTES = {"amqp+rpc": "RabbitMQ | rpc", "amqp+redis": "RabbitMQ | Redis", "redis+redis": "Redis | Redis"}


def table(report: dict[str, Any]) -> list[str]:
    """The lines of the table: workers, brokers and result backends down, producers across, and what was run."""
    cells = {(cell["worker"], cell["combo"], cell["producer"]): cell for cell in report["cells"]}
    producers = list(dict.fromkeys(producer for *_, producer in cells))
    lines = [f"| worker | broker | results | {' | '.join(f'sent by {NAMES[name]}' for name in producers)} |"]
    lines.append("|---" * (3 + len(producers)) + "|")
    for worker, combo in dict.fromkeys((worker, combo) for worker, combo, _ in cells):
        told = " | ".join(said(cells.get((worker, combo, producer))) for producer in producers)
        lines.append(f"| {NAMES[worker]} | {ROUTES[combo]} | {told} |")
    versions = "; ".join(f"{t['name']} {t['version']} ({t['runtime']})" for t in report["testees"].values())
    return [*lines, "", f"Calls that came back right, run with {versions}."]


def said(cell: dict[str, Any] | None) -> str:
    """One cell: its calls that were right, of how many."""
    if cell is None:
        return "not run"
    right = sum(call["verdict"] == "pass" for call in cell["calls"])
    verdict = "" if cell["verdict"] == "pass" else f" ({cell['verdict']})"
    return f"{right} of {len(cell['calls'])}{verdict}"


def main() -> int:
    """Replace what stands between the two markers."""
    if not REPORT.exists():
        sys.exit("error: there is no report (remedy: make matrix)")
    before, rest = README.read_text().split(BEGIN)
    after = rest.split(END)[1]
    lines = table(json.loads(REPORT.read_text()))
    README.write_text("".join((before, BEGIN, "\n", "\n".join(lines), "\n\n", END, after)))
    say(f"{README.name}: {len(lines)} lines from {REPORT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
