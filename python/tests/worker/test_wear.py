"""Processes that are replaced by others for what they have run or hold, rate limits of tasks, modules to include."""

from __future__ import annotations

import time
from collections.abc import Callable

from celeriac import Celeriac
from tests.support.waiting import PATIENCE
from tests.support.worker import Worker

StartWorker = Callable[..., Worker]


def test_a_process_runs_so_many_tasks(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("--max-tasks-per-child", "3")
    results = app.send_many(app.signature("t.pid") for _ in range(8))
    pids = [result.get(timeout=PATIENCE) for result in results]
    assert sorted(map(pids.count, set(pids))) == [2, 3, 3]
    worker.logged("another takes its place: it has run 3 tasks", count=2)
    worker.stop()
    assert worker.log.count("another takes its place: it has run 3 tasks") == 2
    assert "ERROR" not in worker.log


def test_async_tasks_that_run_on_are_waited_for(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("--max-tasks-per-child", "2")
    long = app.send_task("t.a_sleep", (1.0, "long"))
    results = app.send_many(app.signature("t.add", (i, i)) for i in range(3))
    assert [result.get(timeout=PATIENCE) for result in (long, *results)] == [1.0, 0, 2, 4]
    assert worker.notes == ["long begins", "long ends"]


def test_a_process_has_so_much_memory(app: Celeriac, start_worker: StartWorker) -> None:
    start_worker("--max-memory-per-child", str(120 * 1024))
    first = app.send_task("t.pid").get(timeout=PATIENCE)
    assert app.send_task("t.pid").get(timeout=PATIENCE) == first
    assert app.send_task("t.hoard", (100,)).get(timeout=PATIENCE) == first
    assert app.send_task("t.pid").get(timeout=PATIENCE) != first


def test_collecting_garbage_copies_nothing_that_was_inherited(app: Celeriac, start_worker: StartWorker) -> None:
    start_worker()
    # Without: 8 MB on RabbitMQ, 10 on Redis.
    assert app.send_task("t.collect").get(timeout=PATIENCE) < 2048


def test_rate_limits_of_tasks(app: Celeriac, start_worker: StartWorker) -> None:
    """Others go on meanwhile; remote control shows the limit, and lifts it."""
    worker = start_worker("-I", "tests.support.included")
    began = time.monotonic()
    results = app.send_many(app.signature("t.rated") for _ in range(5))
    assert app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3
    times = sorted(result.get(timeout=PATIENCE) for result in results)
    assert times[-1] - times[0] > 0.9 and time.monotonic() - began > 0.9
    registered = app.control.ask("registered", destination=[worker.node], timeout=PATIENCE)[worker.node]
    assert "t.rated [rate_limit=4/s]" in registered
    slow = app.send_many(app.signature("t.hourly") for _ in range(3))
    lifted = {"task_name": "t.hourly", "rate_limit": 0}
    assert "ok" in app.control.ask("rate_limit", destination=[worker.node], timeout=PATIENCE, **lifted)[worker.node]
    assert slow[0].get(timeout=PATIENCE) == "included"
