"""A worker in threads of the test's own process, as the pytest plugin runs it, on each broker."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac import BrokerUnavailable, Celeriac, SoftTimeLimitExceeded, TaskFailure
from celeriac.contrib.pytest import running_worker
from celeriac.worker.inside import WorkerStuck
from tests.conftest import Broker
from tests.support.waiting import PATIENCE, eventually

pytest_plugins = ["pytester"]


@pytest.fixture
def shop(app: Celeriac) -> Iterator[Celeriac]:
    @app.task(name="i.add")
    def add(x: int, y: int) -> int:
        return x + y

    @app.task(name="i.fail")
    def fail() -> None:
        raise ValueError(threading.current_thread().name)

    @app.task(name="i.a_add")
    async def a_add(x: int, y: int) -> int:
        await asyncio.sleep(0.01)
        return x + y

    @app.task(name="i.soft")
    def soft() -> str:
        try:
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                time.sleep(0.01)
        except SoftTimeLimitExceeded:
            return "tidied up"
        return "slept"

    @app.task(name="i.wait")
    def wait(seconds: float) -> None:
        time.sleep(seconds)

    yield app


def test_tasks_run_here(shop: Celeriac) -> None:
    send = shop.send_task
    with running_worker(shop):
        assert send("i.add", (2, 3)).get(timeout=PATIENCE) == 5
        with pytest.raises(TaskFailure, match="tasks"):
            send("i.fail").get(timeout=PATIENCE)
        assert [one.get(timeout=PATIENCE) for one in [send("i.a_add", (i, i)) for i in range(5)]] == [0, 2, 4, 6, 8]
        assert send("i.soft", soft_time_limit=0.1).get(timeout=PATIENCE) == "tidied up"
        with pytest.raises(TaskFailure, match="TimeLimitExceeded"):
            send("i.soft", time_limit=0.1).get(timeout=PATIENCE)
        assert send("i.add", (4, 5)).get(timeout=PATIENCE) == 9
    # Nothing of it is left, and another may follow.
    assert not {"tasks", "courier"} & {thread.name for thread in threading.enumerate()}
    with running_worker(shop, [shop.conf.task_default_queue]):
        assert send("i.add", (1, 1)).get(timeout=PATIENCE) == 2


def test_it_leaves_no_descriptor_open(shop: Celeriac) -> None:
    def once() -> None:
        with running_worker(shop):
            for name in ("i.add", "i.a_add"):
                assert shop.send_task(name, (2, 3)).get(timeout=PATIENCE) == 5
        shop.close()

    def opened() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    once()
    before = opened()
    for _ in range(5):
        once()
    # The thread of the event loop closes it when it gets to that.
    eventually(lambda: opened() <= before, "all are closed")


def test_what_runs_is_waited_for(shop: Celeriac) -> None:
    with running_worker(shop):
        result = shop.send_task("i.wait", (0.3,))
        while not shop.send_task("i.a_add", (1, 1)).get(timeout=PATIENCE):
            pass
    assert result.get(timeout=PATIENCE) is None


def test_a_task_that_does_not_end(shop: Celeriac) -> None:
    gate = threading.Event()

    @shop.task(name="i.gate")
    def wait_for_it() -> None:
        gate.wait(PATIENCE)

    with pytest.raises(WorkerStuck, match="does not end"), running_worker(shop, patience=2.0):
        error = shop.send_task("i.gate", time_limit=0.2).get(timeout=PATIENCE, propagate=False)
        assert isinstance(error, TaskFailure) and error.exc_type == "TimeLimitExceeded"
    gate.set()


def test_no_broker() -> None:
    nowhere = Celeriac(broker="redis://127.0.0.1:1/0", broker_connection_timeout=0.5)
    with pytest.raises(BrokerUnavailable), running_worker(nowhere):
        raise AssertionError("it is up")


def test_the_fixtures(pytester: pytest.Pytester, broker: Broker, queue: str) -> None:
    pytester.makeconftest(f'''
        import pytest
        from celeriac import Celeriac

        pytest_plugins = ["celeriac.contrib.pytest"]
        app = Celeriac(broker="{broker.url}", backend="{broker.backend}", task_default_queue="{queue}")

        @app.task(name="p.add")
        def add(x, y):
            return x + y

        @pytest.fixture(scope="session")
        def celeriac_app():
            yield app
            app.close()
    ''')
    pytester.makepyfile("""
        def test_one(celeriac_worker):
            assert celeriac_worker.send_task("p.add", (1, 2)).get(timeout=20) == 3

        def test_two(celeriac_worker, celeriac_app):
            assert celeriac_app.send_task("p.add", (3, 4)).get(timeout=20) == 7
    """)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
