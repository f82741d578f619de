"""From a signature to the message that is sent for it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import InvalidCall, InvalidMessage, Message, Route, Signature, to_message

from .strategies import JUNK

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
PARENT = Message.create(task="p", id="parent", origin="o", root_id="root", reply_to="client")


def send(signature: Signature, **options: Any) -> tuple[Message, Route | None]:
    return to_message(signature, **{"new_id": lambda: "new", "origin": "gen1@host", "now": NOW, **options})


def test_a_callback() -> None:
    message, route = send(Signature(task="add", args=[10]), prefix=(5,), parent=PARENT)
    assert (message.task, message.id, message.args) == ("add", "new", [5, 10])
    assert (message.parent_id, message.root_id, message.correlation_id) == ("parent", "root", "new")
    assert message.origin == "gen1@host"
    assert route is None


def test_an_immutable_one_takes_no_arguments() -> None:
    assert send(Signature(task="add", args=[10], immutable=True), prefix=(5,))[0].args == [10]


def test_without_parent_it_is_a_root() -> None:
    message, _ = send(Signature(task="add"))
    assert (message.parent_id, message.root_id) == (None, "new")
    parent = Message.create(task="p", id="parent", origin="o", root_id=None)
    assert send(Signature(task="add"), parent=parent)[0].root_id == "parent"


def test_reply_to_of_options_argument_parent() -> None:
    own = Signature(task="add", options={"reply_to": "own"})
    assert send(own, parent=PARENT, reply_to="given")[0].reply_to == "own"
    assert send(Signature(task="add"), parent=PARENT, reply_to="given")[0].reply_to == "given"
    assert send(Signature(task="add"), parent=PARENT)[0].reply_to == "client"


def test_options() -> None:
    options = {
        "task_id": "frozen",
        "group_id": "g",
        "group_index": 2,
        "countdown": 10,
        "expires": 60,
        "time_limit": 30,
        "soft_time_limit": 20,
        "priority": 3,
        "ignore_result": True,
        "headers": {"tenant": "a"},
        "link": {"task": "next"},
        "link_error": [{"task": "oops"}],
        "stamped_headers": ["stamp"],
        "stamp": "x",
        "retry_policy": {"ignored": True},
        "shadow": None,
    }
    message, _ = send(Signature(task="add", options=options))
    assert (message.id, message.group, message.group_index, message.priority) == ("frozen", "g", 2, 3)
    assert (message.eta, message.expires) == ("2026-01-02T03:04:15+00:00", "2026-01-02T03:05:05+00:00")
    assert message.expiration == "60000"
    assert message.timelimit == [30, 20]
    assert message.ignore_result is True
    assert message.extra.headers == {"tenant": "a"}
    assert message.callbacks == [Signature(task="next").build()]
    assert message.errbacks == [Signature(task="oops").build()]
    assert (message.stamped_headers, message.stamps) == (["stamp"], {"stamp": "x"})
    assert Message.parse(message.build()) == message


@pytest.mark.parametrize(
    ("options", "route"),
    [
        ({}, None),
        ({"queue": "q"}, Route("", "q")),
        ({"exchange": "e", "routing_key": "k"}, Route("e", "k")),
        ({"routing_key": "k"}, Route("", "k")),
        ({"queue": None, "exchange": ""}, None),
    ],
)
def test_route(options: dict[str, Any], route: Route | None) -> None:
    assert send(Signature(task="add", options=options))[1] == route


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (Signature(task="celery.group", subtask_type="group"), "celery.group is a group, not one task"),
        (Signature(task="t", options={"countdown": 1e300}), "countdown is 1e[+]300 seconds; that is no instant"),
        (Signature(task="t", options={"expires": float("nan")}), "expires is nan seconds"),
        (Signature(task="t", options={"stamped_headers": "ab"}), "stamped_headers is 'ab'; it is a list of names"),
        (Signature(task="t", options={"headers": {"id": 1}}), "headers may not hold id"),
        (Signature(task="t", options={"link": "next"}), "callbacks is 'next'; it is an array"),
    ],
)
def test_refused(signature: Signature, reason: str) -> None:
    with pytest.raises(InvalidCall, match=reason):
        send(signature)


OPTIONS = st.sampled_from(
    ["task_id", "queue", "exchange", "countdown", "eta", "expires", "time_limit", "headers", "link", "stamped_headers"]
    + ["priority", "chain", "chord", "group_id", "reply_to", "compression", "retries", "root_id"]
)


@given(st.dictionaries(OPTIONS, JUNK), st.lists(JUNK, max_size=2))
def test_any_signature_of_the_wire_is_sent_or_refused(options: dict[str, Any], args: list[Any]) -> None:
    try:
        signature = Signature.parse({"task": "t", "args": args, "options": options})
        message, route = send(signature, prefix=args, parent=PARENT)
        message.build()
        assert route is None or isinstance(route, Route)
    except (InvalidCall, InvalidMessage) as error:
        assert str(error)
