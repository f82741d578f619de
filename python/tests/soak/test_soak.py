"""The soak at a size that every run of the tests can afford; ``make soak`` runs it at full size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.soak import losses, memory
from tests.soak.__main__ import FAILED, OK, main
from tests.soak.evidence import Evidence, Run
from tests.soak.trouble import Book, Kill, Plan, Restart

TINY = ("--tasks", "1000", "--kills", "3", "--restarts", "1", "--few", "200", "--many", "1000")


# What ends one that hangs; on a busy machine a broker alone takes a minute to start.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["losses rabbitmq", "losses redis", "memory redis", "harm rabbitmq", "harm redis"])
def test_a_small_one(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    assert main([*TINY, "--only", name, "--json", str(file)]) == OK, capsys.readouterr().out
    report: dict[str, Any] = json.loads(file.read_text())
    assert report["good"] and list(report["runs"]) == [name] and report["options"]["seed"] == 1
    assert "all is well" in capsys.readouterr().out


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    bad = losses.Report(Plan("redis", 10, 0, 0), confirmed=10, lost=[3])
    monkeypatch.setattr(losses, "soak", lambda *_: bad)
    file = tmp_path / "report.json"
    assert main(["--only", "losses redis", "--json", str(file)]) == FAILED
    assert "FAILED losses redis: seed 1: 10 tasks confirmed" in capsys.readouterr().out
    assert json.loads(file.read_text())["runs"]["losses redis"]["lost"] == [3]


GOOD = losses.Report(Plan("redis", 10, 2, 1), confirmed=10, killed=2, restarted=1)


def test_a_good_report() -> None:
    assert GOOD.good


@pytest.mark.parametrize(
    "change", [{"lost": [1]}, {"unexplained": [1]}, {"left": 1}, {"confirmed": 9}, {"killed": 1}, {"restarted": 0}]
)
def test_no_good_report(change: dict[str, Any]) -> None:
    assert not replace(GOOD, **change).good


@pytest.mark.parametrize(("after", "good"), [(105, True), (111, False)])
def test_memory_may_grow_by_a_tenth(after: int, good: bool) -> None:
    assert memory.Report("redis", 1, 10, before=100, after=after).good is good


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Evidence]:
    """Process 7 ran one task each second, from 1 to 20, and process 8 one at 30."""
    lines = [f"{second} 7 {second}.0\n" for second in range(1, 21)] + ["5 8 30.0\n"]
    (tmp_path / "evidence").write_text("".join(lines))
    with closing(Evidence(tmp_path / "evidence")) as made:
        made.read()
        yield made


SECOND = Run(8, 30.0)
POWER_CUT, IN_ORDER = Restart(20.5, 25.0, killed=True), Restart(20.5, 25.0, killed=False)
FORGOTTEN = "by acknowledgements that a killed broker forgot"


@pytest.mark.parametrize(
    ("first", "killed", "restarts", "why"),
    [
        (20.0, {}, [], None),
        (20.0, {7: Kill(20.1, 20.2)}, [], "by kills"),
        (17.0, {7: Kill(20.1, 20.2)}, [], "by kills"),
        (20.0, {7: Kill(29.9, 30.1)}, [], "by kills"),
        (16.0, {7: Kill(20.1, 20.2)}, [], None),
        (20.0, {7: Kill(31.0, 31.1)}, [], None),
        (20.0, {9: Kill(20.1, 20.2)}, [], None),
        (20.0, {}, [IN_ORDER], "by restarts"),
        (16.0, {}, [IN_ORDER], None),
        (20.0, {}, [POWER_CUT], "by restarts"),
        (3.0, {}, [POWER_CUT], FORGOTTEN),
        (20.0, {}, [Restart(31.0, 35.0, killed=True)], None),
        (20.0, {}, [Restart(5.0, 10.0, killed=True)], None),
    ],
)
def test_reasons(
    evidence: Evidence, first: float, killed: dict[int, Kill], restarts: list[Restart], why: str | None
) -> None:
    """One that ran at ``first``, and again at 30."""
    assert Book(evidence, killed, restarts).explains(Run(7, first), SECOND) == why


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "evidence"
    with closing(Evidence(file)) as evidence, file.open("a") as writer:
        for part, ran in (("1 7 1.", 0), ("0\n2 7", 1), (" 2.0\n", 2)):
            writer.write(part)
            writer.flush()
            assert evidence.read() == ran
