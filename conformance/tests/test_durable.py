"""Profile durable on Redis: the right testee outlives the faults, those that lie or lose are found out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Finished, reference

Suite = Callable[..., Finished]

#: Every wait is for a condition: a long one costs nothing where all is well.
PATIENCE = ("--timeout", "30")
KILLED, CUT = "durable/worker/killed-while-running", "durable/producer/cut-before-publish"


@pytest.mark.parametrize("name", [CUT, "durable/producer/restarted-between-sends", "durable/producer/slow", KILLED])
def test_the_right_testee_passes(name: str, suite: Suite, redis_url: str, tmp_path: Path) -> None:
    options = ["--profile", "durable", "--broker", redis_url, "--only", name, "--out", str(tmp_path), *PATIENCE]
    done = suite(*options, testee=reference())
    assert done.code == 0, done.out + done.err
    (case,) = json.loads((tmp_path / "report.json").read_text())["cases"]
    assert case["verdict"] == "pass"


def test_who_says_confirmed_of_a_message_that_never_came_fails(suite: Suite, redis_url: str) -> None:
    options = ["--profile", "durable", "--broker", redis_url, "--only", "durable/producer/cut-between-sends"]
    done = suite(*options, testee=reference("says-ok-and-does-nothing"))
    assert done.code == 1
    assert "at first_sent.honest: expected true, got false" in done.out


def test_who_takes_the_redelivered_for_done_is_found_out_by_what_crossed(suite: Suite, redis_url: str) -> None:
    options = ["--profile", "durable", "--broker", redis_url, "--only", KILLED, "--timeout", "10", "--strict"]
    done = suite(*options, testee=reference("takes-the-redelivered-for-done"))
    assert done.code == 1
    assert "crossed:" in done.out
    # Which frames are the last ones depends on when one looks.
    assert re.search(r"\| (broker|result) +[0-9.]+ \d+ -> [A-Z]+ ", done.out), "the log of the proxies"


def test_a_case_that_is_robust_is_selected_by_that_profile(suite: Suite) -> None:
    robust = suite("list", "--profile", "robust").out
    assert "worker/poison/" in robust
    assert "durable/" not in robust
