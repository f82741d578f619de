"""The pool of threads, as its user starts it: what holds for every pool, and what is special about this one."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from celeriac import Celeriac, TaskFailure, TaskRevoked
from tests.conftest import Shop
from tests.support.waiting import eventually
from tests.support.worker import Worker
from tests.worker.test_running import (  # noqa: F401
    test_a_callback_that_nobody_takes_makes_it_a_failure,
    test_a_task_sends_tasks,
    test_callbacks_and_chains_go_on,
    test_errbacks_are_called_with_the_id,
    test_eta_is_waited_for_and_blocks_nobody,
    test_failure_tells_what_was_raised,
    test_given_back_comes_again,
    test_ignored_stores_nothing,
    test_retries_come_to_an_end,
    test_retries_until_it_works,
    test_soft_time_limit_that_is_not_caught_is_a_failure,
    test_values_come_back,
    test_whatever_goes_wrong_is_a_failure,
)
from tests.worker.test_shutdown import (  # noqa: F401
    test_a_process_that_dies_is_replaced_and_its_task_failed_after_a_limit,
    test_cold_shutdown_gives_back_what_runs,
)

#: The shop runs four at a time, the other workers, as those of the other pool, one.
WORKER_OPTIONS = ("-P", "threads")
SHOP_OPTIONS = (*WORKER_OPTIONS, "-c", "4")
PATIENCE = 40
StartWorker = Callable[..., Worker]


def test_four_at_a_time_and_each_can_be_ended_alone(shop: Shop) -> None:
    children = shop.worker.children
    results = [shop.app.send_task("t.sleep", (3600, f"n{number}")) for number in range(4)]
    for number in range(4):
        shop.worker.noted(f"n{number} begins")
    next_one = shop.app.send_task("t.add", (1, 1))
    active = shop.app.control.ask("active", destination=[shop.worker.node], timeout=PATIENCE)[shop.worker.node]
    assert {task["id"] for task in active} == {result.id for result in results}
    shop.app.control.revoke(results[0].id, terminate=True)
    with pytest.raises(TaskRevoked):
        results[0].get(timeout=PATIENCE)
    # Its thread goes on with what is next.
    assert next_one.get(timeout=PATIENCE) == 2
    for result in results[1:]:
        shop.app.control.revoke(result.id, terminate=True)
        with pytest.raises(TaskRevoked):
            result.get(timeout=PATIENCE)
    assert shop.worker.children == children
    assert not any(note.endswith(" ends") for note in shop.worker.notes if note.startswith("n"))


def test_a_hard_limit_ends_the_task_alone(shop: Shop) -> None:
    children = shop.worker.children
    beside = shop.app.send_task("t.sleep", (2.0, "beside the limited"))
    with pytest.raises(TaskFailure, match="TimeLimitExceeded"):
        shop.app.send_task("t.sleep", (3600, "limited"), time_limit=0.3).get(timeout=PATIENCE)
    assert beside.get(timeout=PATIENCE) == "beside the limited"
    assert shop.worker.children == children


def test_what_remote_control_says_of_it(shop: Shop) -> None:
    def ask(method: str) -> dict[str, object]:
        found = shop.app.control.ask(method, destination=[shop.worker.node], timeout=PATIENCE)[shop.worker.node]
        assert isinstance(found, dict)
        return found

    stats = ask("stats")
    assert stats["prefetch_count"] == 16
    assert stats["pool"] == {
        "implementation": "celeriac.worker:Threads",
        "max-concurrency": 4,
        "processes": shop.worker.children,
        "threads": 4,
        "max-tasks-per-child": "N/A",
        "timeouts": [0, 0],
    }
    conf = ask("conf")
    assert (conf["worker_pool"], conf["worker_concurrency"]) == ("threads", 4)
    for method in ("pool_grow", "pool_shrink"):
        assert ask(method) == {"error": "this worker runs tasks on threads, and has 4 until it is started anew"}


def test_still_the_same_process(shop: Shop) -> None:
    """None of the above took a process down."""
    assert "ended" not in shop.worker.log and len(shop.worker.children) == 1


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_task_that_cannot_be_interrupted_takes_its_process_with_it(app: Celeriac, start_worker: StartWorker) -> None:
    """What else ran is delivered again, or told of where it was acknowledged; it is not blamed."""
    worker = start_worker("-c", "4")
    children = worker.children
    late, early = app.send_task("t.sleep", (3600, "late")), app.send_task("t.early_sleep", (3600,))
    for note in ("late begins", "early begins"):
        worker.noted(note)
    with pytest.raises(TaskFailure, match="TimeLimitExceeded"):
        app.send_task("t.soft", (3600,), time_limit=0.5).get(timeout=PATIENCE)
    assert late.get(timeout=PATIENCE) == "late"
    with pytest.raises(TaskFailure) as caught:
        early.get(timeout=PATIENCE)
    reason = "Worker exited prematurely: another of its tasks ran into its hard time limit"
    assert (caught.value.exc_type, caught.value.exc_args) == ("WorkerLostError", (reason,))
    assert worker.children != children and "deaths with it" not in worker.log
    worker.stop()


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_a_task_that_lets_no_other_thread_run_is_ended_by_the_supervisor(
    app: Celeriac, start_worker: StartWorker
) -> None:
    worker = start_worker("-c", "2")
    other = app.send_task("t.sleep", (3600, "other"))
    worker.noted("other begins")
    with pytest.raises(TaskFailure, match="TimeLimitExceeded"):
        app.send_task("t.early_hold", time_limit=0.3).get(timeout=PATIENCE)
    assert other.get(timeout=PATIENCE) == "other"
    assert "deaths with it" not in worker.log


def test_a_warm_shutdown_waits_for_all_of_them(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("-c", "3")
    results = [app.send_task("t.sleep", (1.5, f"n{number}")) for number in range(3)]
    for number in range(3):
        worker.noted(f"n{number} begins")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert [result.get(timeout=PATIENCE) for result in results] == ["n0", "n1", "n2"]


def test_a_worn_process_is_replaced_when_all_its_tasks_have_ended(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("-c", "2", "--max-tasks-per-child", "2")
    long = app.send_task("t.sleep", (1.0, "long"))
    worker.noted("long begins")
    results = app.send_many(app.signature("t.pid") for _ in range(6))
    assert len({result.get(timeout=PATIENCE) for result in results}) >= 2
    assert long.get(timeout=PATIENCE) == "long"
    eventually(lambda: worker.notes == ["long begins", "long ends"], "it ran once")
    assert "ERROR" not in worker.log
    worker.stop()
