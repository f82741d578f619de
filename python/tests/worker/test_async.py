"""``async def`` tasks in a worker as its user starts it: many at a time, limits, termination, the end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

import pytest

from celeriac import Celeriac, TaskFailure, TaskRevoked
from tests.conftest import Shop
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

Start = Callable[..., Worker]


def test_many_at_a_time_beside_plain_tasks(shop: Shop) -> None:
    """Far more than the prefetch window, in one process; a plain task does not wait for them."""
    started = time.monotonic()
    results = shop.app.send_many(shop.app.signature("t.a_sleep", (2.0,)) for _ in range(60))
    assert shop.app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3
    assert [result.get(timeout=PATIENCE) for result in results] == [2.0] * 60
    assert time.monotonic() - started < 60


def test_value_failure_and_soft_limit(shop: Shop) -> None:
    send = shop.app.send_task
    assert send("t.a_sleep", (0.0,)).get(timeout=PATIENCE) == 0.0
    with pytest.raises(TaskFailure, match="TypeError"):
        send("t.a_sleep").get(timeout=PATIENCE)
    assert send("t.a_tidy", soft_time_limit=0.2).get(timeout=PATIENCE) == "tidied up"


def test_a_hard_limit_ends_the_task_alone(shop: Shop) -> None:
    children = shop.worker.children
    long = shop.app.send_task("t.a_sleep", (2.0,))
    with pytest.raises(TaskFailure, match="TimeLimitExceeded"):
        shop.app.send_task("t.a_sleep", (60.0,), time_limit=0.3).get(timeout=PATIENCE)
    assert long.get(timeout=PATIENCE) == 2.0
    assert shop.worker.children == children


def test_terminate_ends_the_task_alone(shop: Shop) -> None:
    children = shop.worker.children
    victim = shop.app.send_task("t.a_sleep", (60.0, "victim"))
    shop.worker.noted("victim begins")
    # Asked by name: the broker may have other workers, which others started.
    active = shop.app.control.ask("active", destination=[shop.worker.node], timeout=PATIENCE)
    assert [task["id"] for task in active[shop.worker.node]] == [victim.id]
    shop.app.control.revoke(victim.id, terminate=True)
    with pytest.raises(TaskRevoked):
        victim.get(timeout=PATIENCE)
    shop.worker.noted("victim ends")
    assert shop.worker.children == children


def test_a_loop_that_is_blocked_past_a_hard_limit_ends_with_its_process(app: Celeriac, start_worker: Start) -> None:
    """What else ran on it is delivered again, and not blamed."""
    worker = start_worker()
    other = app.send_task("t.a_sleep", (1.0, "other"))
    worker.noted("other begins")
    blocked = app.send_task("t.a_block", (40.0,), time_limit=0.5)
    with pytest.raises(TaskFailure, match="TimeLimitExceeded"):
        blocked.get(timeout=PATIENCE)
    assert other.get(timeout=PATIENCE) == 1.0
    assert "deaths with it" not in worker.log


def test_warm_shutdown_waits_for_them(app: Celeriac, start_worker: Start) -> None:
    worker = start_worker()
    results = [app.send_task("t.a_sleep", (1.0, f"n{number}")) for number in range(3)]
    for number in range(3):
        worker.noted(f"n{number} begins")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert [result.get(timeout=PATIENCE) for result in results] == [1.0] * 3


def test_cold_shutdown_gives_them_back(app: Celeriac, start_worker: Start) -> None:
    worker = start_worker()
    result = app.send_task("t.a_sleep", (30.0, "long"))
    worker.noted("long begins")
    worker.signal(signal.SIGTERM)
    worker.logged("Warm shutdown")
    worker.signal(signal.SIGTERM)
    assert worker.wait() != 0
    # It was told to go, and tidied up.
    assert "long ends" in worker.notes
    second = start_worker()
    eventually(lambda: second.notes.count("long begins") == 2, "it runs again")
    app.control.revoke(result.id, terminate=True)


def test_their_number_has_a_limit(app: Celeriac, start_worker: Start) -> None:
    worker = start_worker("--async-concurrency", "2")
    results = [app.send_task("t.a_count", (0.3,)) for _ in range(6)]
    assert max(result.get(timeout=PATIENCE) for result in results) == 2
    worker.stop()


def test_the_client_awaits(shop: Shop) -> None:
    async def both() -> list[float]:
        sent = await asyncio.gather(*(shop.app.asend("t.a_sleep", (0.2,)) for _ in range(20)))
        return await asyncio.gather(*(result.aget(timeout=PATIENCE) for result in sent))

    assert asyncio.run(both()) == [0.2] * 20
