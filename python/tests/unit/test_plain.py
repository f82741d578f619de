"""The short way of plain deliveries leads where the table of ``lifecycle`` does."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import Celeriac, InvalidCall, Message, Signature
from celeriac.execution.builtin import with_builtins
from celeriac.lifecycle_events import Event, Failed, Ignored, Phase, Ready, Succeeded
from celeriac.message import Wire
from celeriac.transport import Delivery
from celeriac.tree import Node
from celeriac.worker.clock import Clock
from celeriac.worker.deciding import Decider
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome
from celeriac.worker.plain import READY
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller

from .strategies import VALUES
from .worker_parts import NOW, message

app = Celeriac("shop", broker="redis://nowhere")
KINDS: list[dict[str, Any]] = [
    {},
    {"acks_late": False},
    {"track_started": True},
    {"ignore_result": True},
    {"reject_on_worker_lost": False},
]
for number, options in enumerate(KINDS):
    app.task(name=f"shop.task{number}", **options)(lambda *_: None)
NAMES = st.sampled_from([*app.tasks, "celery.chord", "celery.accumulate", "unknown"])
NEXT = Signature(task="shop.task0", options={"task_id": "next"}).build()
AFTER: st.SearchStrategy[Any] = st.none() | st.just([]) | st.just([NEXT])
TIMES = st.sampled_from([None, "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"])
#: What takes a message off the short way.
MORE: dict[str, st.SearchStrategy[Any]] = {
    "eta": TIMES,
    "expires": TIMES,
    "callbacks": AFTER,
    "errbacks": AFTER,
    "chain": AFTER,
    "chord": st.none() | st.just(NEXT),
}
MESSAGES = st.builds(
    lambda task, more, **others: replace(message(task=task), **more, **others),
    task=NAMES,
    more=st.just({}) | st.fixed_dictionaries({}, optional=MORE),
    group=st.none() | st.just("group"),
    parent_id=st.none() | st.just("parent"),
    ignore_result=st.none() | st.booleans(),
    reply_to=st.none() | st.just("oid"),
    correlation_id=st.none() | st.just("other"),
    timelimit=st.none() | st.just([None, None]) | st.just([3, 2]),
)
DELIVERIES = st.builds(
    Delivery,
    content=st.just(Wire(b"", None, None, {}, {})),
    tag=st.just(1),
    queue=st.just("mail"),
    redelivered=st.booleans(),
    returns=st.sampled_from([0, 3, 50]),
)
ENDS: st.SearchStrategy[Event] = st.builds(
    Succeeded, VALUES | st.just(object()), st.just(()) | st.just((Node("child"),)), st.just(0.5)
) | st.sampled_from([Ready(), Ignored(), Failed(ValueError("no"), "")])
PLAIN = message(task="shop.task0")
FRESH = Delivery(Wire(b"", None, None, {}, {}), 1, "mail")
REDIS = "redis://nowhere"


class Stopped(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOW


def decided(backend: str | None, delivery: Delivery, about: Message, end: Event, *, plain: bool) -> list[Any]:
    """What the delivery is, and what comes of it when it is ready and when it has ended so."""
    settings = WorkerSettings(broker="redis://nowhere", backend=backend, tasks=app.tasks, hostname="w@h")
    orders = Orders(telling=False)
    decider = Decider(
        settings, with_builtins(app.tasks), mock.Mock(), lambda _: 1, orders=orders, teller=Teller("w@h", Clock())
    )
    with nullcontext() if plain else mock.patch("celeriac.worker.plain.Plain._fits", lambda *_: False):
        found: list[Any] = [decider.classify(delivery, about)]
        if found[0] is READY:
            nothing = comparable(Outcome(delivery, over=False))
            assert comparable(decider.decide(delivery, about, Phase.RECEIVED, READY)) == nothing
        for phase, event in ((Phase.RECEIVED, Ready()), (Phase.RUNNING, end)):
            try:
                found.append(comparable(decider.decide(delivery, about, phase, event)))
            except (InvalidCall, KeyError) as error:  # noqa: PERF203  # two of them
                found.append(repr(error))
        return found


def comparable(outcome: Outcome) -> dict[str, Any]:
    """Its fields, with what it would send as what is said about that: ids are new ones each time."""
    said = {item.name: getattr(outcome, item.name) for item in fields(Outcome)}
    said |= {"outgoing": len(outcome.outgoing), "calls": len(outcome.calls)}
    return {name: bool(value) if callable(value) else value for name, value in said.items()}


# Each turn of the short way, whatever is drawn.
@example(REDIS, FRESH, PLAIN, Succeeded(5, (), 0.5))
@example(None, FRESH, PLAIN, Succeeded(5, (), 0.5))
@example(REDIS, FRESH, replace(PLAIN, ignore_result=True), Succeeded(5, (), 0.5))
@example(REDIS, FRESH, replace(PLAIN, task="shop.task3"), Succeeded(5, (), 0.5))
@example(REDIS, FRESH, PLAIN, Succeeded(5, (Node("child"),), 0.5))
@example(REDIS, FRESH, PLAIN, Succeeded(object(), (), 0.5))
@example(REDIS, FRESH, PLAIN, Failed(ValueError("no"), ""))
@example(REDIS, FRESH, replace(PLAIN, chord=NEXT), Succeeded(5, (), 0.5))
@example(REDIS, FRESH, replace(PLAIN, eta="2027-01-01T00:00:00+00:00"), Succeeded(5, (), 0.5))
@example(REDIS, replace(FRESH, returns=50), PLAIN, Succeeded(5, (), 0.5))
@given(st.sampled_from([None, REDIS, "rpc://"]), DELIVERIES, MESSAGES, ENDS)
def test_both_ways_agree(backend: str | None, delivery: Delivery, about: Message, end: Event) -> None:
    with (
        mock.patch("celeriac.worker.plain.datetime", Stopped),
        mock.patch("celeriac.worker.deciding.datetime", Stopped),
    ):
        short = decided(backend, delivery, about, end, plain=True)
        assert decided(backend, delivery, about, end, plain=False) == short
