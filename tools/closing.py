"""What the last run of the conformance suite against each testee has shown, as a table: the end of `make conformance`.

python3 tools/closing.py
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from common import CACHE, say

REPORTS = CACHE / "reports"
#: What a cell says of a verdict; passing needs no word.
WORDS = {
    "non-strict": "non-strict",
    "fail": "FAIL",
    "error": "ERROR",
    "untested": "UNTESTED",
    "excused": "known",
    "unsupported": "not claimed",
}

#: Exit code of a run -> the word for it, the worst first.
BAD = {3: "NO VERDICT", 1: "NOT CONFORMANT", 2: "NOT AS EXPECTED"}


def reports() -> dict[str, list[dict[str, Any]]]:
    """The reports by testee: one of real Celery is in several parts."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(REPORTS.glob("suite-*/report.json")):
        found.setdefault(_testee(path), []).append(json.loads(path.read_text()))
    return found


def _testee(path: Path) -> str:
    name = path.parent.name.removeprefix("suite-")
    return next((whole for whole in ("celery-ts", "celery-node", "celery") if name.startswith(whole)), name)


def lines(name: str, parts: list[dict[str, Any]]) -> list[str]:
    """The lines of a testee: its standing, then a row for each profile that it claims anything of."""
    cases = [case for report in parts for case in report["cases"]]
    rows: dict[str, Counter[str]] = {}
    for case in cases:
        rows.setdefault(case["profile"], Counter())[case["verdict"]] += 1
    told = parts[0]["testee"]["implementation"] or {"name": name, "version": "?"}
    seconds = sum(report["footer"]["seconds"] for report in parts)
    proved = {
        row["id"]
        for report in parts
        for row in report["requirements"]
        if row["verdict"] not in ("untested", "unsupported")
    }
    seen = f"{len(proved)} requirements looked at in {seconds:.0f} s"
    head = f"{name}: {told['name']} {told['version']}: {standing(parts)}, {seen}"
    claimed = {profile: row for profile, row in rows.items() if set(row) != {"unsupported"}}
    return [head, *(f"  {profile:<9} {said(row)}" for profile, row in claimed.items())]


def standing(parts: list[dict[str, Any]]) -> str:
    """One word for all that was run of a testee."""
    verdicts = sum((Counter(report["footer"]["verdicts"]) for report in parts), Counter[str]())
    codes = {report["footer"]["exit"] for report in parts}
    if bad := next((word for code, word in BAD.items() if code in codes), None):
        return bad
    if verdicts["excused"]:
        return f"{verdicts['excused']} known failures, and no other"
    return "Core" if verdicts["non-strict"] else "Strict"


def said(row: Counter[str]) -> str:
    """The counts of a profile."""
    return ", ".join(
        [f"{row['pass']} pass", *(f"{row[verdict]} {word}" for verdict, word in WORDS.items() if row[verdict])]
    )


def kill_rate() -> list[str]:
    """How many mutants were found, if they were run."""
    path = REPORTS / "kill-rate.json"
    if not path.exists():
        return []
    mutants = json.loads(path.read_text())["mutants"]
    return [f"mutants: {mutants['killed']} of {mutants['total']} found"]


def matrices() -> list[str]:
    """How many cells of each matrix that was run are green."""
    rows = []
    for name in ("matrix", "matrix-full"):
        path = REPORTS / f"{name}.json"
        if path.exists():
            cells = json.loads(path.read_text())["cells"]
            rows.append(f"{name}: {sum(cell['verdict'] == 'pass' for cell in cells)} of {len(cells)} cells green")
    return rows


def main() -> int:
    """Print it."""
    say("")
    for name, parts in reports().items():
        for line in lines(name, parts):
            say(line)
    for line in (*kill_rate(), *matrices()):
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
