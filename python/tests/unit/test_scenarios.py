"""The table of the acceptance scenarios names every test of theirs, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "scenarios"


def test_the_table_is_complete() -> None:
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\btest_a\d+_\w+", table))
    there = {
        name
        for path in FOLDER.glob("test_*.py")
        for name in re.findall(r"^def (test_a\d+_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named == there and there
    for elsewhere, name in re.findall(r"`(\.\./\S+\.py)::(\w+)`", table):
        assert f"def {name}(" in (FOLDER / elsewhere).read_text(encoding="utf-8")
    rows = " ".join(re.findall(r"^\| (A[^|]*)\|", table, re.MULTILINE))
    assert [int(number) for number in re.findall(r"A(\d+)", rows)] == list(range(1, 28))
