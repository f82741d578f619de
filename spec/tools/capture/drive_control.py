"""Call a real worker by remote control and read each request and each reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import celery
from kombu.pidbox import Mailbox

from . import cases_control, shop
from .cases_control import LATER, RESERVED, RUNNING, Call
from .crew import NODE, QUEUE, crew
from .drive import namespace, provenance
from .record import monitored, published, tapped
from .vectors import Mismatch, Vector, captured, check
from .wires import Rabbit, Store, eventually

#: The caller's address. Celery makes a new one for each call, too late for anybody to listen in.
OID = "f11e0312-a192-3d54-af03-e4b543d5978a"
ANSWER_SECONDS = 10.0
BUSY_SECONDS = 120

Wire = dict[str, Any]


def names(app: celery.Celery) -> dict[str, Any]:
    """What the calls of the table may use."""
    return {**namespace(app), "inspect": app.control.inspect(timeout=ANSWER_SECONDS, limit=1)}


def call(case: Call, app: celery.Celery) -> None:
    """Make the call."""
    eval(case.call, names(app))  # noqa: S307  (the source is a constant of this tool)


def vectors_of(case: Call, prefix: str, place: Rabbit | Store, request: Wire, reply: Wire | None) -> Iterator[Vector]:
    """The vectors of a request and its reply, the request checked against the call."""
    origin, name = provenance(place, case.call), f"control/{prefix}{case.name}"
    extra_request, extra_reply = (("CT-REDIS-001",), ("CT-REDIS-002",)) if prefix else ((), ())
    asked = captured(f"{name}-request", "control", case.about, (*case.ids, *extra_request), origin, request)
    check(asked, {"method": case.method})
    yield asked
    if reply is not None:
        answered = captured(f"{name}-reply", "reply", case.about, (*case.answers, *extra_reply), origin, reply)
        check(answered, {"node": NODE, "ticket": asked.expected["message"]["ticket"]})
        yield answered


def occupied(app: celery.Celery) -> None:
    """Give the worker of one process something to run, something to hold and something for later."""
    inspect = app.control.inspect(timeout=ANSWER_SECONDS, limit=1)
    app.tasks["shop.hold"].apply_async((BUSY_SECONDS,), task_id=RUNNING)

    def held(task_id: str) -> bool | None:
        return task_id in (inspect.query_task(task_id) or {}).get(NODE, {}) or None

    eventually(f"{RUNNING} to run", lambda: (inspect.active() or {}).get(NODE) or None)
    app.tasks["shop.add"].apply_async((2, 3), task_id=RESERVED)
    app.tasks["shop.add"].apply_async((2, 3), task_id=LATER, eta=cases_control.ETA)
    eventually(f"{RESERVED} to wait", lambda: held(RESERVED))
    eventually(f"{LATER} to be scheduled", lambda: (inspect.scheduled() or {}).get(NODE) or None)


def on_rabbit(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """Every call of the tables through RabbitMQ."""
    rabbit.empty(QUEUE)
    options = ("--pool", "prefork", "--concurrency", "1")
    with crew(rabbit, store, *options), shop.build(rabbit.url, store.url, task_default_queue=QUEUE) as app:
        occupied(app)
        yield from called(rabbit, app, cases_control.CALLS)
    with crew(rabbit, store, "--pool", "prefork", "--autoscale", "3,1"), shop.build(rabbit.url, store.url) as app:
        yield from called(rabbit, app, cases_control.AUTOSCALED)


def called(rabbit: Rabbit, app: celery.Celery, calls: Sequence[Call]) -> Iterator[Vector]:
    """Make the calls while listening in on the requests and the replies."""
    told = tapped(rabbit, "reply.celery.pidbox", "direct", key=OID)
    with patch.object(Mailbox, "oid", OID), tapped(rabbit, "celery.pidbox", "fanout") as requests, told as replies:
        for case in calls:
            call(case, app)
            request = requests.take()
            yield from vectors_of(case, "", rabbit, request, replies.take() if case.answers else None)


def on_redis(store: Store) -> Iterator[Vector]:
    """Some calls through Redis."""
    store.empty(QUEUE)
    with crew(store, store, "--pool", "solo"), shop.build(store.url, store.url) as app:
        for case in cases_control.REDIS_CALLS:
            with monitored(store) as monitor:
                call(case, app)
                told = monitor.so_far()
            sent = [published(one) for one in told if one[0] == b"PUBLISH" and one[1].endswith(b"pidbox")]
            answers = [published(one) for one in told if one[0] == b"LPUSH" and one[1].endswith(b"pidbox")]
            if len(sent) != 1 or len(answers) != bool(case.answers):
                raise Mismatch(f"{case.name}: {len(sent)} requests and {len(answers)} replies")
            yield from vectors_of(case, "redis-", store, sent[0], answers[0] if answers else None)


def controls(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All vectors of control/."""
    yield from on_rabbit(rabbit, store)
    yield from on_redis(store)
