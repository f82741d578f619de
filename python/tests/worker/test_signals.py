"""Hooks of tasks, and signals, beside Celery's own: the same are called, in the same order, with the same keywords."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from celeriac import Celeriac
from tests.conftest import Broker
from tests.support.celery import CeleryWorker
from tests.support.signal_functions import NOTES
from tests.support.waiting import eventually
from tests.support.worker import Worker

ENDINGS = ("return", "fail", "retry", "not begun")
COUNTS = {"return": 6, "fail": 6, "retry": 11, "not begun": 6}


def notes_of(app: Celeriac, task: str, how: str, notes: Path, queue: str) -> list[str]:
    """What is noted while a task ends that way."""
    before = len(notes.read_text().splitlines())
    app.send_task(task, (how,), queue=queue)
    last = "signal task_postrun"
    many = 2 if how == "retry" else 1

    def noted() -> list[str]:
        lines = notes.read_text().splitlines()[before:]
        return lines if sum(line.startswith(last) for line in lines) == many else []

    return eventually(noted, f"all of {how} is noted")


@pytest.fixture
def ours(broker: Broker, queue: str, tmp_path: Path) -> Iterator[Worker]:
    with Worker(
        broker.url, broker.backend, queue, tmp_path / "ours", application="tests.support.signal_tasks"
    ) as worker:
        yield worker


def test_on_each_broker(app: Celeriac, ours: Worker, queue: str, tmp_path: Path) -> None:
    ours.noted("signal worker_ready")
    assert ours.notes == ["signal worker_process_init", "signal worker_ready"]
    for task in ("h.hooked", "h.a_hooked"):
        (*lines, postrun) = notes_of(app, task, "return", tmp_path / "ours", queue)
        assert lines == [
            f"signal task_prerun {task} ['args', 'kwargs', 'task', 'task_id']",
            "before_start ['return'] {} True",
            "on_success return ['return'] {} True",
            f"signal task_success {task} ['result']",
            "after_return SUCCESS 'return' ['return'] True",
        ]
        assert postrun == f"signal task_postrun {task} ['args', 'kwargs', 'retval', 'state', 'task', 'task_id']"
    ours.logged("A hook raised")
    ours.stop()
    assert ours.notes[-1] == "signal worker_shutdown"


@pytest.mark.celery
def test_as_with_celery(redis_url: str, redis_queue: str, tmp_path: Path) -> None:
    ours, theirs = f"{redis_queue}-ours", f"{redis_queue}-theirs"
    environment = {"CELERY_APP_BACKEND": redis_url, NOTES: str(tmp_path / "theirs"), "HOME": os.environ.get("HOME", "")}
    with (
        closing(Celeriac(broker=redis_url, backend=redis_url)) as app,
        Worker(redis_url, redis_url, ours, tmp_path / "ours", application="tests.support.signal_tasks") as worker,
        CeleryWorker(
            redis_url,
            theirs,
            f"{theirs}@celery",
            tmp_path / "log",
            application="tests.support.celery_signal_tasks",
            environment=environment,
        ),
    ):
        for how in ENDINGS:
            told = notes_of(app, "h.hooked", how, tmp_path / "ours", ours)
            assert told == notes_of(app, "h.hooked", how, tmp_path / "theirs", theirs), how
        worker.stop()
