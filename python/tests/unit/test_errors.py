"""Errors: the tree, what they carry, and that they survive a pipe between processes."""

from __future__ import annotations

import pickle

import pytest

from celeriac import errors

TREE = {
    errors.InvalidMessage: errors.CeleriacError,
    errors.InvalidCall: errors.CeleriacError,
    errors.TransportError: errors.CeleriacError,
    errors.BrokerUnavailable: errors.TransportError,
    errors.PublishFailed: errors.TransportError,
    errors.PublishRefused: errors.PublishFailed,
    errors.ResultError: errors.CeleriacError,
    errors.TaskFailure: errors.ResultError,
    errors.NotRegistered: errors.TaskFailure,
    errors.TaskRevoked: errors.ResultError,
    errors.TaskTimeout: errors.ResultError,
}


@pytest.mark.parametrize(("kind", "base"), TREE.items(), ids=lambda kind: kind.__name__)
def test_tree(kind: type, base: type) -> None:
    assert issubclass(kind, base)


def test_kinds_that_python_knows_too() -> None:
    assert issubclass(errors.InvalidCall, ValueError)
    assert issubclass(errors.TaskTimeout, TimeoutError)


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidMessage("bad", task_id="i", task="t", field="eta"),
        errors.InvalidCall("bad"),
        errors.BrokerUnavailable("down"),
        errors.PublishFailed("nacked"),
        errors.PublishRefused("no such queue", ["message"]),
        errors.TaskFailure("ValueError", ("text", 5), exc_module="builtins", traceback="tb", task_id="i"),
        errors.NotRegistered("NotRegistered", ["shop.add"], task_id="i"),
        errors.TaskRevoked("expired", task_id="i"),
        errors.TaskTimeout("no result after 5 s", task_id="i"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_pickle_keeps_everything(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "ValueError"),
        (("no stock",), "ValueError: no stock"),
        ((5,), "ValueError: 5"),
        (("a", 5), "ValueError: ('a', 5)"),
    ],
)
def test_failure_reads_like_the_last_line_of_a_traceback(arguments: tuple[object, ...], text: str) -> None:
    assert str(errors.TaskFailure("ValueError", arguments)) == text


def test_about_fills_in_only_what_is_unknown_and_readable() -> None:
    error = errors.InvalidMessage("bad", task_id="first")
    assert error.about("second", 5) is error
    assert (error.task_id, error.task) == ("first", None)
    assert errors.InvalidMessage("bad").about("", "t").task_id is None
    assert errors.InvalidMessage("bad").about(None, "t").task == "t"
