"""Protocol 1 is read, and becomes protocol 2."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from celeriac import MSGPACK, InvalidMessage, Message, Wire
from celeriac.message_v1 import MessageV1

LEAST = {"task": "shop.add", "id": "i"}


def parse(body: Any, headers: dict[str, Any] | None = None) -> Message:
    properties = {"correlation_id": "i", "app_id": "x"}
    return Message.parse(Wire(json.dumps(body).encode(), "application/json", "utf-8", headers or {}, properties))


def test_least_message() -> None:
    message = parse(LEAST)
    assert (message.task, message.id, message.args, message.kwargs, message.retries) == ("shop.add", "i", [], {}, 0)
    assert message.correlation_id == "i"
    assert message.extra.properties == {"app_id": "x"}


def test_taskset_is_the_old_name_of_group() -> None:
    assert parse({**LEAST, "taskset": "g"}).group == "g"
    assert parse({**LEAST, "taskset": "old", "group": "g"}).group == "g"
    assert parse({**LEAST, "taskset": None, "group": None}).group is None


def test_utc_is_ignored_and_user_headers_and_unknown_keys_are_kept() -> None:
    message = parse({**LEAST, "utc": False, "eta": "2026-01-02T03:04:05", "x": 1}, {"tenant": "a"})
    assert message.eta_at is not None
    assert message.eta_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert message.extra.headers == {"tenant": "a"}
    assert message.extra.embed == {"x": 1}


def test_neutral_form_has_the_keys_that_were_there() -> None:
    body = {**LEAST, "utc": False, "taskset": None, "args": [1.0], "x": 2}
    assert MessageV1.parse(body).to_neutral() == {**body, "args": [{"$float": "1.0"}]}


def test_it_is_written_as_protocol_2() -> None:
    built = parse({**LEAST, "retries": 2, "group_index": 3}).build()
    assert built.headers["task"] == "shop.add"
    assert (built.headers["retries"], built.headers["group_index"], built.headers["eta"]) == (2, 3, None)
    assert json.loads(built.body)[:2] == [[], {}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"task": "t"}, "id is missing in body; send it"),
        ({**LEAST, "utc": "yes"}, "utc is 'yes'; it is a boolean"),
        ({"task": "t", "id": ""}, "id is ''"),
        ({"task": 5, "id": "i"}, "task is 5"),
        ({**LEAST, "kwargs": None}, "kwargs is None; it is an object"),
        ({**LEAST, "args": "23"}, "args is '23'; it is an array"),
        ({**LEAST, "callbacks": [1]}, "callbacks: a signature is 1"),
        ({"id": "i"}, "task is missing in body"),
        ([[], {}, {}], "task is missing in headers"),
        (None, "task is missing in headers"),
    ],
)
def test_refused(body: Any, reason: str) -> None:
    with pytest.raises(InvalidMessage, match=reason) as caught:
        parse(body)
    readable = isinstance(body, dict) and body.get("id")
    assert caught.value.task_id == (readable or None)


def test_names_of_arguments_are_text_in_messagepack_too() -> None:
    body = msgpack.packb({**LEAST, "kwargs": {1: 2}})
    with pytest.raises(InvalidMessage, match="kwargs has the key 1") as caught:
        Message.parse(Wire(body, MSGPACK, "binary", {}, {}), accept=frozenset({MSGPACK}))
    assert caught.value.task_id == "i"
