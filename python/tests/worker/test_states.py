"""What tasks say while and after they run: tried again by themselves, states of their own, messages refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from celeriac import AsyncResult, Celeriac, TaskFailure
from celeriac.transport.amqp_link import Link
from tests.conftest import Shop
from tests.support.celery import CeleryWorker, celery_script
from tests.support.queues import amqp_length
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

StartWorker = Callable[..., Worker]


def reaches(result: AsyncResult[Any], state: str) -> None:
    eventually(lambda: result.state == state, f"it is {state}")


def test_tried_again_by_itself(shop: Shop) -> None:
    send = shop.app.send_task
    assert send("t.again", (2,)).get(timeout=PATIENCE) == 2
    assert send("t.a_again", (3,)).get(timeout=PATIENCE) == 3


@pytest.mark.parametrize(("kind", "attempts"), [("flaky", 2), ("broken", 0), ("value", 0)])
def test_what_it_ends_with(shop: Shop, kind: str, attempts: int) -> None:
    """The task's own error: when no attempt is left, and where it is none of those that are tried again."""
    with pytest.raises(TaskFailure, match=f"attempt {attempts}$") as caught:
        shop.app.send_task("t.again", (9, kind)).get(timeout=PATIENCE)
    assert caught.value.exc_type == {"flaky": "Flaky", "broken": "BrokenPipeError", "value": "ValueError"}[kind]


def test_states_on_the_way(shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    result = shop.app.send_task("t.progress", (str(gate),))
    reaches(result, "STARTED")
    assert result.result == {"pid": shop.worker.children[0], "hostname": shop.worker.node}
    gate.write_text("go on")
    reaches(result, "PROGRESS")
    assert (result.result, result.ready()) == ({"done": 3, "of": 10}, False)
    gate.write_text("go on, end")
    assert result.get(timeout=PATIENCE) == "done"
    assert shop.app.send_task("t.a_progress").get(timeout=PATIENCE) == "done"


def test_a_state_that_cannot_be_written_is_the_tasks_error(shop: Shop) -> None:
    with pytest.raises(TaskFailure, match="object") as caught:
        shop.app.send_task("t.odd_state").get(timeout=PATIENCE)
    assert caught.value.exc_type == "InvalidCall"


def test_a_task_that_fails_with_its_process(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    with pytest.raises(TaskFailure) as caught:
        app.send_task("t.lost_once", ("x",)).get(timeout=PATIENCE)
    assert caught.value.exc_type == "WorkerLostError"
    assert worker.notes == ["x begins"]


def test_refused_messages_are_dead_letters(amqp_url: str, amqp_queue: str, tmp_path: Path) -> None:
    letters = f"{amqp_queue}.dead"
    with closing(Link(amqp_url)) as link:
        channel: Any = link.channel()
        channel.queue_declare(letters, durable=True, auto_delete=False)
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": letters}
        channel.queue_declare(amqp_queue, durable=True, auto_delete=False, arguments=arguments)
        with (
            Celeriac(broker=amqp_url, backend="rpc://", task_default_queue=amqp_queue) as app,
            Worker(amqp_url, "rpc://", amqp_queue, tmp_path / "notes") as worker,
        ):
            refused = app.send_task("t.reject")
            eventually(lambda: amqp_length(link, letters) == 1, "it is a dead letter")
            assert app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
            assert refused.state == "PENDING"
            worker.stop()
        channel.queue_delete(letters)


# -- beside Celery


@pytest.mark.celery
def test_celery_reads_the_states(redis_url: str, redis_queue: str, tmp_path: Path) -> None:
    """STARTED, a state of its own, RETRY and the end, as Celery's own client shows them; and its own are the same."""
    ours, theirs = f"{redis_queue}-ours", f"{redis_queue}-theirs"
    with (
        Worker(redis_url, redis_url, ours, tmp_path / "notes", application="tests.support.state_tasks"),
        CeleryWorker(
            redis_url,
            theirs,
            f"{theirs}@celery",
            tmp_path / "log",
            application="tests.support.celery_state_tasks",
            environment={"CELERY_APP_BACKEND": redis_url},
        ),
    ):
        told = celery_script("read_states.py", redis_url, ours, theirs)
    assert [states for states, _ in told] == [["STARTED", "PROGRESS", "RETRY", "STARTED", "PROGRESS", "SUCCESS"]] * 2
    (_, our_infos), (_, their_infos) = told
    assert our_infos["PROGRESS"] == their_infos["PROGRESS"] == {"done": 1}
    assert our_infos["RETRY"] == their_infos["RETRY"] == "OSError('once')"
    assert sorted(our_infos["STARTED"]) == sorted(their_infos["STARTED"]) == ["hostname", "pid"]
