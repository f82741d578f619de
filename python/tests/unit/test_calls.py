"""What a caller may ask for, and what he is told when it cannot be."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, get_type_hints

import pytest

from celeriac import InvalidCall, Message, SendOptions, Signature
from celeriac.calls import CHECKS, to_call

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
LOG = Signature(task="shop.log")


def call(**options: Any) -> Message:
    return to_call("shop.add", (2, 3), {}, options, "celery").message("gen1@host", "oid", "new-id", NOW)


def test_options_are_checked_each() -> None:
    assert set(CHECKS) == set(get_type_hints(SendOptions))


#: option -> (values that are right, values that are wrong)
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "queue": (["mail", "ü" * 127], ["", None, 5, "x" * 256, "ü" * 128]),
    "exchange": (["", "shop"], [None, "x" * 256]),
    "routing_key": (["a.b"], ["", None]),
    "priority": ([0, 255], [-1, 256, 1.0, True, "1", None]),
    "countdown": ([0, 1.5, -5], ["1", None, True]),
    "eta": ([NOW, datetime(2026, 1, 1)], [5, "2026-01-01", None]),
    "expires": ([10, 0.5, -1, NOW], ["x", None, True]),
    "time_limit": ([1, 0.5], [0, -1, "1", None]),
    "soft_time_limit": ([1, 0.5], [0, -1, True]),
    "task_id": (["a"], ["", None, 5]),
    "ignore_result": ([True, False], [None, 1, "false"]),
    "headers": ([{}, {"tenant": "acme"}], [None, [], {1: "x"}, {"": 1}]),
    "link": ([LOG, [LOG], []], ["shop.log", [1], {"task": "shop.log"}]),
    "link_error": ([LOG, (LOG, LOG)], [5]),
    "shadow": (["x", ""], [5]),
    "serializer": (["json", "msgpack", "yaml"], ["pickle", "", None, 5]),
    "compression": (["zlib", "gzip", "application/x-bz2", None], ["rar", "", 5]),
    "root_id": (["x"], [""]),
    "parent_id": (["x"], [None]),
    "reply_to": (["oid"], [""]),
    "retry": ([True, False], [None, 1, "yes"]),
    "confirm": ([True, False], [None, 0, "no"]),
    "retry_policy": (
        [{}, {"max_retries": None}, {"max_retries": 0, "interval_start": 0, "interval_step": 0.5, "interval_max": 9}],
        [None, 3, {"max_retries": -1}, {"max_retries": True}, {"interval_max": float("inf")}, {"intervals": 1}],
    ),
}


def test_values_are_tried_for_each() -> None:
    assert set(VALUES) == set(CHECKS)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (good, _) in VALUES.items() for value in good])
def test_taken(name: str, value: Any) -> None:
    assert isinstance(call(**{name: value}), Message)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, bad) in VALUES.items() for value in bad])
def test_refused_with_what_to_change(name: str, value: Any) -> None:
    with pytest.raises(InvalidCall) as caught:
        call(**{name: value})
    assert str(caught.value).startswith(f"option {name} has to be {CHECKS[name][1]}, not ")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"countdwon": 5}, "unknown option 'countdwon'; did you mean countdown?"),
        ({"zzz": 5}, "unknown option 'zzz'; there are queue, exchange,"),
        ({"countdown": 5, "eta": NOW}, "countdown and eta exclude each other"),
        ({"time_limit": 5, "soft_time_limit": 5}, "soft_time_limit (5) has to be less than time_limit (5)"),
        ({"countdown": 1e300}, "1e+300 seconds from now is no instant"),
        ({"countdown": float("nan")}, "nan seconds from now is no instant"),
        ({"expires": -1e12}, "seconds from now is no instant"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidCall) as caught:
        call(**options)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "text"),
    [
        ("", (), {}, "task has to be the name of a task"),
        (None, (), {}, "task has to be the name of a task"),
        ("t", "ab", {}, "for one argument write ('ab',)"),
        ("t", b"ab", {}, "args has to be a list or tuple"),
        ("t", 5, {}, "args has to be a list or tuple"),
        ("t", {}, {}, "args has to be a list or tuple"),
        ("t", (), [1], "kwargs has to be a dict"),
    ],
)
def test_calls_that_are_none(task: Any, args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(InvalidCall) as caught:
        to_call(task, args, kwargs, {}, "celery")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({}, ("", "celery")),
        ({"queue": "mail"}, ("", "mail")),
        ({"routing_key": "mail"}, ("", "mail")),
        ({"exchange": "shop", "routing_key": "a.b"}, ("shop", "a.b")),
        ({"exchange": "shop"}, ("shop", "")),
        ({"exchange": "shop", "queue": "mail"}, ("shop", "mail")),
    ],
)
def test_where_it_goes(options: dict[str, Any], target: tuple[str, str]) -> None:
    checked = to_call("t", (), None, options, "celery")
    assert (checked.exchange, checked.routing_key) == target


def test_options_become_fields() -> None:
    made = call(
        task_id="task-1", priority=3, time_limit=30, soft_time_limit=20, ignore_result=True, headers={"tenant": "acme"},
        shadow="name", root_id="root", parent_id="parent", reply_to="mine",
    )  # fmt: skip
    assert (made.id, made.correlation_id, made.priority, made.timelimit) == ("task-1", "task-1", 3, [30, 20])
    assert (made.ignore_result, made.extra.headers, made.shadow) == (True, {"tenant": "acme"}, "name")
    assert (made.root_id, made.parent_id, made.reply_to, made.origin) == ("root", "parent", "mine", "gen1@host")


def test_defaults() -> None:
    made = call()
    assert (made.id, made.root_id, made.reply_to, made.parent_id) == ("new-id", "new-id", "oid", None)
    assert (made.eta, made.expires, made.expiration, made.timelimit) == (None, None, None, [None, None])


@pytest.mark.parametrize(
    ("options", "eta", "expires"),
    [
        ({"countdown": 10}, NOW + timedelta(seconds=10), None),
        ({"countdown": 0}, NOW, None),
        ({"eta": datetime(2026, 1, 1)}, datetime(2026, 1, 1, tzinfo=timezone.utc), None),
        ({"expires": 0.5}, None, NOW + timedelta(seconds=0.5)),
        ({"expires": NOW}, None, NOW),
    ],
)
def test_times_are_instants(options: dict[str, Any], eta: datetime | None, expires: datetime | None) -> None:
    made = call(**options)
    assert (made.eta_at, made.expires_at) == (eta, expires)


def test_links_are_written_whole() -> None:
    made = call(link=LOG, link_error=[LOG, LOG])
    assert made.callbacks == [LOG.build()] and made.errbacks == [LOG.build()] * 2


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(InvalidCall):
        to_call("t", (object(),), {}, {}, "q").message("o", "r", "i", NOW).build()
