"""An executor of tasks without a broker, and what it hands its outcomes to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import pytest

from celeriac import Celeriac, Message, Result
from celeriac import lifecycle_events as happened
from celeriac.events import Document
from celeriac.execution.ending import ColdShutdown
from celeriac.transport import Delivery
from celeriac.worker.beside import Beside
from celeriac.worker.clock import Clock
from celeriac.worker.evented import EventLoop
from celeriac.worker.executor import Executor
from celeriac.worker.interrupts import Overdue
from celeriac.worker.journal import OVERDUE
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome
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
        self.news: list[dict[str, Any]] = []
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

    def tell(self, news: Iterable[Document]) -> None:
        self.news += map(json.loads, news)

    def lift(self) -> None:
        if self.overdue:
            raise Overdue


class FakeRegister:
    """Writes down what was begun and ended."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.noted: list[tuple[type, bool]] = []

    def begin(self, message: Message, until: float) -> int:
        self.entries.append(message.id)
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
