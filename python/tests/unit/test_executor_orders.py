"""What an executor does by the orders of remote control, and what it tells monitors."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from celeriac import lifecycle_events as happened
from celeriac.lifecycle_events import Revoked
from celeriac.worker.executor import Executor
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Settlement

from .executor_parts import FakeDesk, FakeRegister, delivery, desk, executor, orders, register, results

__all__ = ["desk", "executor", "orders", "register"]


def test_what_is_revoked_is_not_run(executor: Executor, desk: FakeDesk, orders: Orders, register: FakeRegister) -> None:
    orders.revoked.add(["task-1"], time.time())
    orders.revoked.add_stamps({"tenant": ["acme"]}, time.time())
    executor.handle(delivery())
    executor.handle(
        delivery(id="task-2", eta="2999-01-01T00:00:00Z", stamps={"tenant": "acme"}, stamped_headers=["tenant"])
    )
    executor.handle(delivery(id="task-3", stamps={"tenant": "other"}, stamped_headers=["tenant"]))
    assert [results(outcome)[0].status for outcome in desk.outcomes] == ["REVOKED", "REVOKED", "SUCCESS"]
    assert results(desk.outcomes[0])[0].result["exc_message"] == ["revoked"]
    assert [outcome.settlement for outcome in desk.outcomes] == [Settlement.ACK] * 3
    assert register.entries == ["task-3", "end"]


def test_what_is_terminated_is_told(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery())
    outcome = desk.running[0].settle(Revoked("terminated", 15))
    assert results(outcome)[0].result["exc_message"] == ["terminated"]
    assert outcome.settlement is Settlement.ACK


def test_a_rate_limit_puts_tasks_off(executor: Executor, desk: FakeDesk, orders: Orders) -> None:
    orders.take({"rates": {"shop.add": 0.1}})
    executor.handle(delivery())
    executor.handle(delivery(id="task-2"))
    first, second = desk.outcomes
    assert first.settlement is Settlement.ACK
    assert second.wait_until is not None and 5 < second.wait_until.timestamp() - time.time() <= 10
    orders.take({"rates": {"shop.add": 0}})
    executor.handle(delivery(id="task-3"))
    assert desk.outcomes[-1].settlement is Settlement.ACK


def test_time_limits_of_remote_control_give_way_to_those_of_the_message(
    executor: Executor, desk: FakeDesk, orders: Orders
) -> None:
    orders.take({"limits": {"shop.add": [30, None]}})
    executor.handle(delivery())
    executor.handle(delivery(time_limit=5))
    assert [running.limit for running in desk.running] == [30, 5]


def told(desk: FakeDesk) -> list[str]:
    later = (json.loads(event) for outcome in desk.outcomes for event in outcome.news)
    return [event["type"] for event in (*desk.news, *later)]


def test_no_news_unless_asked_for(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery())
    assert told(desk) == []


def test_news(executor: Executor, desk: FakeDesk, orders: Orders) -> None:
    orders.take({"events": True})
    executor.handle(delivery())
    assert told(desk) == ["task-received", "task-started", "task-succeeded"]
    received, started = desk.news
    assert [received[name] for name in ("name", "args", "kwargs", "retries")] == ["shop.add", "(2, 3)", "{}", 0]
    assert [received[name] for name in ("uuid", "hostname", "clock")] == ["task-1", "w1", 1]
    assert json.loads(desk.outcomes[0].news[0])["result"] == "5"
    assert started["clock"] == 2


@pytest.mark.parametrize(
    ("fields", "news"),
    [
        ({"task": "shop.nobody"}, ["task-failed"]),
        ({"expires": "2020-01-01T00:00:00Z"}, ["task-revoked"]),
        ({"eta": "2999-01-01T00:00:00Z"}, ["task-received"]),
        ({"args": ("x",)}, ["task-received", "task-started", "task-failed"]),
    ],
)
def test_news_of_what_does_not_go_well(
    executor: Executor, desk: FakeDesk, orders: Orders, fields: dict[str, Any], news: list[str]
) -> None:
    orders.take({"events": True})
    executor.handle(delivery(**fields))
    assert told(desk) == news


def test_a_task_that_was_put_off_is_received_once(
    executor: Executor, desk: FakeDesk, orders: Orders, register: FakeRegister
) -> None:
    orders.take({"events": True})
    again = delivery()
    desk.put_off.add(id(again))
    executor.handle(again)
    assert told(desk) == ["task-started", "task-succeeded"]
    assert register.noted[0] == (happened.Ready, True)
