"""Beat on real brokers: two of them send as one, whatever becomes of either; and beside a worker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from celeriac.transport import count_waiting, open_lock
from tests.conftest import Broker
from tests.support.beat import BeatProcess, environment
from tests.support.queues import forget_lock
from tests.support.waiting import eventually
from tests.support.worker import PACKAGE, Worker

EVERY = 0.4
#: Seconds that three processes may take to start on a loaded machine.
STARTED = 60
TICKS = {"tick": {"task": "t.note", "schedule": EVERY, "args": ["tick"]}}


@pytest.fixture
def lock(broker: Broker) -> Iterator[str]:
    """Name of a lock."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    forget_lock(broker.url, name)


@pytest.mark.timeout(120)
def test_one_of_three_sends_and_the_next_takes_over(broker: Broker, queue: str, lock: str, tmp_path: Path) -> None:
    variables = environment(queue, tmp_path / "notes", TICKS)

    def waiting() -> int:
        return count_waiting(broker.url, queue) or 0

    def at_least(many: int) -> bool:
        return waiting() >= many

    began = time.monotonic()
    with ExitStack() as stack:
        beats = [
            stack.enter_context(BeatProcess(broker.url, lock, tmp_path / name, variables, "--log-format", "json"))
            for name in ("a", "b", "c")
        ]

        def sends() -> BeatProcess | None:
            return next((beat for beat in beats if "Beat sends the schedule of tests: 1 entries" in beat.log), None)

        for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0), (signal.SIGTERM, 0)):
            holder = eventually(sends, "one of them sends", timeout=STARTED)
            assert holder is not None
            beats.remove(holder)
            for other in beats:
                other.logged("this one stands by")
            sent = waiting()
            eventually(partial(at_least, sent + 3), "tasks are sent")
            assert holder.end(number) == code
            assert all(json.loads(line)["process"] == holder.process.pid for line in holder.log.splitlines())
        # Two at a time would have sent nearly twice as many.
        assert waiting() <= (time.monotonic() - began) / EVERY + 2


def test_beside_a_worker(start_worker: Callable[..., Worker], broker: Broker, queue: str, tmp_path: Path) -> None:
    variables = environment(queue, tmp_path / "notes", TICKS)
    worker = start_worker("-B", "-s", str(tmp_path / "beat.json"), environment=variables)
    try:
        worker.noted("tick")
        worker.logged("Beat sends the schedule")
        beat = re.findall(r"/(\d+)\] Beat sends the schedule", worker.log)
        os.kill(int(beat[0]), signal.SIGKILL)
        worker.logged("Process for beat")
        worker.logged("Beat sends the schedule", 2)
        worker.stop()
        with closing(open_lock(broker.url, "tests")) as lock:
            assert lock.take(), "it was given back"
    finally:
        forget_lock(broker.url, "tests")


def test_a_schedule_that_cannot_be_sent(redis_url: str, tmp_path: Path) -> None:
    wrong = environment("q", tmp_path, {"tick": {**TICKS["tick"], "options": {"expiers": 1}}})
    for command in (("beat",), ("worker", "-B")):
        done = subprocess.run(
            [sys.executable, "-m", "celeriac", "-A", "tests.support.tasks", "-b", redis_url, *command],
            cwd=PACKAGE, env={**os.environ, **wrong}, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("error: beat_schedule: 'tick': unknown option 'expiers'; did you mean expires")
