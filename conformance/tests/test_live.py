"""The suite on Redis against a testee that is right, and its mutants: each is killed by the case that should."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Finished, reference

from celeriac_conformance import data

Suite = Callable[..., Finished]


def _report(done: Finished, folder: Path) -> dict[str, Any]:
    assert (folder / "report.json").exists(), done.out + done.err
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert data.violation("schemas", "report", document) is None
    return document


def test_what_is_right_is_conformant(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    done = suite("--broker", redis_url, "--out", str(tmp_path), "--strict", testee=reference())
    assert done.code == 0, done.out + done.err
    report = _report(done, tmp_path)
    assert report["footer"]["verdicts"]["pass"] > 150
    assert set(report["footer"]["verdicts"]) == {"pass", "unsupported"}
    assert report["footer"]["complete"] is True


#: mutant, the case that kills it, the verdict there, the place of the difference.
MUTANTS = [
    ("swaps-timelimit", "producer/headers/time-limits", "fail", "headers.timelimit"),
    ("writes-naive-eta", "producer/times/countdown", "fail", "headers.eta"),
    ("drops-root-id", "producer/headers/new-call", "fail", "headers.root_id"),
    ("writes-empty-kwargs-as-array", "producer/body/no-arguments", "fail", "body.1"),
    ("one-delivery-tag", "producer/redis/delivery-tags-differ", "fail", "delivery_tag"),
    ("pushes-on-the-wrong-side", "producer/redis/newest-at-the-head", "fail", "messages"),
    ("says-ok-and-does-nothing", "producer/headers/task-and-id", "fail", "no message came to the queue"),
    ("takes-retry-for-the-end", "result/waiting/retry", "fail", "answers.0.error"),
    ("ignores-eta", "worker/time/eta-past", "pass", ""),
    ("ignores-eta", "worker/time/eta-zulu", "fail", "took"),
    ("ignores-expires", "worker/time/expired", "fail", "ran"),
    ("never-settles", "worker/receive/echo", "fail", "settled"),
    ("retries-under-a-new-id", "worker/retry/until-it-works", "fail", ""),
    ("stores-what-is-ignored", "worker/outcome/ignored-by-header", "fail", "history"),
    ("runs-twice", "worker/receive/echo", "fail", "ran"),
    ("forgets-the-task-id", "worker/outcome/document", "fail", "result.task_id"),
    ("publishes-nothing", "worker/outcome/redis-key", "fail", "key.published"),
    ("acknowledges-before-running", "worker/retry/held-while-running", "non-strict", "settled_while_running"),
    ("silent-about-poison", "worker/poison/not-json", "non-strict", "result.status"),
    ("requeues-poison", "worker/poison/body-of-two", "fail", ""),
    ("dies-of-poison", "worker/poison/body-of-two", "error", ""),
]


@pytest.mark.parametrize(("mutant", "case", "verdict", "where"), MUTANTS)
def test_mutant(mutant: str, case: str, verdict: str, where: str, suite: Suite, redis_url: str, tmp_path: Path) -> None:
    options = ["--broker", redis_url, "--out", str(tmp_path), "--timeout", "2", "--only", case]
    done = suite(*options, testee=reference(mutant))
    (outcome,) = _report(done, tmp_path)["cases"]
    assert outcome["verdict"] == verdict, done.out + done.err
    assert where in outcome["why"]
    assert done.code == {"pass": 0, "non-strict": 0, "fail": 1, "error": 3}[verdict]


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
