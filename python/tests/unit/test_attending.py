"""The thread that runs tasks sees to the connection while it has none; the courier's own does beside a long one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from celeriac import BrokerUnavailable
from celeriac.events import Event
from celeriac.transport import Delivery
from celeriac.worker import courier as courier_module
from celeriac.worker import helm as helm_module
from celeriac.worker.outcome import Outcome, Settlement
from tests.support.waiting import PATIENCE, eventually

from .courier_parts import DOCUMENT, WIRE, Crew, FakeBroker


class Runner(threading.Thread):
    """Runs what a courier gives it, as the main thread of a process does. ``run_one`` is a task."""

    def __init__(self, crew: Crew, run_one: Callable[[Delivery], None] = lambda _: None) -> None:
        super().__init__(daemon=True)
        self.crew = crew
        self.ran: list[Any] = []
        self._run_one = run_one

    def run(self) -> None:
        courier = self.crew.courier
        while (item := courier.next()) is not None:
            if isinstance(item, Delivery):
                self.ran.append(item.tag)
                self._run_one(item)
                courier.report(Outcome(item, (DOCUMENT,), settlement=Settlement.ACK))
            else:
                item()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Runner]]:
    monkeypatch.setattr(courier_module, "RECONNECT_FIRST", 0.01)
    runners: list[Runner] = []

    def begin(*brokers: FakeBroker, run_one: Callable[[Delivery], None] = lambda _: None, **named: Any) -> Runner:
        runner = Runner(Crew(*brokers, **named), run_one)
        runners.append(runner)
        runner.crew.courier.start()
        runner.start()
        return runner

    yield begin
    for runner in runners:
        runner.crew.courier.abandon()
        runner.join(PATIENCE)
        assert not runner.is_alive()
        runner.crew.close()


Start = Callable[..., Runner]


def delivery(tag: int) -> Delivery:
    return Delivery(WIRE, tag, "mail")


def settled(broker: FakeBroker) -> list[int]:
    return [tag for event in broker.events if event[0] == "settle" for tag in event[1]]


def attends(runner: Runner) -> None:
    eventually(lambda: runner.crew.courier.attended, "the thread that runs tasks sees to the connection")


def test_short_tasks_never_change_threads(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_module, "LULL", 10 * PATIENCE)
    threads: list[int] = []
    broker = FakeBroker()
    settle = broker.settle

    def noted(*batch: Any) -> None:
        threads.append(threading.get_ident())
        settle(*batch)

    monkeypatch.setattr(broker, "settle", noted)
    runner = start(broker)
    attends(runner)
    for tag in range(20):
        broker.send(delivery(tag))
        eventually(lambda tag=tag: settled(broker) == list(range(tag + 1)), "it is settled")  # type: ignore[misc]
    assert runner.ran == list(range(20)) and set(threads) == {runner.ident}
    runner.crew.end()


def test_beside_a_long_task_the_couriers_thread_takes_in_and_carries_out(start: Start) -> None:
    gate = threading.Event()
    broker = FakeBroker()
    runner = start(broker, run_one=lambda one: gate.wait(PATIENCE) if one.tag == 1 else None)
    attends(runner)
    broker.send(delivery(0), delivery(1))
    eventually(lambda: runner.ran == [0, 1], "the long one runs")
    eventually(lambda: settled(broker) == [0], "the one before it is settled meanwhile")
    broker.send(delivery(2))
    eventually(lambda: runner.crew.courier.inbox.qsize() == 1, "the next is taken in")
    gate.set()
    eventually(lambda: settled(broker) == [0, 1, 2], "all are settled")
    attends(runner)
    runner.crew.end()


def test_outcomes_of_short_tasks_do_not_wait_for_the_last_of_many(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helm_module, "LULL", 10 * PATIENCE)
    gate = threading.Event()
    broker = FakeBroker()
    # Each takes longer than outcomes gather.
    runner = start(broker, run_one=lambda one: gate.wait(PATIENCE) if one.tag == 9 else time.sleep(0.005), prefetch=10)
    attends(runner)
    broker.send(*(delivery(tag) for tag in range(10)))
    eventually(lambda: len(runner.ran) == 10, "the last one runs")
    assert settled(broker)
    gate.set()
    eventually(lambda: settled(broker) == list(range(10)), "all are settled")
    runner.crew.end()


@pytest.mark.parametrize("step", ["receive", "store", "settle"])
def test_what_goes_wrong_there_is_dealt_with_as_anywhere(start: Start, step: str) -> None:
    first, second = FakeBroker(), FakeBroker()
    runner = start(first, second)
    attends(runner)
    first.fails[step] = BrokerUnavailable("cut")
    first.send(delivery(1))
    eventually(lambda: len(runner.crew.ready) == 2, "it connects again")
    second.send(delivery(2))
    eventually(lambda: settled(second) == [2], "the next is settled")
    assert runner.ran == ([2] if step == "receive" else [1, 2])
    runner.crew.end()


def test_a_defect_there_ends_the_process(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeBroker()
    runner = start(broker)
    attends(runner)
    broker.fails["receive"] = RuntimeError("a defect")
    broker.send(delivery(1))
    runner.join(PATIENCE)
    assert runner.crew.courier.failed and "a defect" in caplog.text


def test_who_waits_for_an_early_acknowledgement_gets_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_module, "LULL", 10 * PATIENCE)
    broker = FakeBroker()
    answers: list[bool] = []

    def promised(one: Delivery) -> None:
        answer: SimpleQueue[bool] = SimpleQueue()
        runner.crew.courier.report(Outcome(one, settlement=Settlement.ACK, over=False, settled=answer))
        answers.append(answer.get(timeout=PATIENCE))

    runner = start(broker, run_one=promised)
    attends(runner)
    for tag in range(3):
        broker.send(delivery(tag))
    eventually(lambda: answers == [True] * 3, "all are answered")
    runner.crew.end()


def test_abandoned_it_runs_nothing_more(start: Start) -> None:
    gate = threading.Event()
    broker = FakeBroker()
    runner = start(broker, run_one=lambda _: gate.wait(PATIENCE) and None)
    attends(runner)
    broker.send(*(delivery(tag) for tag in range(3)))
    eventually(lambda: runner.ran == [0], "the first runs")
    runner.crew.courier.abandon()
    gate.set()
    runner.join(PATIENCE)
    assert runner.ran == [0]


def test_news_of_what_begins_are_told_while_it_runs(start: Start) -> None:
    gate = threading.Event()
    broker = FakeBroker()
    runner = start(broker, run_one=lambda _: gate.wait(PATIENCE) and None)
    attends(runner)
    broker.send(delivery(1))
    eventually(lambda: runner.ran == [1], "it runs")
    news = Event(
        type="task-started", hostname="w1@h", utcoffset=0.0, pid=1, clock=1, uuid="task-1", timestamp=time.time()
    )
    runner.crew.courier.tell([json.dumps(news.build())])
    eventually(lambda: [event[2] for event in broker.events if event[0] == "celeryev"] == [["task-started"]], "told")
    gate.set()
    runner.crew.end()
