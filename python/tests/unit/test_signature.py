"""Signatures: read tolerantly, written whole, arguments handed on in front."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac import InvalidCall, InvalidMessage, Signature

WHOLE = {"task": "add", "args": [1], "kwargs": {"y": 2}, "options": {}, "subtask_type": None, "immutable": False}


def test_all_six_keys_are_written_in_order() -> None:
    assert list(Signature(task="add").build()) == list(WHOLE)
    assert Signature.parse(WHOLE).build() == WHOLE


def test_everything_but_the_task_may_be_absent() -> None:
    signature = Signature.parse({"task": "add"})
    assert signature == Signature(task="add")
    assert (signature.args, signature.kwargs, signature.options, signature.immutable) == ([], {}, {}, False)


def test_unknown_keys_and_chord_size_are_kept() -> None:
    source = {**WHOLE, "chord_size": 3, "x": 1}
    signature = Signature.parse(source)
    assert (signature.chord_size, signature.extra) == (3, {"x": 1})
    assert signature.build() == source


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({}, "task"),
        ({"task": ""}, "task"),
        ({"task": "t", "args": None}, "args"),
        ({"task": "t", "kwargs": []}, "kwargs"),
    ]
    + [
        ({"task": "t", "options": None}, "options"),
        ({"task": "t", "immutable": 1}, "immutable"),
        ("t", None),
        (None, None),
    ],
)
def test_refused(source: Any, field: str | None) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Signature.parse(source)
    assert caught.value.field == field


def test_clone_puts_arguments_in_front() -> None:
    clone = Signature.parse(WHOLE).clone((8, 9), {"z": 3}, queue="q")
    assert (clone.args, clone.kwargs, clone.options) == ([8, 9, 1], {"y": 2, "z": 3}, {"queue": "q"})


def test_immutable_keeps_its_arguments_and_takes_options() -> None:
    fixed = Signature(task="add", args=[1], immutable=True)
    clone = fixed.clone((8,), {"z": 3}, queue="q")
    assert (clone.args, clone.kwargs, clone.options) == ([1], {}, {"queue": "q"})


def test_set_gives_a_copy() -> None:
    signature = Signature(task="add", options={"queue": "a"})
    assert signature.set(queue="b", priority=1).options == {"queue": "b", "priority": 1}
    assert signature.options == {"queue": "a"}


def test_build_refuses_wrong_types() -> None:
    with pytest.raises(InvalidCall, match="args is 'ab'; it is an array"):
        Signature(task="add", args="ab").build()
