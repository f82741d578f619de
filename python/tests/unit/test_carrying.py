"""Chords in the courier: sizes before messages, results before counting, bodies before anything is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from celeriac.errors import PublishRefused
from celeriac.transport import ChordPart, Delivery, Gathered, Outgoing, WorkerLink
from celeriac.worker.carrying import gather, send, store
from celeriac.worker.outcome import Outcome

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
def broker() -> FakeBroker:
    return FakeBroker()


def carry(on: WorkerLink, outcome: Outcome) -> list[Outcome]:
    batch = send(on, [outcome])
    store(on, batch)
    return gather(on, batch)


def test_sizes_then_messages_then_results_then_counting(broker: FakeBroker) -> None:
    outcome = Outcome(DELIVERY, (DOCUMENT,), (outgoing("next"),), sizes=(("g", 2),), parts=(PART,))
    assert carry(link(broker), outcome) == []
    assert broker.events == [
        ("expect", [("g", 2)]), ("publish", ["next"]), ("store", ["task-1"]), ("count", ["member"]),
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
        ("count", ["member"]), ("store", ["task-1"]), ("finish", "member", True),
        ("count", ["body"]), ("publish", ["outer body"]), ("finish", "body", False),
    ]  # fmt: skip


def test_a_body_that_is_refused_leaves_its_failure(broker: FakeBroker) -> None:
    wanted = outgoing("nowhere")
    failure = Outcome(DELIVERY, (DOCUMENT,), (outgoing("errback"),), broken=True)
    body = Outcome(DELIVERY, outgoing=(wanted,), if_refused=lambda _error: failure)
    broker.fails["publish"] = PublishRefused("no such queue", [wanted])
    carry(link(broker, part=ALL), Outcome(DELIVERY, parts=(PART,), gathered=lambda _part, _all: body))
    assert broker.events == [
        ("count", ["member"]), ("publish", ["errback"]), ("store", ["task-1"]), ("finish", "member", True),
    ]  # fmt: skip
