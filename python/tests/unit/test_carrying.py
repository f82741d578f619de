"""What the courier carries out, and in which order: results before counting, all before anything is settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import pytest

from celeriac.errors import BrokerUnavailable, PublishRefused
from celeriac.transport import ChordPart, Delivery, Gathered, Outgoing, WorkerLink
from celeriac.worker.beside import Beside
from celeriac.worker.carrying import Outcomes, gather, send, store
from celeriac.worker.holding import Holding
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.promises import Promises, Records

from .courier_parts import DOCUMENT, WIRE, FakeBroker, FakePost

DELIVERY = Delivery(WIRE, 1, "mail")
PART, OUTER = ChordPart("g", "member", 0, b"[]"), ChordPart("outer", "body", 0, b"[]")
ALL = Gathered(None, [b"[]"])


class FakeGroups:
    """Counts by a table: part -> what is answered."""

    def __init__(self, broker: FakeBroker, answers: dict[ChordPart, Gathered | None]) -> None:
        self._events = broker.events
        self._answers = answers

    def expect(self, sizes: Sequence[tuple[str, int]]) -> None:
        self._events.append(("expect", list(sizes)))

    def expect_more(self, group_id: str, more: int = 1) -> None:
        raise AssertionError("not for workers")

    def count(self, parts: Sequence[ChordPart]) -> list[Gathered | None]:
        self._events.append(("count", [part.task_id for part in parts]))
        return [self._answers.get(part) for part in parts]

    def finish(self, part: ChordPart, *, broken: bool) -> None:
        self._events.append(("finish", part.task_id, broken))

    save = load = forget = expect_more

    def close(self) -> None: ...


def link(broker: FakeBroker, **answers: Gathered | None) -> WorkerLink:
    table = {PART: answers.get("part"), OUTER: answers.get("outer")}
    groups: Any = FakeGroups(broker, table)
    return WorkerLink(broker, broker, broker, FakePost(broker.events), groups=groups)


def outgoing(queue: str) -> Outgoing:
    return Outgoing(WIRE, queue)


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    broker = FakeBroker()
    yield broker
    broker.release()


def carry(on: WorkerLink, outcome: Outcome) -> list[Outcome]:
    batch = send(on, [outcome])
    store(on, batch)
    return gather(on, batch)


def test_sizes_then_messages_then_results_then_counting(broker: FakeBroker) -> None:
    outcome = Outcome(DELIVERY, (DOCUMENT,), (outgoing("next"),), sizes=(("g", 2),), parts=(PART,))
    assert carry(link(broker), outcome) == []
    assert broker.events == [
        ("expect", [("g", 2)]), ("publish", ["next"]), ("store", ["task-1"]), ("stored",), ("count", ["member"]),
    ]  # fmt: skip


def test_the_body_is_sent_before_the_chord_is_finished(broker: FakeBroker) -> None:
    body = Outcome(DELIVERY, outgoing=(outgoing("body"),))
    outcome = Outcome(DELIVERY, parts=(PART,), gathered=lambda _part, _all: body)
    (done,) = carry(link(broker, part=ALL), outcome)
    assert done.outgoing == ()
    assert broker.events == [("count", ["member"]), ("publish", ["body"]), ("finish", "member", False)]


def test_a_body_may_be_the_end_of_another_chord(broker: FakeBroker) -> None:
    last = Outcome(DELIVERY, outgoing=(outgoing("outer body"),))
    broken = Outcome(DELIVERY, (DOCUMENT,), parts=(OUTER,), gathered=lambda _part, _all: last, broken=True)
    outcome = Outcome(DELIVERY, parts=(PART,), gathered=lambda _part, _all: broken)
    assert len(carry(link(broker, part=ALL, outer=ALL), outcome)) == 2
    assert broker.events == [
        ("count", ["member"]), ("store", ["task-1"]), ("stored",), ("finish", "member", True),
        ("count", ["body"]), ("publish", ["outer body"]), ("finish", "body", False),
    ]  # fmt: skip


def test_a_body_that_is_refused_leaves_its_failure(broker: FakeBroker) -> None:
    wanted = outgoing("nowhere")
    failure = Outcome(DELIVERY, (DOCUMENT,), (outgoing("errback"),), broken=True)
    body = Outcome(DELIVERY, outgoing=(wanted,), if_refused=lambda _error: failure)
    broker.fails["publish"] = PublishRefused("no such queue", [wanted])
    carry(link(broker, part=ALL), Outcome(DELIVERY, parts=(PART,), gathered=lambda _part, _all: body))
    assert broker.events == [
        ("count", ["member"]), ("publish", ["errback"]), ("store", ["task-1"]), ("stored",), ("finish", "member", True),
    ]  # fmt: skip


# -- results that are on their way


@pytest.fixture
def holding(broker: FakeBroker) -> Holding:
    broker.send(*(Delivery(WIRE, tag, "mail") for tag in (1, 2, 3)))
    return Holding(4, Beside())


@pytest.fixture
def outcomes(holding: Holding) -> Outcomes:
    return Outcomes(holding, Promises(Records()))


def ends(holding: Holding, broker: FakeBroker, **what: Any) -> list[Outcome]:
    """What came of the deliveries that are there."""
    holding.take_in(broker)
    deliveries = [holding.inbox.get() for _ in range(holding.inbox.qsize())]
    return [
        Outcome(delivery, (DOCUMENT,), settlement=Settlement.ACK, **what)
        for delivery in deliveries
        if isinstance(delivery, Delivery)
    ]


def test_tasks_are_settled_when_their_results_are_there(
    broker: FakeBroker, holding: Holding, outcomes: Outcomes
) -> None:
    """Until then, others may run."""
    first, second, third = ends(holding, broker)
    outcomes.put(first)
    outcomes.put(second)
    assert outcomes.carry_out(link(broker))
    outcomes.put(third)
    assert broker.events == [("store", ["task-1", "task-1"])] and outcomes
    assert outcomes.carry_out(link(broker))
    assert broker.events[1:] == [("stored",), ("settle", [1, 2], [], []), ("store", ["task-1"])] and outcomes
    assert outcomes.carry_out(link(broker))
    assert broker.events[4:] == [("stored",), ("settle", [3], [], [])] and not outcomes
    assert not outcomes.carry_out(link(broker))


def test_all_is_carried_out(broker: FakeBroker, holding: Holding, outcomes: Outcomes) -> None:
    for outcome in ends(holding, broker):
        outcomes.put(outcome)
    outcomes.carry_out_all(link(broker))
    assert broker.events[1:] == [("stored",), ("settle", [1, 2, 3], [], [])] and not outcomes


def test_who_waits_for_an_early_acknowledgement_is_told_at_once(
    broker: FakeBroker, holding: Holding, outcomes: Outcomes
) -> None:
    settled: SimpleQueue[bool] = SimpleQueue()
    outcomes.put(ends(holding, broker, over=False, settled=settled)[0])
    outcomes.carry_out(link(broker))
    assert broker.events == [("store", ["task-1"]), ("stored",), ("settle", [1], [], [])]
    assert settled.get_nowait() is True


@pytest.mark.parametrize("lost_by", ["who waits for it", "somebody else"])
def test_results_on_a_connection_that_is_lost_are_stored_on_the_next(
    broker: FakeBroker, holding: Holding, outcomes: Outcomes, lost_by: str
) -> None:
    """The deliveries are not settled there: the broker hands them out again."""
    outcomes.put(ends(holding, broker)[0])
    outcomes.carry_out(link(broker))
    if lost_by == "who waits for it":
        broker.fails["stored"] = BrokerUnavailable("gone")
        with pytest.raises(BrokerUnavailable):
            outcomes.carry_out(link(broker))
    holding.forget()
    outcomes.begin()
    following = FakeBroker()
    outcomes.carry_out(link(following))
    outcomes.carry_out(link(following))
    following.release()
    assert broker.events == [("store", ["task-1"])]
    assert following.events == [("store", ["task-1"]), ("stored",)] and not outcomes
