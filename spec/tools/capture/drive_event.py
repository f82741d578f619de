"""Make things happen in a real worker, and read the events that tell of them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import celery

from . import cases_event, shop
from .cases_event import Happening
from .crew import NODE, QUEUE, crew
from .decoders import event_message as decoded
from .drive import provenance, run
from .record import monitored, published, tapped
from .vectors import Mismatch, Vector, captured
from .wires import Rabbit, Store, eventually

CHANNEL = b"/0.celeryev"
SOLO = ("-E", "--pool", "solo")
PREFORK = ("-E", "--pool", "prefork", "--concurrency", "1")
BUSY_SECONDS = 60

#: Messages that can come before the one that is waited for: heartbeats, for the most part.
MOST = 12

Take = Callable[[], dict[str, Any]]


def types(wire: dict[str, Any]) -> tuple[str, ...] | str:
    """Types of the events in a message, as a table of cases writes them."""
    events = decoded(wire)["events"]
    return tuple(one["type"] for one in events) if isinstance(events, list) else str(events["type"])


def told(case: Happening, place: Rabbit | Store, take: Take) -> Vector:
    """The vector of the first message that holds exactly what the case says."""
    wire, others = take(), []
    while types(wire) != case.types:
        others.append(types(wire))
        if len(others) > MOST:
            raise Mismatch(f"{case.name}: no {case.types} among {others}")
        wire = take()
    return captured(f"events/{case.name}", "event", case.about, case.ids, provenance(place, case.call), wire)


def on_rabbit(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """Events on RabbitMQ."""
    rabbit.empty(QUEUE)
    conf = {"task_default_queue": QUEUE, "task_send_sent_event": True}
    listening = tapped(rabbit, "celeryev", "topic", durable=True, key="#")
    with listening as tap, shop.build(rabbit.url, store.url, **conf) as app:
        with crew(rabbit, store, *SOLO, task_acks_late=True):
            yield told(cases_event.ONLINE, rabbit, tap.take)
            app.control.revoke("order-4711", reply=True, limit=1, timeout=10.0)
            for case in cases_event.ON_RABBIT:
                run(case.call, app)
                yield told(case, rabbit, tap.take)
        rabbit.empty(QUEUE)
        with crew(rabbit, store, *PREFORK):
            busy(app)
            run(cases_event.TERMINATED.call, app)
            yield told(cases_event.TERMINATED, rabbit, tap.take)
        rabbit.empty(QUEUE)
        with crew(rabbit, store, *PREFORK, task_acks_late=True) as worker:
            busy(app)
            worker.send_signal(signal.SIGQUIT)
            yield told(cases_event.CANCELLED, rabbit, tap.take)
        rabbit.empty(QUEUE)


def busy(app: celery.Celery) -> None:
    """Give the worker something to run and wait until it does."""
    app.tasks["shop.hold"].apply_async((BUSY_SECONDS,), task_id="order-running")
    inspect = app.control.inspect(limit=1)
    eventually("the task to run", lambda: (inspect.active() or {}).get(NODE) or None)


def on_redis(store: Store) -> Iterator[Vector]:
    """Events on Redis."""
    store.empty(QUEUE)
    conf = {"task_default_queue": QUEUE, "task_send_sent_event": True}
    with crew(store, store, *SOLO), shop.build(store.url, store.url, **conf) as app, monitored(store) as monitor:

        def take() -> dict[str, Any]:
            commands = monitor.until(lambda one: one[:1] == [b"PUBLISH"] and one[1].startswith(CHANNEL))
            return published(commands[-1])

        for case in cases_event.ON_REDIS:
            run(case.call, app)
            yield told(case, store, take)


def events(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All vectors of events/."""
    yield from on_rabbit(rabbit, store)
    yield from on_redis(store)
