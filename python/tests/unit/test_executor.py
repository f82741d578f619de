"""From a delivery to an outcome, without a broker: what is stored, sent and settled, and that nothing escapes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from celeriac import InvalidMessage, Wire
from celeriac import lifecycle_events as happened
from celeriac.errors import PublishRefused
from celeriac.execution.ending import ColdShutdown
from celeriac.transport import Delivery
from celeriac.worker.executor import Executor
from celeriac.worker.interrupts import Overdue
from celeriac.worker.outcome import Settlement

from .executor_parts import FakeDesk, FakeRegister, app, delivery, desk, executor, only, orders, ran, register, results
from .worker_parts import message

__all__ = ["desk", "executor", "orders", "register"]


def test_success(executor: Executor, desk: FakeDesk, register: FakeRegister) -> None:
    one = delivery()
    executor.handle(one)
    outcome, result = only(desk)
    assert (outcome.delivery, outcome.settlement, outcome.over) == (one, Settlement.ACK, True)
    assert (result.status, result.result, result.task_id) == ("SUCCESS", 5, "task-1")
    (document,) = outcome.documents
    assert (document.reply_to, document.correlation_id) == ("client-oid", "task-1")
    assert register.entries == ["task-1", "end"]
    assert register.noted == [(happened.Ready, False), (happened.Succeeded, False)]


@pytest.mark.parametrize("hook", ["before_start", "on_success", "after_return"])
def test_a_hook_that_is_put_on_a_task_of_a_running_worker_is_called(
    executor: Executor, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    executor.handle(delivery())
    told: list[Any] = []
    monkeypatch.setattr(app.tasks["shop.add"], hook, lambda *about: told.append(about), raising=False)
    executor.handle(delivery())
    assert len(told) == 1


@pytest.mark.parametrize(
    ("fields", "status", "exc_type", "settlement"),
    [
        ({"task": "shop.raise", "args": ("value",)}, "FAILURE", "ValueError", Settlement.ACK),
        ({"task": "shop.raise", "args": ("exit",)}, "FAILURE", "SystemExit", Settlement.ACK),
        ({"task": "shop.raise", "args": ("interrupt",)}, "FAILURE", "KeyboardInterrupt", Settlement.ACK),
        ({"args": (1,)}, "FAILURE", "TypeError", Settlement.ACK),
        ({"args": (1, 2), "kwargs": {"z": 1}}, "FAILURE", "TypeError", Settlement.ACK),
        ({"task": "shop.object", "args": ()}, "FAILURE", "InvalidCall", Settlement.ACK),
        (
            {"task": "shop.soft", "args": (), "soft_time_limit": 0.05},
            "FAILURE",
            "SoftTimeLimitExceeded",
            Settlement.ACK,
        ),
        ({"task": "shop.nobody"}, "FAILURE", "NotRegistered", Settlement.REJECT),
        ({"chord": {"task": "t"}}, "FAILURE", "NotImplementedError", Settlement.REJECT),
        ({"expires": "2020-01-01"}, "REVOKED", "TaskRevokedError", Settlement.ACK),
    ],
)
def test_ends(
    executor: Executor, desk: FakeDesk, fields: dict[str, Any], status: str, exc_type: str, settlement: Settlement
) -> None:
    executor.handle(delivery(**fields))
    outcome, result = only(desk)
    assert (result.status, result.result["exc_type"], outcome.settlement) == (status, exc_type, settlement)


def test_malformed_is_rejected_and_told(executor: Executor, desk: FakeDesk) -> None:
    good = message().build()
    executor.handle(Delivery(replace(good, body=b"{"), 1, "mail"))
    outcome, result = only(desk)
    assert (result.status, result.task_id, outcome.settlement) == ("FAILURE", "task-1", Settlement.REJECT)
    assert outcome.documents[0].reply_to == "client-oid"


def test_unreadable_envelope(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(Delivery(InvalidMessage("no JSON"), None, "mail"))
    executor.handle(Delivery(InvalidMessage("body is null", task_id="task-7"), b"t", "mail"))
    nothing, told = desk.outcomes
    assert (nothing.documents, nothing.settlement) == ((), Settlement.REJECT)
    assert results(told)[0].task_id == "task-7"


def test_nothing_escapes(executor: Executor, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours refuses the message and leaves the worker running."""
    monkeypatch.setattr("celeriac.worker.deciding.Decider.classify", lambda *_: 1 / 0)
    executor.handle(delivery())
    (outcome,) = desk.outcomes
    assert outcome.settlement is Settlement.REJECT


def test_cold_shutdown_passes_through(executor: Executor, desk: FakeDesk, register: FakeRegister) -> None:
    with pytest.raises(ColdShutdown):
        executor.handle(delivery(task="shop.raise", args=("cold",)))
    assert desk.outcomes == [] and register.entries[-1] == "end"


def test_waits_until_its_eta(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery(eta="2099-01-01"))
    (outcome,) = desk.outcomes
    assert outcome.wait_until is not None and outcome.wait_until.year == 2099
    assert (outcome.settlement, ran) == (None, [])


def test_early_acknowledgement_is_settled_before_the_run(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery(task="shop.early", args=()))
    first, second = desk.outcomes
    assert (first.settlement, first.over, first.documents) == (Settlement.ACK, False, ())
    assert (second.settlement, second.over, len(second.documents)) == (None, True, 1)


def test_what_was_acknowledged_early_is_promised(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery(task="shop.early", args=(), id="early"))
    executor.handle(delivery(id="late"))
    assert desk.promised == ["early"]


def test_a_task_that_was_lost_with_its_process(executor: Executor, desk: FakeDesk) -> None:
    lost = delivery(task="shop.early", args=())
    executor.mourn(lost, message(task="shop.early", args=()), "Worker exited prematurely: exitcode 7")
    (outcome,) = desk.outcomes
    (result,) = results(outcome)
    assert result.status == "FAILURE" and result.traceback is None and outcome.settlement is None and outcome.over
    assert result.result == {
        "exc_type": "WorkerLostError",
        "exc_message": ["Worker exited prematurely: exitcode 7"],
        "exc_module": "billiard.exceptions",
    }


def test_early_acknowledgement_that_is_lost_means_no_run(executor: Executor, desk: FakeDesk) -> None:
    """It is delivered again, and would run twice."""
    desk.loses = True
    executor.handle(delivery(task="shop.early", args=()))
    assert (len(desk.outcomes), ran) == (1, [])


# -- what follows


def test_a_callback_is_sent_and_can_be_refused(executor: Executor, desk: FakeDesk) -> None:
    callback = {"task": "shop.log", "options": {"queue": "logs"}}
    executor.handle(delivery(callbacks=[callback]))
    outcome, result = only(desk)
    assert (result.status, [one.routing_key for one in outcome.outgoing]) == ("SUCCESS", ["logs"])
    assert outcome.if_refused is not None
    instead = outcome.if_refused(PublishRefused("no queue takes it"))
    assert (results(instead)[0].status, instead.settlement, instead.outgoing) == ("FAILURE", Settlement.REJECT, ())


def test_a_callback_that_cannot_be_written_fails_the_task(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery(callbacks=[{"task": "shop.log", "options": {"countdown": 1e300}}]))
    outcome, result = only(desk)
    assert (result.status, outcome.settlement, outcome.outgoing) == ("FAILURE", Settlement.ACK, ())


def test_an_errback_that_cannot_be_written_does_not_hide_the_failure(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(
        delivery(task="shop.raise", args=("value",), errbacks=[{"task": "t", "options": {"countdown": 1e300}}])
    )
    outcome, result = only(desk)
    assert (result.status, outcome.settlement) == ("FAILURE", Settlement.REJECT)


# -- limits and deaths


def test_a_task_is_held_against_its_deaths_when_it_comes_again(executor: Executor, desk: FakeDesk) -> None:
    for task_id in ("killer", "survivor"):
        executor.handle(replace(delivery(id=task_id), redelivered=True))
    executor.handle(delivery(id="killer"))
    assert [results(outcome)[0].status for outcome in desk.outcomes] == ["FAILURE", "SUCCESS", "SUCCESS"]
    assert results(desk.outcomes[0])[0].result["exc_type"] == "WorkerLostError"


def test_what_was_ended_for_being_overdue_is_failed_when_it_comes_again(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(replace(delivery(id="stuck", time_limit=30), redelivered=True))
    (outcome,) = desk.outcomes
    (result,) = results(outcome)
    assert (result.result["exc_type"], result.result["exc_message"]) == ("TimeLimitExceeded", [30])
    assert outcome.settlement is Settlement.ACK and desk.running == []


def test_without_its_limit_it_runs_again(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(replace(delivery(id="stuck"), redelivered=True))
    assert [results(outcome)[0].status for outcome in desk.outcomes] == ["SUCCESS"]


@pytest.mark.usefixtures("desk")
def test_hard_time_limit_is_left_with_the_desk(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery(time_limit=30))
    (running,) = desk.running
    assert running.limit == 30
    exceeded = running.exceeded()
    assert results(exceeded)[0].result["exc_type"] == "TimeLimitExceeded"
    assert exceeded.settlement is Settlement.ACK


def test_a_task_that_is_overdue_reports_nothing(executor: Executor, desk: FakeDesk) -> None:
    desk.overdue = True
    with suppress(Overdue):
        executor.handle(delivery(time_limit=30))
    assert desk.outcomes == []


def test_log_lines(executor: Executor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="celeriac.worker"):
        executor.handle(delivery())
        executor.handle(delivery(id="task-2", args=("x" * 300, "")))
        executor.handle(delivery(task="shop.nobody\nERROR forged"))
    received, succeeded, *_ = caplog.messages
    assert received == "Task shop.add[task-1] received"
    assert succeeded.startswith("Task shop.add[task-1] succeeded in 0.0") and succeeded.endswith("s: 5")
    assert max(len(text) for text in caplog.messages) < 400
    assert not any("\nERROR forged" in text for text in caplog.messages)


def test_a_wire_without_headers_is_no_task(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(Delivery(Wire(b"", None, None, {}, {}), 1, "mail"))
    (outcome,) = desk.outcomes
    assert (outcome.documents, outcome.settlement) == ((), Settlement.REJECT)


# -- remote control and events
