"""One worker that runs on: tasks of all kinds, and what their sender gets to see."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from celeriac import NotRegistered, Signature, TaskFailure, TaskRevoked
from celeriac.transport.amqp_link import Link
from tests.conftest import Shop
from tests.support.waiting import PATIENCE, eventually


def test_values_come_back(shop: Shop) -> None:
    results = shop.app.send_many(shop.app.signature("t.add", (i, i)) for i in range(200))
    assert [result.get(timeout=PATIENCE) for result in results] == [2 * i for i in range(200)]
    shop.worker.logged(f"Task t.add[{results[-1].id}] succeeded in ")


@pytest.mark.parametrize("value", [None, "ü\x00", {"a": [1, 2.5]}, datetime(2026, 1, 2, tzinfo=timezone.utc), b"\xff"])
def test_values_keep_their_types(shop: Shop, value: object) -> None:
    result = shop.app.send_task("t.add", ([value], [])).get(timeout=PATIENCE)
    assert result == [value] and type(result[0]) is type(value)


def test_ten_megabytes_there_and_back(shop: Shop) -> None:
    assert shop.app.send_task("t.length", ("x" * 10_000_000,)).get(timeout=PATIENCE) == 10_000_000
    assert len(shop.app.send_task("t.big", (10_000_000,)).get(timeout=PATIENCE)) == 10_000_000


def test_failure_tells_what_was_raised(shop: Shop) -> None:
    result = shop.app.send_task("t.fail", ("sold out",))
    with pytest.raises(TaskFailure) as caught:
        result.get(timeout=PATIENCE)
    error = caught.value
    assert (error.exc_type, error.exc_module, error.exc_args) == ("ValueError", "builtins", ("sold out",))
    assert error.traceback is not None and "in fail" in error.traceback and "executor.py" not in error.traceback
    assert result.failed() and result.ready() and not result.successful()


@pytest.mark.parametrize(
    ("task", "args", "error"),
    [
        ("t.add", (1,), "TypeError"),
        ("t.unwritable", (), "InvalidCall"),
        ("t.leave", ("exit",), "SystemExit"),
        ("t.leave", ("interrupt",), "KeyboardInterrupt"),
        ("t.evil", (), "Evil"),
        ("t.nobody", (), "NotRegistered"),
    ],
)
def test_whatever_goes_wrong_is_a_failure(shop: Shop, task: str, args: tuple[object, ...], error: str) -> None:
    children = shop.worker.children
    with pytest.raises(TaskFailure) as caught:
        shop.app.send_task(task, args).get(timeout=PATIENCE)
    assert caught.value.exc_type == error
    assert isinstance(caught.value, NotRegistered) == (error == "NotRegistered")
    assert shop.worker.children == children


def test_retries_until_it_works(shop: Shop) -> None:
    assert shop.app.send_task("t.retry", (3,)).get(timeout=PATIENCE) == 3


def test_retries_come_to_an_end(shop: Shop) -> None:
    with pytest.raises(TaskFailure, match="no more"):
        shop.app.send_task("t.give_up").get(timeout=PATIENCE)


def test_callbacks_and_chains_go_on(shop: Shop) -> None:
    after = Signature(task="t.note", args=[], options={"queue": shop.queue})
    result = shop.app.send_task("t.add", ("link ", "ran"), link=after)
    assert result.get(timeout=PATIENCE) == "link ran"
    shop.worker.noted("link ran")


def test_errbacks_are_called_with_the_id(shop: Shop) -> None:
    errback = Signature(task="t.note", options={"queue": shop.queue})
    result = shop.app.send_task("t.fail", ("x",), link_error=errback)
    shop.worker.noted(result.id)


def test_a_callback_that_nobody_takes_makes_it_a_failure(shop: Shop) -> None:
    nowhere = Signature(task="t.note", options={"exchange": "no-such-exchange", "routing_key": "x"})
    with pytest.raises(TaskFailure) as caught:
        shop.app.send_task("t.add", (1, 1), link=nowhere).get(timeout=PATIENCE)
    assert caught.value.exc_type in ("PublishRefused", "InvalidCall")
    assert shop.app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2


def test_a_task_sends_tasks(shop: Shop) -> None:
    result = shop.app.send_task("t.parent")
    child = result.get(timeout=PATIENCE)
    known = result._known()
    assert known is not None and known.children is not None
    assert [pair[0][0] for pair in known.children] == [child]


def test_ignored_stores_nothing(shop: Shop) -> None:
    result = shop.app.send_task("t.ignore")
    shop.worker.logged(f"[{result.id}] ignored")
    silent = shop.app.send_task("t.note", ("silent",), ignore_result=True)
    shop.worker.noted("silent")
    shop.app.send_task("t.add", (1, 1)).get(timeout=PATIENCE)
    assert (result.state, silent.state) == ("PENDING", "PENDING")


def test_given_back_comes_again(shop: Shop) -> None:
    assert shop.app.send_task("t.reject", kwargs={"requeue": True}).get(timeout=PATIENCE) == "second"


def test_how_its_message_came(shop: Shop) -> None:
    """As Celery says it: a task without an exchange came by the name of its queue."""
    info = {"exchange": "", "routing_key": shop.queue, "redelivered": False}
    assert shop.app.send_task("t.delivery").get(timeout=PATIENCE) == {**info, "priority": None}
    assert shop.app.send_task("t.delivery", priority=3).get(timeout=PATIENCE) == {**info, "priority": 3}


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_which_exchange_it_came_through(shop: Shop) -> None:
    exchange, queue, node = f"{shop.queue}-news", f"{shop.queue}-routed", [shop.worker.node]
    with closing(Link(shop.broker.url)) as link:
        channel: Any = link.channel()
        channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        channel.queue_declare(queue, durable=True, auto_delete=False)
        channel.queue_bind(queue, exchange, routing_key="order.#")
        try:
            assert shop.app.control.ask("add_consumer", destination=node, timeout=PATIENCE, queue=queue)
            info = shop.app.send_task("t.delivery", exchange=exchange, routing_key="order.paid").get(timeout=PATIENCE)
            assert info == {"exchange": exchange, "routing_key": "order.paid", "priority": None, "redelivered": False}
            assert shop.app.control.ask("cancel_consumer", destination=node, timeout=PATIENCE, queue=queue)
        finally:
            shop.broker.remove(queue)
            channel.exchange_delete(exchange)


def test_eta_is_waited_for_and_blocks_nobody(shop: Shop) -> None:
    """More wait than the prefetch window (4) holds, and what is sent afterwards runs at once."""
    sent = time.time()
    later = [shop.app.send_task("t.add", (time.time(), 0), countdown=5) for _ in range(12)]
    assert shop.app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
    assert all(not result.ready() for result in later), "an eta held back other tasks"
    for result in later:
        result.get(timeout=PATIENCE)
    assert time.time() - sent >= 5


def test_expired_is_revoked(shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    blocker = shop.app.send_task("t.until", (str(gate), "blocker"))
    # Further ahead than the clock needs, or RabbitMQ drops it before a worker sees it; while it waits it expires.
    expires = datetime.now(timezone.utc) + timedelta(seconds=4)
    result = shop.app.send_task("t.note", ("too late",), expires=expires)
    eventually(lambda: datetime.now(timezone.utc) > expires, "it expires")
    gate.write_text("end")
    blocker.get(timeout=PATIENCE)
    with pytest.raises(TaskRevoked, match="expired"):
        result.get(timeout=PATIENCE)
    assert "too late" not in shop.worker.notes


def test_soft_time_limit_lets_the_task_tidy_up(shop: Shop) -> None:
    assert shop.app.send_task("t.soft", (10,), soft_time_limit=0.2).get(timeout=PATIENCE) == "tidied up"
    assert shop.app.send_task("t.soft", (0.01,), soft_time_limit=5).get(timeout=PATIENCE) == "slept"


def test_soft_time_limit_that_is_not_caught_is_a_failure(shop: Shop) -> None:
    with pytest.raises(TaskFailure) as caught:
        shop.app.send_task("t.sleep", (10,), soft_time_limit=0.2).get(timeout=PATIENCE)
    assert (caught.value.exc_type, caught.value.exc_module) == ("SoftTimeLimitExceeded", "billiard.exceptions")


def test_idle_costs_nothing(shop: Shop) -> None:
    """No busy polling: under 1 % of a core while there is nothing to do."""
    shop.app.send_task("t.add", (1, 1)).get(timeout=PATIENCE)
    processes = [shop.worker.pid, *shop.worker.children]

    def share() -> float:
        before, started = _ticks(processes), time.monotonic()
        time.sleep(3)
        return (_ticks(processes) - before) / 100 / (time.monotonic() - started)

    eventually(lambda: share() < 0.01, "it has come to rest")


def test_still_the_same_process(shop: Shop) -> None:
    """None of the above took a process down."""
    assert "ended" not in shop.worker.log and len(shop.worker.children) == 1
    eventually(lambda: shop.worker.process.poll() is None, "the worker is alive")


def _ticks(processes: list[int]) -> int:
    """Time on the processor so far, user and system, in hundredths of a second."""
    total = 0
    for pid in processes:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123  # read as text, once
            fields = stat.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total
