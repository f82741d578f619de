"""News of tasks: in the order in which they happened, whenever their consequences are safe."""

from __future__ import annotations

import json
from typing import Any

from celeriac.events import Document, Event
from celeriac.worker.mouth import KEPT, MOST, Mouth

from .courier_parts import FakePost


def event(kind: str) -> Document:
    return json.dumps(Event(type=kind, hostname="w1@h", timestamp=0.0, uuid="i").build())


def test_order() -> None:
    sent: list[Any] = []
    mouth = Mouth("w1@h")
    assert mouth.take([event("task-started")])
    place = mouth.reserve()
    assert not mouth.take([event("task-received"), event("task-started")])
    mouth.speak(FakePost(sent))
    place.fill([event("task-succeeded")])
    mouth.speak(FakePost(sent))
    mouth.speak(FakePost(sent))
    assert sent == [
        ("celeryev", "task.multi", ["task-started"]),
        ("celeryev", "task.multi", ["task-succeeded", "task-received", "task-started"]),
    ]


def test_nothing_grows_without_end() -> None:
    sent: list[Any] = []
    mouth = Mouth("w1@h")
    for _ in range(KEPT + 5):
        mouth.take([event("task-started")])
    mouth.reserve().fill(())
    mouth.speak(FakePost(sent))
    assert sum(len(types) for _, _, types in sent) == KEPT - 1
    assert max(len(types) for _, _, types in sent) == MOST
