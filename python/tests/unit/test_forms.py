"""The short way of plain calls, from the application to the bytes, leads where the general way does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any, TypeAlias
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import Celeriac, InvalidCall, Signature
from celeriac.envelope import Envelope, list_for
from celeriac.forms import CONSTANT, MOST, Forms
from celeriac.sending import Route
from celeriac.transport import Outgoing
from celeriac.transport.amqp_moulds import properties
from celeriac.transport.amqp_tables import encoded
from celeriac.transport.redis_moulds import item_of, list_of
from celeriac.wire import Filled, Wire

from .client_parts import Fakes
from .strategies import VALUES

WHOLE = [part.name for part in fields(Wire)]
OWN: dict[str, dict[str, Any]] = {
    "shop.plain": {},
    "shop.slow": {"queue": "slow", "priority": 7, "time_limit": 30.0},
    "shop.packed": {"compression": "gzip"},
    "100%s": {"ignore_result": True},
}
TASKS = st.sampled_from([*OWN, "unknown", "ü", "", 5])
TEXT = st.text(max_size=8) | st.sampled_from(['%s "quoted" \\', "100%", "%(id)s", "\ud800", "x" * 2000])
ARGUMENTS = TEXT | VALUES | st.sampled_from([object(), {"__type__": 1, "__value__": 2}])
#: What a caller may say, right or wrong; some of it takes a call off the short way.
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "queue": TEXT,
        "exchange": st.sampled_from(["", "topics"]),
        "routing_key": TEXT,
        "priority": st.sampled_from([0, 1, True, 1.0, 9, 255, 256, None]),
        "reply_to": TEXT,
        "ignore_result": st.sampled_from([True, False, 0, None]),
        "shadow": TEXT,
        "time_limit": st.sampled_from([1, True, 1.0, -1, 60, [60]]),
        "soft_time_limit": st.sampled_from([1, 0.5]),
        "confirm": st.booleans(),
        "retry": st.booleans() | st.just(0),
        "countdown": st.just(5),
        "task_id": st.just("mine"),
        "headers": st.just({"own": 1}),
        "link": st.just([Signature(task="next")]),
    },
)


class Surprising:
    """Is written well, and shown badly."""

    def __json__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "\ud800"


Send: TypeAlias = Callable[[Celeriac, Any, Any, Any, Any], object]


def by_name(app: Celeriac, task: Any, args: Any, kwargs: Any, options: Any) -> object:
    return app.send_task(task, args, kwargs, **options)


def as_signature(app: Celeriac, task: Any, args: Any, kwargs: Any, options: Any) -> object:
    return app.send_many([Signature(task=task, args=args, kwargs=kwargs, options=options)])


def application() -> Celeriac:
    app = Celeriac("shop", broker="amqp://nowhere")
    for name, own in OWN.items():
        app.task(name=name, **own)(lambda *_: None)
    return app


def outcome(send: Send, calls: Sequence[tuple[Any, Any, Any, Any]]) -> Outgoing | str:
    """What the last of these calls of one application sends, or the error that it raises; each at the same instant."""
    fakes, at = Fakes(), mock.Mock(wraps=datetime)
    at.now.return_value = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    errors: list[str | None] = []
    with (
        mock.patch("celeriac.connections.open_client_link", fakes.open_client_link),
        mock.patch("celeriac.connections.new_id", return_value="oid"),
        mock.patch("celeriac.outbox.new_id", side_effect=lambda: f"id-{len(calls) - len(errors)}"),
        mock.patch("celeriac.outbox.datetime", at),
    ):
        app = application()
        for call in calls:
            errors.append(error_of(send, app, call))  # noqa: PERF401  # ids are counted by it
    return errors[-1] or fakes.sent[-1]


def error_of(send: Send, app: Celeriac, call: tuple[Any, Any, Any, Any]) -> str | None:
    try:
        send(app, *call)
    except (InvalidCall, TypeError, AttributeError) as error:
        return str(error)
    return None


def bytes_of(outgoing: Outgoing) -> tuple[Any, ...]:
    """All that the transports write of a message."""
    wire = outgoing.wire
    with mock.patch("celeriac.transport.redis_moulds.new_id", return_value="tag"):
        tagged = item_of(wire, outgoing.routing_key)
    return tagged, list_of(wire, outgoing.routing_key), properties(wire), wire.body


def plainly(outgoing: Outgoing) -> tuple[Any, ...]:
    wire = outgoing.wire.whole
    general = Envelope(
        wire=wire, delivery_tag="tag", exchange="", routing_key=outgoing.routing_key, body_encoding="base64"
    )
    return general.build(), list_for(outgoing.routing_key, wire.properties.get("priority")), encoded(wire), wire.body


@pytest.mark.parametrize("send", [by_name, as_signature])
@example(task="shop.plain", first=["a"], args=("%s",), kwargs={"k": "\ud800"}, options={}, before={})
@example(task="shop.slow", first=[], args=[1], kwargs={}, options={"priority": True}, before={"priority": 1})
@example(task="shop.slow", first=[], args=[1], kwargs={}, options={"time_limit": [60]}, before={})
@example(task="shop.plain", first=[], args=[Surprising()], kwargs={}, options={}, before={})
@given(
    task=TASKS,
    first=st.lists(ARGUMENTS, max_size=2),
    args=st.lists(ARGUMENTS, max_size=3) | st.tuples(ARGUMENTS, ARGUMENTS) | st.sampled_from(["text", {}, None]),
    kwargs=st.dictionaries(st.text(max_size=3) | st.just(1), ARGUMENTS, max_size=2),
    options=OPTIONS,
    before=st.just({}) | OPTIONS,
)
def test_what_was_sent_before_makes_no_difference(
    send: Send, task: Any, first: list[Any], args: Any, kwargs: Mapping[Any, Any], options: Any, before: Any
) -> None:
    call = (task, args, kwargs, options)
    with mock.patch.multiple(Forms, filled=lambda *_: None, learn=lambda _, __, ___, made, ____: made.build()):
        alone = outcome(send, [call])
    later = outcome(send, [(task, [], {}, before), (task, [], {}, options), (task, first, {}, options), call])
    if isinstance(alone, str) or isinstance(later, str):
        assert alone == later
        return
    assert (alone.exchange, alone.routing_key) == (later.exchange, later.routing_key)
    one_by_one = ((getattr(way.wire.whole, name) for way in (alone, later)) for name in WHOLE)
    for one, other in one_by_one:
        # With the types, and in order.
        assert repr(one) == repr(other)
    assert bytes_of(later) == plainly(later) == plainly(alone)


@pytest.mark.parametrize("send", [by_name, as_signature])
@pytest.mark.parametrize("options", [{}, {"queue": "q"}, {"priority": 3, "confirm": False}, {"shadow": "it"}])
def test_the_short_way_is_taken(send: Send, options: dict[str, Any]) -> None:
    assert options.keys() <= CONSTANT
    sent = outcome(send, [("shop.plain", [], {}, options), ("shop.plain", [1], {"a": 2}, options)])
    assert isinstance(sent, Outgoing)
    assert isinstance(sent.wire, Filled)


@pytest.mark.parametrize("send", [by_name, as_signature])
@pytest.mark.parametrize("options", [{"countdown": 1}, {"expires": 5}, {"task_id": "x"}, {"headers": {"a": 1}}])
def test_what_differs_each_time_goes_the_general_way(send: Send, options: dict[str, Any]) -> None:
    sent = outcome(send, [("shop.plain", [], {}, options)] * 2)
    assert isinstance(sent, Outgoing)
    assert isinstance(sent.wire, Wire)


def test_other_headers_are_another_form() -> None:
    sent = outcome(by_name, [("shop.plain", [], {}, {})] * 2)
    assert isinstance(sent, Outgoing)
    traced = sent.wire.with_headers({"traceparent": "00-1-2-01"})
    assert isinstance(traced, Wire)
    assert b"traceparent" in item_of(traced, "q")


def test_forms_are_bounded() -> None:
    forms = Forms()
    sent = outcome(by_name, [("shop.plain", [], {}, {})])
    assert isinstance(sent, Outgoing)
    message = mock.Mock(build=lambda: sent.wire.whole)
    for number in range(MOST + 1):
        forms.learn(f"task{number}", {}, message, Route("", "q"))
    assert forms.filled(f"task{MOST}", (), {}, {}, lambda: "id") is not None
    assert forms.filled("task0", (), {}, {}, lambda: "id") is None
