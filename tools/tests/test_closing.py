"""The summary at the end of `make conformance`: what several runs of one testee amount to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import closing
import pytest


def _report(profile: str, code: int = 0, **verdicts: int) -> dict[str, Any]:
    """A report of so many cases of each verdict; one requirement was looked at, and one was not."""
    names = [verdict.replace("_", "-") for verdict, count in verdicts.items() for _ in range(count)]
    return {
        "testee": {"implementation": {"name": "celery", "version": "5.7.0"}},
        "cases": [{"profile": profile, "verdict": name} for name in names],
        "requirements": [{"id": profile, "verdict": "pass"}, {"id": "other", "verdict": "untested"}],
        "footer": {"seconds": 1.5, "exit": code, "verdicts": {name: names.count(name) for name in names}},
    }


def test_the_runs_of_a_testee_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "REPORTS", tmp_path)
    for name, report in {
        "suite-celery": _report("worker", **{"pass": 3, "excused": 1}),
        "suite-celery-durable": _report("durable", non_strict=2),
        "suite-celery-node": _report("producer", unsupported=1),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(report))
    found = closing.reports()
    assert {name: len(parts) for name, parts in found.items()} == {"celery": 2, "celery-node": 1}
    assert closing.lines("celery", found["celery"]) == [
        "celery: celery 5.7.0: 1 known failures, and no other, 2 requirements looked at in 3 s",
        "  worker    3 pass, 1 known",
        "  durable   0 pass, 2 non-strict",
    ]


@pytest.mark.parametrize(
    ("report", "word"),
    [
        (_report("worker", **{"pass": 1}), "Strict"),
        (_report("worker", **{"pass": 1, "non_strict": 1}), "Core"),
        (_report("worker", 1, fail=1), "NOT CONFORMANT"),
        (_report("worker", 2, **{"pass": 1}), "NOT AS EXPECTED"),
        (_report("worker", 3, error=1), "NO VERDICT"),
    ],
)
def test_a_testee_stands_as_its_worst_run(report: dict[str, Any], word: str) -> None:
    assert closing.standing([_report("codec", **{"pass": 1}), report]) == word
