"""A process's end of the channel: what the node asks, a courier answers, beside its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.lifecycle_events import Event
from celeriac.transport import Delivery
from celeriac.worker.channel import Channel
from celeriac.worker.liaison import SHOWN, Liaison
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.running import Running
from celeriac.worker.settings import WorkerSettings
from tests.support.waiting import PATIENCE, eventually

from .courier_parts import Crew, FakeBroker
from .worker_parts import message

app = Celeriac("shop", broker="redis://nowhere")


@app.task(name="shop.add")
def add(x: int, y: int) -> int:
    """Give the sum."""
    return x + y


SETTINGS = WorkerSettings(broker=app.broker, backend=None, tasks=app.tasks, hostname="w1@h")


def delivery(task_id: str, **fields: Any) -> Delivery:
    return Delivery(message(id=task_id, **fields).build(), task_id, "mail")


class Office:
    """A crew whose courier has a channel, and the node's end of that."""

    def __init__(self, broker: FakeBroker) -> None:
        self.node, end = Channel.pair()
        self.liaison = Liaison(1, end, SETTINGS)
        self.crew = Crew(broker, liaison=self.liaison)
        self.courier = self.crew.courier

    def heard(self) -> dict[str, Any]:
        """The next that the process says, but for its counts."""
        found: list[dict[str, Any]] = []

        def one() -> bool:
            found.extend(said for said in self.node.receive() if "count" not in said)
            return bool(found)

        eventually(one, "the process says something")
        (said,) = found
        return said

    def welcome(self, **state: Any) -> None:
        """Wait for the greeting and answer it."""
        assert set(self.heard()) == {"hello"}
        self.node.send({"id": 0, "ask": "obey", "arguments": state})

    def ask(self, question: str, **arguments: Any) -> Any:
        """What the process answers."""
        self.node.send({"id": 7, "ask": question, "arguments": arguments})
        said = self.heard()
        assert said["id"] == 7
        return said["answer"]

    def take(self) -> Delivery:
        item = self.courier.inbox.get(timeout=PATIENCE)
        assert isinstance(item, Delivery)
        return item

    def run(self, held: Delivery) -> None:
        """Begin a task that never ends by itself."""

        def ended(ended_delivery: Delivery, _message: Any, event: Event) -> Outcome:
            self.event = event
            return Outcome(ended_delivery, settlement=Settlement.ACK)

        self.courier.begin(Running(held, message(id=held.tag), time.time(), ended))


@pytest.fixture
def open_office() -> Iterator[Callable[[FakeBroker], Office]]:
    offices = []

    def begin(broker: FakeBroker) -> Office:
        office = Office(broker)
        offices.append(office)
        office.courier.start()
        return office

    yield begin
    for office in offices:
        office.courier.abandon()
        office.courier.join(PATIENCE)
        office.node.close()
        office.liaison.channel.close()


Open = Callable[[FakeBroker], Office]


def test_nothing_is_taken_before_the_node_has_told(open_office: Open) -> None:
    broker = FakeBroker([delivery("a")])
    office = open_office(broker)
    assert office.courier.inbox.empty() and broker.rooms == []
    office.welcome(events=True, revoked={"ids": {"b": time.time()}})
    office.take()
    assert office.liaison.orders.telling
    assert office.liaison.orders.is_revoked(message(id="b"))


def test_where_tasks_are(open_office: Open) -> None:
    office = open_office(
        FakeBroker(
            [delivery("runs"), delivery("next", args=("x" * 5000,)), Delivery(delivery("c").content, "bad", "mail")]
        )
    )
    office.welcome()
    runs = office.take()
    office.run(runs)
    places = office.ask("tasks")
    (active,) = places["active"]
    assert (active["id"], active["args"], active["hostname"]) == ("runs", [2, 3], "w1@h")
    assert active["delivery_info"] == {"exchange": "", "routing_key": "mail", "priority": 0, "redelivered": False}
    assert [task["id"] for task in places["reserved"]] == ["next", "c"]
    assert len(places["reserved"][0]["args"]) <= SHOWN and places["reserved"][0]["worker_pid"] is None
    assert places["scheduled"] == []


def test_counts(open_office: Open) -> None:
    office = open_office(FakeBroker())
    office.welcome()
    office.liaison.total["shop.add"] += 2
    answer = office.ask("count")
    assert (answer["number"], answer["active"], answer["total"]) == (1, 0, {"shop.add": 2})


def test_queues(open_office: Open) -> None:
    broker = FakeBroker()
    office = open_office(broker)
    office.welcome()
    assert office.ask("obey", queues=[{"queue": "a"}, {"queue": "b"}]) is None
    eventually(lambda: ("consume", ["a", "b"]) in broker.events, "the consumer is told")


def test_ending_what_runs(open_office: Open) -> None:
    broker = FakeBroker([delivery("runs"), delivery("next")])
    office = open_office(broker)
    office.welcome()
    runs = office.take()
    assert office.ask("end", ids=["runs"], signal=15, revoked={"ids": {"runs": time.time()}}) == []
    office.run(runs)
    assert office.ask("end", ids=["next"], signal=15) == []
    assert office.ask("end", ids=["runs"], signal=15) == ["runs"]
    assert office.crew.left.wait(PATIENCE)
    settled = [what for name, *what in broker.events if name == "settle"]
    assert [["runs"], [], []] in settled and [[], [], ["next"]] in settled
    assert office.event.signum == 15  # type: ignore[union-attr]
