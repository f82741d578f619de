"""The real command on both brokers: tasks run, and what they do ends up where its sender looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac import Celeriac, NotRegistered, TaskFailure
from tests.support.worker import Worker

StartWorker = Callable[..., Worker]


def test_runs_what_is_sent(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    results = app.send_many(app.signature("t.add", (i, i)) for i in range(100))
    assert [result.get(timeout=20) for result in results] == [2 * i for i in range(100)]
    worker.stop()
    assert "Task t.add[" in worker.log
    assert "succeeded in 0.0" in worker.log
