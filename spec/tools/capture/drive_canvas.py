"""Send canvases, let a worker take them apart, and read every message and every command about groups."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import celery

from . import cases_canvas, shop
from .cases_canvas import Canvas
from .crew import OUT, QUEUE, crew
from .drive import provenance, run
from .record import Monitor, monitored
from .vectors import Mismatch, Vector, captured, item_wire
from .wires import Rabbit, Store

#: Keys of groups and chords in the result store.
ABOUT_GROUPS = b"celery-taskset-meta-"
#: What loads a script holds no fact about keys; the script is told by its hash.
UNTOLD = (b"SCRIPT",)
LAST = "the-last"
#: How long the worker is kept busy while a canvas is sent.
BUSY_SECONDS = 1

Take = Callable[[], dict[str, Any]]


def commands(told: list[list[bytes]]) -> list[list[str]]:
    """Commands that name a key of a group."""
    chosen = [one for one in told if one[0].upper() not in UNTOLD and any(ABOUT_GROUPS in word for word in one)]
    # Redis does not know a script when it is called for the first time; then Celery loads it and calls it again.
    once = [one for one, before in zip(chosen, [None, *chosen], strict=False) if one != before]
    return [[word.decode("utf-8") for word in one] for one in once]


def vector(case: Canvas, place: Rabbit | Store, messages: list[dict[str, Any]], told: list[list[bytes]]) -> Vector:
    """The vector of a canvas, checked against the names of its tasks."""
    wire: dict[str, Any] = {"messages": messages}
    if case.commands:
        wire["commands"] = commands(told)
    found = captured(f"canvas/{case.name}", "canvas", case.about, case.ids, provenance(place, case.call), wire)
    tasks = tuple(message["task"] for message in found.expected["message"]["messages"])
    if tasks != case.tasks:
        raise Mismatch(f"{found.id}: sent {tasks}, expected {case.tasks}")
    return found


def until_last(app: celery.Celery, take: Take, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Messages in the queue up to one that is sent now and marks the end."""
    app.tasks["shop.echo"].apply_async((LAST,), task_id=LAST)
    found = [take()]
    while not is_last(found[-1]):
        found.append(take())
    return found[:-1]


def produced(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """Canvases of a producer on RabbitMQ."""
    with shop.build(rabbit.url, store.url) as app:
        for case in cases_canvas.PRODUCED:
            rabbit.empty("celery")
            with monitored(store) as monitor:
                run(case.call, app)
                messages = until_last(app, lambda: rabbit.take("celery"), lambda wire: wire["headers"]["id"] == LAST)
                yield vector(case, rabbit, messages, monitor.so_far())


def produced_on_redis(store: Store) -> Iterator[Vector]:
    """Canvases of a producer on Redis."""
    with shop.build(store.url, store.url) as app:
        for case in cases_canvas.PRODUCED_ON_REDIS:
            store.empty("celery")
            with monitored(store) as monitor:
                run(case.call, app)
                told = monitor.so_far()
                messages = [item_wire(store.take("celery")) for _ in case.tasks]
                yield vector(case, store, messages, told)


def settled(app: celery.Celery, monitor: Monitor) -> list[list[bytes]]:
    """What Redis was told until the worker is done with the canvas: it takes up a task that is sent after it."""
    task_id = str(uuid.uuid4())
    app.tasks["shop.echo"].apply_async((LAST,), task_id=task_id)
    key = f"celery-task-meta-{task_id}".encode()
    return monitor.until(lambda one: one[:1] == [b"PUBLISH"] and one[1] == key and b"SUCCESS" in one[2])


def worked(rabbit: Rabbit, store: Store, cases: Sequence[Canvas] = cases_canvas.WORKED) -> Iterator[Vector]:
    """Messages that a worker on RabbitMQ with results in Redis makes of a canvas."""
    rabbit.empty(QUEUE, OUT)
    with crew(rabbit, store, "--pool", "solo"), shop.build(rabbit.url, store.url, task_default_queue=QUEUE) as app:
        for case in cases:
            rabbit.empty(OUT)
            with monitored(store) as monitor:
                if case.commands:  # or else what the producer and what the worker tells Redis come in any order
                    app.tasks["shop.hold"].apply_async((BUSY_SECONDS,))
                run(case.call, app)
                messages = [rabbit.take(OUT) for _ in case.tasks]
                told = settled(app, monitor)
                if rabbit.channel.basic_get(OUT, no_ack=True) is not None:
                    raise Mismatch(f"canvas/{case.name}: more messages than {len(case.tasks)}")
                yield vector(case, rabbit, messages, told)


def canvases(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All vectors of canvas/."""
    yield from produced(rabbit, store)
    yield from produced_on_redis(store)
    yield from worked(rabbit, store)
