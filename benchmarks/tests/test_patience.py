"""Nothing in a run waits without an end, nor without saying for what."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench import campaign, patience
from bench import contestants as who
from bench.lines import LINES
from bench.model import ContestantError
from bench.patience import Limit, Patience
from bench.stage import REPOSITORY, Stage, job, perform, tail

LINE = next(line for line in LINES if line.name == "worker-rabbitmq")


class Clock:
    """A clock that stands still until it is told otherwise."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def test_what_does_not_move_is_given_up(clock: Clock) -> None:
    waiting = Patience(Limit(), lambda: "its last words", stuck=30, began=clock.now)
    for done in (0, 1):
        clock.now += 29
        waiting.go_on(done, "so far")
    clock.now += 31
    with pytest.raises(ContestantError, match="stuck for 31 s: so far: its last words"):
        waiting.go_on(1, "so far")


def test_what_moves_is_given_up_when_the_line_is_over(clock: Clock) -> None:
    limit = Limit(clock.now + 60)
    waiting = Patience(limit, began=clock.now)
    clock.now += 59
    waiting.go_on(1, "one of two")
    assert not limit.over
    clock.now += 1
    with pytest.raises(ContestantError, match="no time left for this line: one of two after 60 s"):
        waiting.go_on(2, "one of two")
    assert limit.over


def test_a_long_wait_is_mentioned_now_and_then(clock: Clock) -> None:
    said: list[str] = []
    waiting = Patience(Limit(math.inf, said.append), began=clock.now)
    for done in range(26):
        waiting.go_on(done, f"{done} of 26")
        clock.now += 1
    assert said == ["10 of 26 after 10 s", "20 of 26 after 20 s"]


def test_whom_no_time_is_left_for_is_in_the_report(stage: Stage) -> None:
    effort = replace(campaign.EFFORTS["quick"], patience=0)
    outcome = campaign.run(stage, replace(LINE, targets=()), effort, lambda _: None)
    assert [failure.contestant for failure in outcome.failures]
    assert {(failure.reason, failure.left_out) for failure in outcome.failures} == {
        ("no time left for this line", True)
    }
    assert not outcome.samples


def test_a_job_that_does_not_end_is_ended(stage: Stage) -> None:
    stage.clear("bench")
    stage = replace(stage, limit=Limit.of(1, lambda _: None))
    endless = job(stage, LINE, who.BARE_AMQP, "answer", marks=str(stage.logs), count=1)
    with pytest.raises(ContestantError, match="no time left for this line: answer is not over after"):
        perform(stage, who.BARE_AMQP, endless)


def test_the_last_words_name_no_folder_of_this_machine(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+b") as log:
        log.write(f'File "{REPOSITORY}/python/x.py"\nlost'.encode())
        log.flush()
        assert tail(log) == 'File "python/x.py" | lost'
