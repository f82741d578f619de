"""The suite on Redis against a testee that is right, and against some that are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Finished, reference

from celeriac_conformance import data

Suite = Callable[..., Finished]


def _report(done: Finished, folder: Path) -> dict[str, Any]:
    assert (folder / "report.json").exists(), done.out + done.err
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert data.violation("schemas", "report", document) is None
    return document


def test_what_is_right_is_conformant(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    options = ["--profile", "codec,producer,worker,result", "--out", str(tmp_path), "--strict", "--timeout", "30"]
    done = suite("--broker", redis_url, *options, testee=reference())
    assert done.code == 0, done.out + done.err
    report = _report(done, tmp_path)
    assert report["footer"]["verdicts"]["pass"] > 150
    assert set(report["footer"]["verdicts"]) == {"pass", "unsupported"}
    assert report["footer"]["complete"] is True


def test_strict_makes_a_should_a_failure(suite: Suite, redis_url: str) -> None:
    options = ["--broker", redis_url, "--strict", "--only", "worker/poison/not-json"]
    assert suite(*options, testee=reference("silent-about-poison")).code == 1


def test_known_failing_excuses_what_fails_but_no_crash(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    known = tmp_path / "known-failing.toml"
    known.write_text(
        '[[known-failing]]\ncase = "producer/headers/time-limits"\nissue = "https://example.org/1"\n'
        'why = "writes soft before hard"\nsince = 2026-01-01\nuntil = 2999-01-01\n'
    )
    options = ["--broker", redis_url, "--known-failing", str(known), "--only", "producer/headers/time-limits"]
    assert suite(*options, testee=reference("swaps-timelimit")).code == 0
    both = [*options, "--only", "producer/headers/shadow"]
    excused = suite(*both, testee=reference("swaps-timelimit"))
    assert (excused.code, "excused: producer/headers/time-limits" in excused.out) == (0, True)
    stale = suite(*both, testee=reference())
    assert (stale.code, "passes now" in stale.out) == (2, True)


def test_a_broker_that_goes_away_is_no_verdict(suite: Suite, redis_url: str) -> None:
    done = suite("--broker", "redis://127.0.0.1:1/0", "--only", "producer/headers", testee=reference())
    assert (done.code, "no Redis at 127.0.0.1:1" in done.out) == (3, True), done.out


def test_a_failure_can_be_rerun_by_the_line_that_it_prints(suite: Suite, redis_url: str) -> None:
    done = suite("--broker", redis_url, "--only", "producer/headers/time-limits", testee=reference("swaps-timelimit"))
    (line,) = [line for line in done.out.splitlines() if "rerun:" in line]
    arguments = line.partition("celeriac-conformance ")[2].split(" -- ")[0].split()
    again = suite(*arguments, testee=reference("swaps-timelimit"))
    assert again.code == 1
    assert "FAIL producer/headers/time-limits" in again.out
    assert "[hard, soft]" not in line
    assert "TM-HDR-014" in done.out
