"""Workers that the scenarios share: on each broker one of ours and one of Celery's, each with a queue of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from celeriac import BoundSignature, Celeriac
from tests.conftest import Broker
from tests.scenarios.functions import NOTES, QUEUE
from tests.support.celery import CeleryWorker
from tests.support.waiting import eventually
from tests.support.worker import Worker

#: Seconds that a result may take on a loaded machine.
KINDS = ("celeriac", "celery")


class Hand:
    """A running worker of either kind: its node, its log with what its tasks print, and what they note."""

    def __init__(self, kind: str, broker: Broker, queue: str, folder: Path, *, node: str | None = None) -> None:
        self.kind, self.broker, self.queue, self.folder = kind, broker, queue, folder
        self.notes_file = folder / f"{queue}.notes"
        self._node = node
        self._running = ExitStack()

    def __enter__(self) -> Hand:
        self.worker: Worker | CeleryWorker = self._celery() if self.kind == "celery" else self._celeriac()
        self._running.push(self.worker)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def kill(self) -> None:
        """Kill it as the kernel does; it may be started again."""
        self.worker.kill()
        self._running.pop_all()

    def _celeriac(self) -> Worker:
        options = ("-n", self._node) if self._node else ()
        return Worker(
            *(self.broker.url, self.broker.backend, self.queue, self.notes_file, *options),
            application="tests.scenarios.ours",
            environment={QUEUE: self.queue},
        )

    def _celery(self) -> CeleryWorker:
        # Without a name of its own, Celery 5.7's second worker of a host ends at once (scenarios, section 0).
        return CeleryWorker(
            *(self.broker.url, self.queue, self._node or f"{self.queue}@celery", self.folder / f"{self.queue}.log"),
            application="tests.scenarios.celerys",
            environment={"CELERY_APP_BACKEND": self.broker.backend, NOTES: str(self.notes_file), QUEUE: self.queue},
            pool="prefork",
        )

    @property
    def node(self) -> str:
        return self.worker.node

    @property
    def log(self) -> str:
        return self.worker.log

    @property
    def notes(self) -> list[str]:
        return self.notes_file.read_text().split("\n")[:-1] if self.notes_file.exists() else []

    def noted(self, text: str) -> str:
        """Wait until a task has noted something that begins so; all of that line."""

        def found() -> str | None:
            return next((note for note in self.notes if note.startswith(text)), None)

        return eventually(found, f"a task notes {text!r}; log:\n{self.log}") or ""

    def logged(self, text: str) -> None:
        """Wait until the log, or a task on standard output, says this."""
        eventually(lambda: text in self.log, f"{self.node} says {text!r}: {self.log}")


class Place:
    """A broker and the workers on it, each started when it is first asked for."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker
        self._folder = folder
        self._hands: dict[str, Hand] = {}
        self._running = ExitStack()

    def hand(self, kind: str) -> Hand:
        """The worker of that kind."""
        if kind not in self._hands:
            hand = Hand(kind, self.broker, new_name(kind), self._folder)
            self._hands[kind] = self._running.enter_context(hand)
        return self._hands[kind]

    def close(self) -> None:
        """End the workers and remove their queues."""
        self._running.close()
        for hand in self._hands.values():
            self.broker.remove(hand.queue)


@dataclass(frozen=True)
class Crew:
    """The worker whose turn it is, and a client that sends to it."""

    app: Celeriac
    hand: Hand
    place: Place

    def s(self, name: str, *args: object) -> BoundSignature:
        return self.app.signature(name, args)

    def si(self, name: str, *args: object) -> BoundSignature:
        return BoundSignature(task=name, args=list(args), immutable=True, app=self.app)


def new_name(what: str = "scenario") -> str:
    return f"{what}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session", params=["rabbitmq", "redis"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Both brokers in turn, with results in Redis: chords are counted there."""
    backend = request.getfixturevalue("redis_url")
    url = request.getfixturevalue("amqp_url") if request.param == "rabbitmq" else backend
    place = Place(Broker(request.param, url, backend), tmp_path_factory.mktemp(f"scenarios-{request.param}"))
    yield place
    place.close()


@pytest.fixture(params=KINDS)
def crew(request: pytest.FixtureRequest, place: Place) -> Iterator[Crew]:
    """A worker of each kind in turn."""
    hand = place.hand(request.param)
    with Celeriac(
        "scenarios", broker=place.broker.url, backend=place.broker.backend, task_default_queue=hand.queue
    ) as app:
        yield Crew(app, hand, place)
