"""Several processes of the testee side by side: the verdicts are those of one, and they end together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Finished, fake, reference

from celeriac_conformance.waiting import until

Suite = Callable[..., Finished]

#: Batches of every kind: some that listen, some that are alone, some that do neither.
ONLY = [
    *("--only", "producer/headers/shadow", "--only", "result/values/text", "--only", "worker/outcome/*"),
    *("--only", "worker/poison/not-json", "--only", "events/hostile/not-json", "--only", "control/asking/*"),
]


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_as_many_jobs_as_one_likes_find_the_same(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    told = {}
    for jobs in ("1", "3"):
        out = ["--out", str(tmp_path / jobs), "--seed", "5", "--jobs", jobs, "--timeout", "30"]
        done = suite("--broker", redis_url, *ONLY, *out, testee=reference())
        assert done.code == 0, done.out + done.err
        told[jobs] = [(case["name"], case["verdict"]) for case in _report(tmp_path / jobs)["cases"]]
    assert told["1"] == told["3"]
    assert len(told["3"]) > 20


def _odd(first: str, second: str, folder: Path) -> list[str]:
    """A fake whose first process makes a file; those after it find it and behave otherwise."""
    script = f'[ -e {folder}/first ] && exec "$@" {second}; touch {folder}/first; exec "$@" {first}'
    return ["sh", "-c", script, "sh", *fake("")[:-1]]


ODD_ONES = {"exits-at-once": "exited with code 3", "claims-nothing": "claims something else"}


@pytest.mark.parametrize("second", ODD_ONES)
def test_a_second_process_that_is_not_like_the_first_is_no_verdict(
    second: str, suite: Suite, redis_url: str, tmp_path: Path
) -> None:
    testee = _odd("says-ok-and-does-nothing", second, tmp_path)
    done = suite("--broker", redis_url, "--jobs", "2", "--timeout", "1", *ONLY, testee=testee)
    assert (done.code, "a second process of the testee (--jobs 1 has but one)" in done.out) == (3, True), done.out
    assert ODD_ONES[second] in done.out


def test_a_process_that_breaks_down_too_often_ends_the_run_for_all(
    suite: Suite, redis_url: str, tmp_path: Path
) -> None:
    options = ["--jobs", "2", "--only", "producer/headers", "--only", "producer/body", "--only", "result/values"]
    done = suite("--broker", redis_url, *options, "--out", str(tmp_path), testee=fake("exits-mid-case"))
    verdicts = _report(tmp_path)["footer"]["verdicts"]
    assert (done.code, done.out.count("not as it should be: the testee broke down 4 times")) == (3, 1), done.out
    assert verdicts["untested"] > 10
    assert "pass" not in verdicts


@pytest.mark.parametrize("others", ["mute-mid-case", "mute"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_every_process(how: signal.Signals, others: str, redis_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "celeriac_conformance", "--broker", redis_url, "--out", str(tmp_path), *ONLY]
    run = subprocess.Popen(
        [*command, "--jobs", "3", "--timeout", "60", "--", *_odd("mute-mid-case", others, tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that has the tests in the background has them, and this, ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        children = until(lambda: found if len(found := _children(run.pid)) == 3 else [], 60)
        assert len(children) == 3
        run.send_signal(how)
        out, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 3, out
    assert [line for line in out.splitlines() if line.startswith("not as it should be")] == [
        "not as it should be: interrupted"
    ], out
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    footer = _report(tmp_path)["footer"]
    assert (footer["complete"], set(footer["verdicts"]) <= {"untested", "unsupported"}) == (False, True)


def _children(pid: int) -> list[str]:
    """The processes that the threads of a process have started."""
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
