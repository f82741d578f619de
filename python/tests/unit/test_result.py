"""Result documents: what workers write, what readers refuse, and the outcome."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import (
    TERMINAL,
    InvalidCall,
    InvalidMessage,
    Limits,
    NotRegistered,
    Result,
    State,
    TaskFailure,
    TaskRevoked,
    exception_info,
    outcome,
)
from celeriac.limits import DEFAULT_LIMITS
from celeriac.result import success_body

from .strategies import VALUES

DONE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


class Outer:
    class NestedError(Exception):
        pass


class Unwritable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def stored(result: Result) -> Any:
    return json.loads(result.build().body)


def test_success_as_celery_writes_it() -> None:
    result = Result.from_success("i", 5, date_done=DONE)
    document = {
        "status": "SUCCESS",
        "result": 5,
        "traceback": None,
        "children": [],
        "date_done": "2026-01-02T03:04:05+00:00",
        "task_id": "i",
    }
    assert list(stored(result).items()) == list(document.items())
    assert Result.parse(result.build().body) == result
    assert result.done_at == DONE
    assert result.is_terminal


def test_members_written_when_set() -> None:
    result = Result.from_success("i", 5, date_done=DONE, parent_id="p", group_id="g", children=[[["c", "i"], None]])
    assert list(stored(result))[-3:] == ["group_id", "parent_id", "task_id"]
    assert stored(result)["children"] == [[["c", "i"], None]]


def test_failure() -> None:
    result = Result.from_failure("i", ValueError("no stock", 5), date_done=DONE, traceback="tb")
    assert stored(result)["result"] == {
        "exc_type": "ValueError",
        "exc_message": ["no stock", 5],
        "exc_module": "builtins",
    }
    with pytest.raises(TaskFailure, match=r"^ValueError: \('no stock', 5\)$") as caught:
        outcome(Result.parse(result.build().body))
    failure = caught.value
    assert (failure.exc_type, failure.exc_module, failure.exc_args) == ("ValueError", "builtins", ("no stock", 5))
    assert (failure.traceback, failure.task_id) == ("tb", "i")


def test_not_registered() -> None:
    info = {"exc_type": "NotRegistered", "exc_message": ["shop.add"], "exc_module": "celery.exceptions"}
    with pytest.raises(NotRegistered, match="NotRegistered: shop.add"):
        outcome(Result.from_failure("i", info, date_done=DONE))


@pytest.mark.parametrize("reason", ["revoked", "terminated", "expired"])
def test_revoked(reason: str) -> None:
    result = Result.from_revoked("i", reason=reason, date_done=DONE)
    assert stored(result)["result"]["exc_type"] == "TaskRevokedError"
    with pytest.raises(TaskRevoked, match=f"^{reason}$") as caught:
        outcome(result)
    assert caught.value.task_id == "i"


def test_other_ends() -> None:
    assert outcome(Result(task_id="i", status="IGNORED", result=5)) is None
    with pytest.raises(TaskRevoked, match="^rejected$"):
        outcome(Result(task_id="i", status="REJECTED"))
    with pytest.raises(TaskRevoked, match="^revoked$"):
        outcome(Result(task_id="i", status="REVOKED", result="odd"))


def test_what_is_not_over_has_no_outcome() -> None:
    for result in (
        Result.from_retry("i", ValueError("later"), traceback="tb"),
        Result.from_retry("i", None, traceback=None),
        Result.started("i", pid=5, hostname="host"),
        Result(task_id="i", status="PROGRESS", result={"done": 5}),
    ):
        assert not Result.parse(result.build().body).is_terminal
        assert result.done_at is None
        with pytest.raises(InvalidCall, match="not over; wait for a terminal state"):
            outcome(result)


def test_states() -> None:
    assert {state.value for state in TERMINAL} == {"SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED"}
    assert "SUCCESS" in TERMINAL
    assert str(State.RETRY) == f"{State.RETRY}" == "RETRY"


def test_exception_info() -> None:
    assert exception_info(Outer.NestedError()) == {
        "exc_type": "Outer.NestedError",
        "exc_message": [],
        "exc_module": __name__,
    }
    info = exception_info(ValueError("text", {1}, Unwritable(), datetime(2026, 1, 2)))
    assert info["exc_message"] == ["text", "{1}", "<unrepresentable Unwritable>", datetime(2026, 1, 2)]
    assert exception_info(KeyboardInterrupt())["exc_type"] == "KeyboardInterrupt"


def test_foreign_failures_are_read() -> None:
    body = b'{"task_id": "i", "status": "FAILURE", "result": {"exc_type": "E", "exc_message": "text", "exc_module": 5}}'
    with pytest.raises(TaskFailure, match="^E: text$") as caught:
        outcome(Result.parse(body))
    assert caught.value.exc_module is None


def test_the_wrapper_of_celery_is_taken_off() -> None:
    arguments = ["shop", "Local", ["seen only here"], "Local('seen only here')"]
    info = {"exc_type": "UnpickleableExceptionWrapper", "exc_message": arguments, "exc_module": "celery.utils"}
    with pytest.raises(TaskFailure, match="^Local: seen only here$") as caught:
        outcome(Result.from_failure("i", info, date_done=DONE))
    assert caught.value.exc_module == "shop"
    for odd in ([], ["shop"], ["shop", 5, []]):
        with pytest.raises(TaskFailure, match="^UnpickleableExceptionWrapper"):
            outcome(Result.from_failure("i", {**info, "exc_message": odd}, date_done=DONE))


def test_compressed_document() -> None:
    result = Result.from_success("i", "x" * 1000, date_done=DONE, compression="zlib")
    body = result.build().body
    assert body.startswith(b"\0celery-compressed\0application/x-gzip\0")
    again = Result.parse(body)
    assert (again.result, again.compression) == ("x" * 1000, "application/x-gzip")
    assert Result.from_neutral(again.to_neutral()).build().body == body
    with pytest.raises(InvalidMessage, match="larger than 100 bytes"):
        Result.parse(body, limits=Limits(body_bytes=100))
    for broken in (b"\0celery-compressed\0application/x-gzip", b"\0celery-compressed\0\xff\0x"):
        with pytest.raises(InvalidMessage, match="compress"):
            Result.parse(broken)


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"status": "SUCCESS"}', "task_id"), (b'{"task_id": "", "status": "SUCCESS"}', "task_id")]
    + [
        (b'{"task_id": "i", "status": ""}', "status"),
        (b'{"task_id": "i", "status": "FAILURE"}', "result"),
        (b'{"task_id": "i", "status": "FAILURE", "result": {"exc_type": ""}}', "result"),
        (b"[]", None),
    ],
)
def test_refused(body: bytes, field: str | None) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Result.parse(body)
    assert caught.value.field == field


def test_results_that_cannot_be_written() -> None:
    with pytest.raises(InvalidCall, match=r"result document\['result'\]\['x'\]: set is not JSON"):
        Result.from_success("i", {"x": set()}, date_done=DONE).build()
    with pytest.raises(InvalidCall, match="date_done is 'now'; it is a date-time"):
        Result.from_success("i", 5, date_done="now").build()


def test_neutral_form_refuses_strangers() -> None:
    with pytest.raises(InvalidCall, match=r"unknown \['x'\], missing \['status', 'task_id'\]"):
        Result.from_neutral({"x": 1})


def nested(depth: int) -> Any:
    """An array in an array, and so on."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@given(
    st.text(min_size=1, max_size=40),
    VALUES | st.sampled_from([object(), {"__type__": "x", "__value__": 1}, "\ud800"]) | st.integers(0, 600).map(nested),
    st.none() | st.text(max_size=9),
    st.none() | st.text(max_size=9),
)
def test_the_short_way_to_a_success_agrees(task_id: str, value: Any, parent: str | None, group: str | None) -> None:
    agree(task_id, value, parent, group)


@pytest.mark.parametrize("deeper", [-2, -1, 0])
def test_they_agree_on_both_sides_of_the_greatest_depth(deeper: int) -> None:
    agree("id", nested(DEFAULT_LIMITS.depth + deeper), None, "group")


def agree(task_id: str, value: Any, parent: str | None, group: str | None) -> None:
    def long_way() -> bytes | None:
        try:
            return Result.from_success(task_id, value, date_done=DONE, parent_id=parent, group_id=group).build().body
        except InvalidCall:
            return None

    assert success_body(task_id, value, date_done=DONE, parent_id=parent, group_id=group) == long_way()
