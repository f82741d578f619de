"""From a delivery to an outcome, without a broker: what is stored, sent and settled, and that nothing escapes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from celeriac import Celeriac, InvalidMessage, Message, Result, Wire
from celeriac import lifecycle_events as happened
from celeriac.errors import PublishRefused
from celeriac.events import Event
from celeriac.execution.ending import ColdShutdown
from celeriac.lifecycle_events import Revoked
from celeriac.transport import Delivery
from celeriac.worker.beside import Beside
from celeriac.worker.clock import Clock
from celeriac.worker.evented import EventLoop
from celeriac.worker.executor import Executor
from celeriac.worker.interrupts import Overdue
from celeriac.worker.journal import OVERDUE
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.running import Running
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller

from .worker_parts import message

app = Celeriac("shop", broker="redis://nowhere")


class FakeDesk:
    """Takes what is reported; early acknowledgements are settled, unless ``loses`` them."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.running: list[Running] = []
        self.beside = Beside()
        self.news: list[Event] = []
        self.put_off: set[int] = set()
        self.loses = False
        self.overdue = False
        self.promised: list[str] = []

    def report(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if outcome.settled is not None:
            outcome.settled.put(not self.loses)

    def promise(self, delivery: Delivery, message: Message) -> None:
        self.promised.append(message.id)

    def begin(self, running: Running) -> None:
        self.running.append(running)

    def begin_beside(self, running: Running) -> None:
        self.beside.join(running)

    def came_due(self, delivery: Delivery) -> bool:
        return id(delivery) in self.put_off

    def tell(self, news: Iterable[Event]) -> None:
        self.news += news

    def lift(self) -> None:
        if self.overdue:
            raise Overdue


class FakeRegister:
    """Writes down what was begun and ended."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.noted: list[tuple[type, bool]] = []

    def begin(self, task_id: str, until: float) -> int:
        self.entries.append(task_id)
        return 1

    def end(self, slot: int | None) -> None:
        assert slot == 1
        self.entries.append("end")

    def note(self, message: Message | None, event: happened.Event, *, again: bool) -> None:
        self.noted.append((type(event), again))


ran: list[Any] = []


@app.task(name="shop.add")
def add(x: Any, y: Any) -> Any:
    ran.append((x, y))
    return x + y


@app.task(name="shop.early", acks_late=False)
def early() -> None:
    ran.append("early")


@app.task(name="shop.raise")
def raise_(kind: str) -> None:
    raise {"value": ValueError, "exit": SystemExit, "interrupt": KeyboardInterrupt, "cold": ColdShutdown}[kind]("x")


@app.task(name="shop.object")
def give_object() -> object:
    return object()


@app.task(name="shop.soft")
def soft() -> None:
    time.sleep(5)


@pytest.fixture
def desk() -> FakeDesk:
    ran.clear()
    return FakeDesk()


@pytest.fixture
def register() -> FakeRegister:
    return FakeRegister()


@pytest.fixture
def orders() -> Orders:
    return Orders()


@pytest.fixture
def executor(desk: FakeDesk, register: FakeRegister, orders: Orders) -> Executor:
    settings = WorkerSettings(broker=app.broker, backend="rpc://", tasks=app.tasks, hostname="w1")
    return Executor(
        settings,
        desk,
        register,
        {"killer": 3, "survivor": 2, "stuck": OVERDUE}.get,  # type: ignore[arg-type]
        orders=orders,
        teller=Teller("w1", Clock()),
        total=Counter(),
        loop=EventLoop(1),
    )


def delivery(about: Message | None = None, **fields: Any) -> Delivery:
    return Delivery((about or message(**fields)).build(), 1, "mail")


def results(outcome: Outcome) -> list[Result]:
    return [Result.parse(document.body) for document in outcome.documents]


def only(desk: FakeDesk) -> tuple[Outcome, Result]:
    (outcome,) = desk.outcomes
    (result,) = results(outcome)
    return outcome, result


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
    return [event.type for event in (*desk.news, *(event for outcome in desk.outcomes for event in outcome.news))]


def test_no_news_unless_asked_for(executor: Executor, desk: FakeDesk) -> None:
    executor.handle(delivery())
    assert told(desk) == []


def test_news(executor: Executor, desk: FakeDesk, orders: Orders) -> None:
    orders.take({"events": True})
    executor.handle(delivery())
    assert told(desk) == ["task-received", "task-started", "task-succeeded"]
    received, started = desk.news
    assert (received.name, received.args, received.kwargs, received.retries) == ("shop.add", "(2, 3)", "{}", 0)
    assert (received.uuid, received.hostname, received.clock) == ("task-1", "w1", 1)
    assert desk.outcomes[0].news[0].result == "5"
    assert started.clock == 2


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
