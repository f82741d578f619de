"""The connection thread with fakes: order within a batch, lost connections, refusals, waiting, the end."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from queue import SimpleQueue
from typing import Any

import pytest

from celeriac import BrokerUnavailable, InvalidCall, PublishRefused
from celeriac.transport import Delivery, Outgoing
from celeriac.worker import courier as courier_module
from celeriac.worker.interrupts import Overdue
from celeriac.worker.outcome import Outcome, Settlement
from tests.support.waiting import PATIENCE, eventually

from .courier_parts import DOCUMENT, WIRE, Crew, FakeBroker, limited


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Crew]]:
    monkeypatch.setattr(courier_module, "RECONNECT_FIRST", 0.01)
    crews: list[Crew] = []

    def begin(*brokers: FakeBroker | Exception, **named: Any) -> Crew:
        crew = Crew(*brokers, **named)
        crew.courier.start()
        crews.append(crew)
        return crew

    yield begin
    for crew in crews:
        crew.close()


Start = Callable[..., Crew]


def delivery(tag: Any) -> Delivery:
    return Delivery(WIRE, tag, "mail")


def done(one: Delivery, settlement: Settlement = Settlement.ACK, **fields: Any) -> Outcome:
    return Outcome(one, settlement=settlement, **fields)


def outgoing(queue: str = "mail") -> Outgoing:
    return Outgoing(WIRE, queue)


def settled(broker: FakeBroker) -> list[Any]:
    return [event[1:] for event in broker.events if event[0] == "settle"]


def take(crew: Crew) -> Delivery:
    taken = crew.courier.inbox.get(timeout=PATIENCE)
    assert isinstance(taken, Delivery)
    return taken


def test_published_then_stored_then_settled(start: Start) -> None:
    broker = FakeBroker([delivery(1)])
    crew = start(broker)
    crew.courier.report(done(take(crew), outgoing=(outgoing("next"),), documents=(DOCUMENT,)))
    eventually(lambda: settled(broker), "it is settled")
    assert broker.events == [("publish", ["next"]), ("store", ["task-1"]), ("stored",), ("settle", [1], [], [])]
    crew.end()


def test_outcomes_gather_to_batches(start: Start) -> None:
    """While one batch is on its way, the next gathers; it goes in one piece, each kind of settlement together."""
    broker = FakeBroker([delivery(tag) for tag in range(4)])
    entered, gate = threading.Event(), threading.Event()
    publish = broker.publish

    def slow(batch: Sequence[Outgoing]) -> None:
        entered.set()
        assert gate.wait(PATIENCE)
        publish(batch)

    broker.publish = slow  # type: ignore[method-assign]
    crew = start(broker)
    first, *others = [take(crew) for _ in range(4)]
    crew.courier.report(done(first, outgoing=(outgoing(),)))
    assert entered.wait(PATIENCE)
    for one, settlement in zip(others, Settlement, strict=True):
        crew.courier.report(done(one, settlement, outgoing=(outgoing(),)))
    gate.set()
    eventually(lambda: len(settled(broker)) == 2, "all are settled")
    assert settled(broker) == [([0], [], []), ([1], [2], [3])]
    assert [event[1] for event in broker.events if event[0] == "publish"] == [["mail"], ["mail"] * 3]
    crew.end()


def test_of_several_that_were_taken_in_the_last_one_wakes_the_courier(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "GATHER", 10 * PATIENCE)
    broker = FakeBroker([delivery(tag) for tag in range(3)])
    crew = start(broker)
    eventually(lambda: crew.courier.inbox.qsize() == 3, "all are there")
    rings: list[float] = []
    ring = crew.courier._bell.ring

    def counted() -> None:
        rings.append(time.monotonic())
        ring()

    monkeypatch.setattr(crew.courier._bell, "ring", counted)
    for _ in range(3):
        assert not rings
        crew.courier.report(done(take(crew)))
    eventually(lambda: settled(broker) == [([0, 1, 2], [], [])], "all are settled at once")
    assert len(rings) == 1
    crew.end()


def test_never_more_than_the_window(start: Start) -> None:
    broker = FakeBroker([delivery(tag) for tag in range(10)])
    crew = start(broker, prefetch=3)
    first = take(crew)
    eventually(lambda: crew.courier.inbox.qsize() == 2, "the window is full")
    time.sleep(0.05)  # and what is wrong would be more now
    assert crew.courier.inbox.qsize() == 2 and len(broker.waiting) == 7
    crew.courier.report(done(first))
    eventually(lambda: len(broker.waiting) == 6, "one more is taken for the one that is done")
    crew.courier.abandon()


def test_waiting_for_an_eta_leaves_room(start: Start) -> None:
    broker = FakeBroker([delivery(1), delivery(2)])
    crew = start(broker, prefetch=1)
    until = datetime.now(timezone.utc) + timedelta(seconds=0.3)
    crew.courier.report(Outcome(take(crew), wait_until=until))
    second = take(crew)
    assert second.tag == 2 and datetime.now(timezone.utc) < until
    crew.courier.report(done(second))
    again = take(crew)
    assert again.tag == 1 and datetime.now(timezone.utc) >= until
    assert [event for event in broker.events if event[0] == "hold"] == [("hold", 1), ("hold", 0)]
    crew.courier.report(done(again))
    crew.end()
    assert settled(broker) == [([2], [], []), ([1], [], [])]


# -- lost connections


def test_lost_while_receiving(start: Start) -> None:
    """What was held comes again; what comes of the old deliveries has nothing to settle, but is stored and sent."""
    first, second = FakeBroker([delivery(1), delivery(2)]), FakeBroker([delivery(7)])
    crew = start(first, second)
    running = take(crew)
    first.fails["receive"] = BrokerUnavailable("cut")
    crew.courier.report(Outcome(running, over=False))
    eventually(lambda: len(crew.ready) == 2, "it connects anew")
    assert take(crew).tag == 7
    assert crew.courier.inbox.empty(), "what was not begun is forgotten: the broker has it"
    crew.courier.report(done(running, documents=(DOCUMENT,), outgoing=(outgoing(),)))
    eventually(lambda: ("store", ["task-1"]) in second.events, "the result is stored")
    assert settled(second) == [] and len(crew.ready) == 2
    crew.courier.abandon()


def test_the_same_tag_on_the_next_connection_is_another_delivery(start: Start) -> None:
    first, second = FakeBroker([delivery(1)]), FakeBroker([delivery(1)])
    crew = start(first, second)
    old = take(crew)
    first.fails["receive"] = BrokerUnavailable("cut")
    crew.courier.report(Outcome(old, over=False))
    new = take(crew)
    crew.courier.report(done(old, documents=(DOCUMENT,)))
    eventually(lambda: ("store", ["task-1"]) in second.events, "the result is stored")
    assert settled(second) == []
    crew.courier.report(done(new))
    eventually(lambda: settled(second) == [([1], [], [])], "its own outcome settles it")
    crew.end()


@pytest.mark.parametrize("step", ["publish", "store", "settle"])
def test_lost_while_carrying_out(start: Start, step: str) -> None:
    """It is carried out on the next connection, but for what the broker had confirmed."""
    first, second = FakeBroker([delivery(1)]), FakeBroker()
    crew = start(first, second)
    running = take(crew)
    first.fails[step] = BrokerUnavailable("cut")
    crew.courier.report(done(running, documents=(DOCUMENT,), outgoing=(outgoing(),)))
    eventually(lambda: ("store", ["task-1"]) in second.events, "the result is stored")
    published = [name for name, *_ in first.events + second.events].count("publish")
    assert published == 1
    crew.end()


def test_connects_again_and_again(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeBroker([delivery(1)])
    crew = start(*[BrokerUnavailable(f"refused {number}") for number in range(4)], broker)
    assert take(crew).tag == 1
    assert [text for text in caplog.messages if text.startswith("refused")] == [f"refused {n}" for n in range(4)]
    crew.courier.abandon()


def test_stops_while_there_is_no_broker(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(courier_module, "RECONNECT_FIRST", 600)
    crew = start(BrokerUnavailable("refused"))
    eventually(lambda: "Trying again in 600 seconds" in caplog.text, "it waits for the next attempt")
    crew.end()
    assert crew.courier.inbox.get(timeout=PATIENCE) is None


def test_what_a_dead_process_held_goes_back_first(start: Start) -> None:
    broker = FakeBroker()
    crew = start(broker)
    eventually(lambda: crew.ready, "it is up")
    assert broker.recovered == 1
    crew.end()


# -- refusals


def test_a_refused_message_spoils_its_own_task_only(start: Start) -> None:
    broker = FakeBroker([delivery(1), delivery(2)])
    bad, good = outgoing("bad"), outgoing("good")
    broker.fails["publish"] = PublishRefused("no queue", [bad])
    crew = start(broker)
    one, two = take(crew), take(crew)
    instead = done(one, Settlement.REJECT, documents=(replace(DOCUMENT, task_id="instead"),))
    crew.courier._outcomes.put(done(one, outgoing=(bad,), documents=(DOCUMENT,), if_refused=lambda _error: instead))
    crew.courier.report(done(two, outgoing=(good,), documents=(DOCUMENT,)))
    eventually(lambda: sum(len(acked) + len(rejected) for acked, rejected, _ in settled(broker)) == 2, "both settled")
    stored = [task_id for event in broker.events if event[0] == "store" for task_id in event[1]]
    assert stored == ["instead", "task-1"]
    assert [tag for _, rejected, _ in settled(broker) for tag in rejected] == [1]
    crew.end()


def test_a_message_that_cannot_be_written_is_found_out(start: Start) -> None:
    broker = FakeBroker([delivery(1), delivery(2)])
    bad, good = outgoing("bad"), outgoing("good")
    publish = broker.publish

    def picky(batch: Sequence[Outgoing]) -> None:
        if bad in batch:
            raise InvalidCall("not in an AMQP table")
        publish(batch)

    broker.publish = picky  # type: ignore[method-assign]
    crew = start(broker)
    one, two = take(crew), take(crew)
    crew.courier._outcomes.put(done(one, outgoing=(bad,), if_refused=lambda _error: done(one, Settlement.REJECT)))
    crew.courier.report(done(two, outgoing=(good,)))
    eventually(lambda: sum(len(acked) + len(rejected) for acked, rejected, _ in settled(broker)) == 2, "both settled")
    assert ("publish", ["good"]) in broker.events
    crew.end()


# -- early acknowledgements


@pytest.mark.parametrize("lost", [False, True])
def test_early_acknowledgement_is_answered(start: Start, lost: bool) -> None:
    first, second = FakeBroker([delivery(1)]), FakeBroker()
    crew = start(first, second)
    running = take(crew)
    if lost:
        first.fails["settle"] = BrokerUnavailable("cut")
    answer: SimpleQueue[bool] = SimpleQueue()
    crew.courier.report(done(running, over=False, settled=answer))
    assert answer.get(timeout=PATIENCE) is not lost
    crew.courier.report(Outcome(running))
    crew.end()


def test_early_acknowledgement_is_answered_at_the_end(start: Start) -> None:
    crew = start(FakeBroker([delivery(1)]))
    running = take(crew)
    crew.courier.abandon()
    crew.courier.join(PATIENCE)
    answer: SimpleQueue[bool] = SimpleQueue()
    crew.courier.report(done(running, over=False, settled=answer))
    assert answer.get(timeout=PATIENCE) is False


# -- the end


def test_stop_gives_back_what_is_not_begun_and_waits_for_what_runs(start: Start) -> None:
    broker = FakeBroker([delivery(tag) for tag in range(3)])
    crew = start(broker)
    running = take(crew)
    waiting = take(crew)
    crew.courier.report(Outcome(waiting, wait_until=datetime.now(timezone.utc) + timedelta(hours=1)))
    eventually(lambda: ("hold", 1) in broker.events, "it waits")
    crew.courier.stop()
    eventually(lambda: settled(broker), "they went back")
    assert sorted(settled(broker)[0][2]) == [1, 2] and crew.courier.is_alive() and broker.cancelled
    crew.courier.report(done(running))
    crew.courier.join(PATIENCE)
    assert settled(broker)[1:] == [([0], [], [])]
    assert broker.events[-1] == ("close",)
    assert crew.courier.inbox.get(timeout=PATIENCE) is None


def test_abandon_does_not_wait(start: Start) -> None:
    broker = FakeBroker([delivery(1)])
    crew = start(broker)
    take(crew)
    crew.courier.abandon()
    crew.courier.join(PATIENCE)
    assert not crew.courier.is_alive() and broker.events == [("close",)]


@pytest.mark.parametrize(("signals", "ends"), [(1, False), (2, True)])
def test_signals_are_heard_past_a_deaf_main_thread(start: Start, signals: int, ends: bool) -> None:
    """Python writes their numbers to the wakeup descriptor at once, whatever the task does."""
    broker = FakeBroker([delivery(1)])
    crew = start(broker)
    take(crew)
    os.write(crew.courier.wake_fd, bytes([signal.SIGTERM]) * signals)
    eventually(lambda: broker.cancelled or not crew.courier.is_alive(), "it has heard")
    crew.courier.join(PATIENCE if ends else 0.2)
    assert crew.courier.is_alive() is not ends


def test_leaves_with_its_supervisor(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "TICK", 0.02)
    crew = start(FakeBroker())
    eventually(lambda: crew.ready, "it is up")
    monkeypatch.setattr(os, "getppid", lambda: -1)
    crew.courier.join(PATIENCE)
    assert not crew.courier.is_alive()


def test_leaves_with_its_supervisor_while_there_is_no_broker(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "RECONNECT_MOST", 0.05)
    crew = start(*[BrokerUnavailable("refused")] * 2_000)
    monkeypatch.setattr(os, "getppid", lambda: -1)
    crew.courier.join(PATIENCE)
    assert not crew.courier.is_alive()


def test_a_defect_ends_the_process_and_says_so(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeBroker()
    broker.fails["receive"] = ZeroDivisionError()
    crew = start(broker)
    crew.courier.join(PATIENCE)
    assert crew.courier.failed and crew.courier.inbox.get(timeout=PATIENCE) is None
    assert "this process ends" in caplog.text


# -- the hard time limit


def test_limit_that_passes(start: Start) -> None:
    broker = FakeBroker([delivery(tag) for tag in range(3)])
    crew = start(broker)
    running = take(crew)
    crew.courier.begin(limited(running, 0.05, done(running, documents=(DOCUMENT,))))
    assert crew.left.wait(PATIENCE)
    assert sorted(name for name, *_ in broker.events) == ["close", "settle", "settle", "store", "stored"]
    assert ([0], [], []) in settled(broker) and ([], [], [1, 2]) in settled(broker)
    with pytest.raises(Overdue):
        crew.courier.lift()


def test_limit_that_is_lifted(start: Start) -> None:
    broker = FakeBroker([delivery(1)])
    crew = start(broker)
    running = take(crew)
    crew.courier.begin(limited(running, 600, done(running, Settlement.REJECT)))
    assert crew.courier._bench.limit_at() < math.inf
    crew.courier.lift()
    assert crew.courier._bench.limit_at() == math.inf
    crew.courier.report(done(running))
    crew.end()
    assert settled(broker) == [([1], [], [])] and not crew.left.is_set()


def test_limit_is_kept_without_a_broker(start: Start) -> None:
    """The task must not run on because nobody can be told."""
    broker = FakeBroker([delivery(1)])
    crew = start(broker)
    running = take(crew)
    broker.fails["store"] = BrokerUnavailable("cut")
    crew.courier.begin(limited(running, 0.05, done(running, documents=(DOCUMENT,))))
    assert crew.left.wait(PATIENCE)


def test_limit_is_kept_while_it_tries_to_connect(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = FakeBroker([delivery(1)])
    crew = start(broker, *[BrokerUnavailable("refused") for _ in range(9)])
    running = take(crew)
    monkeypatch.setattr(courier_module, "RECONNECT_FIRST", 600)
    broker.fails["receive"] = BrokerUnavailable("cut")
    crew.courier.begin(limited(running, 0.3, done(running)))
    assert crew.left.wait(PATIENCE)
