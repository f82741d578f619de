"""Real contestants on real brokers, briefly: that what is measured is what happened."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import campaign, marks, measure, processes
from bench import contestants as who
from bench.lines import LINES
from bench.measure import Plan, Worker, backlog, fill, round_trips, sending, tasks
from bench.model import Contestant, ContestantError, Line
from bench.patience import UNLIMITED
from bench.stage import Stage

TABLE = {line.name: line for line in LINES}
COUNT = 40


@pytest.mark.parametrize(
    ("line", "contestant"),
    [
        ("worker-rabbitmq-rpc", who.CELERIAC),
        ("worker-redis-redis", who.CELERIAC),
        ("worker-rabbitmq", who.BARE_AMQP_MANY),
        ("worker-redis", who.BARE_REDIS_MANY),
    ],
)
def test_a_worker_does_all_that_is_there(stage: Stage, line: str, contestant: Contestant) -> None:
    figures = tasks(stage, TABLE[line], contestant, Plan(COUNT))
    assert figures["rate"] > 0
    assert 0 < figures["start"] < 30
    assert figures["memory"] > 1


def test_the_start_is_that_of_the_program_itself(tmp_path: Path) -> None:
    tally = marks.Tally(1, 7.5, 7.5)
    with subprocess.Popen(["true"]) as process, Path(os.devnull).open("wb") as log:
        worker = Worker(process, tmp_path, log, 5.0, UNLIMITED)
        assert worker.to_first(tally) == 2.5
        (tmp_path / marks.BEGAN).write_text("7000000000")
        assert worker.to_first(tally) == 0.5
        assert marks.read(tmp_path) == marks.Tally()


@pytest.mark.parametrize("line", ["trip-rabbitmq", "trip-redis"])
def test_a_client_may_be_there_before_its_worker(stage: Stage, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = TABLE[line].contestants[-1]
    assert bare.ceiling
    began = processes.running

    def late(words: list[str], *others: Any) -> Any:
        return began(["sh", "-c", 'sleep 1; exec "$0" "$@"', *words], *others)

    monkeypatch.setattr(processes, "running", late)
    assert round_trips(stage, TABLE[line], bare, Plan(5))["p50"] > 0


def test_a_message_that_was_not_settled_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "waiting", lambda *_: 3)
    with pytest.raises(ContestantError, match=f"3 of {COUNT} messages were in the queue again"):
        tasks(stage, TABLE["worker-rabbitmq"], who.BARE_AMQP, Plan(COUNT))


def test_a_worker_that_dies_is_a_failure_with_its_last_words(stage: Stage) -> None:
    broken = replace(who.BARE_AMQP, name="broken", options={"ack_every": "nonsense"})
    outcome = campaign.run(stage, _only(broken), campaign.EFFORTS["quick"], lambda _: None)
    assert [failure.contestant for failure in outcome.failures] == ["broken"]
    assert "TypeError" in outcome.failures[0].reason


def _only(contestant: Contestant) -> Line:
    return replace(TABLE["worker-rabbitmq"], contestants=(contestant,), targets=(), short=None)


def test_the_filler_writes_what_is_asked_for(stage: Stage) -> None:
    for line in (TABLE["worker-rabbitmq"], TABLE["worker-redis"]):
        stage.clear("bench")
        fill(stage, line, who.CELERIAC, COUNT)
        assert stage.waiting(line.broker, "bench") == COUNT


def test_marks_are_added_up(tmp_path: Path) -> None:
    for name, record in {"1-1": (3, 10**9, 5 * 10**9), "2-2": (2, 2 * 10**9, 3 * 10**9), "3-3": (0, 0, 0)}.items():
        (tmp_path / name).write_bytes(marks.RECORD.pack(*record))
    tally = marks.read(tmp_path)
    assert (tally.count, tally.first, tally.last, tally.rate) == (5, 1.0, 5.0, 1.0)


def test_a_process_is_seen_and_ended_with_its_children() -> None:
    source = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", source], start_new_session=True)
    deadline = time.monotonic() + 20
    while processes.cpu(pids := processes.tree(process.pid)) < 0.1 or len(pids) < 2:
        assert time.monotonic() < deadline
    assert processes.memory(pids) > 1
    processes.end(process)
    assert not any(_lives(pid) for pid in pids)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_producer_that_loses_messages_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = replace(TABLE["worker-rabbitmq"], measure="sending")
    assert sending(stage, producer, who.BARE_AMQP, Plan(COUNT))["rate"] > 0
    monkeypatch.setattr(Stage, "waiting", lambda *_: COUNT - 1)
    with pytest.raises(ContestantError, match="39 of 40 messages arrived"):
        sending(stage, producer, who.BARE_AMQP, Plan(COUNT))


def test_a_backlog_is_taken_when_the_broker_has_been_at_rest_for_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    #: Busy, calm, calm, busy, and calm three times.
    used = itertools.accumulate([0.0, 0.9, 0.0, 0.01, 0.0, 0.01, 0.0, 0.9, *[0.0, 0.01] * 3])
    monkeypatch.setattr(Stage, "broker_cpu", lambda _: next(used))
    monkeypatch.setattr(time, "sleep", lambda _: done.append("slept"))
    measure._rest(stage)
    assert done == ["slept"] * 7
    assert next(used, None) is None


def test_a_broker_that_never_rests_is_a_failure(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 0.5)
    monkeypatch.setattr(Stage, "broker_cpu", lambda _: next(clock))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with pytest.raises(ContestantError, match="stuck for .* s: the brokers are at work"):
        measure._rest(stage)


@pytest.mark.parametrize("line", ["backlog-rabbitmq", "backlog-redis"])
def test_what_is_kept_is_the_rate_with_a_long_queue_by_that_with_a_short_one(
    stage: Stage, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "DEEP", COUNT)
    monkeypatch.setattr(measure, "REST", 0)
    bare = TABLE[line].contestants[-1]
    assert bare.ceiling
    figures = backlog(stage, TABLE[line], bare, Plan(COUNT))
    assert figures["rate"] > 0
    assert figures["kept"] > 0
