"""Whom the end of a run is told, and when nobody is asked."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from celeriac import Celeriac, Task, signals
from celeriac.execution import around
from celeriac.hooks import Hooks
from celeriac.lifecycle_events import Failed, Ignored, Succeeded
from celeriac.task import Request

from .worker_parts import message

HOOKS = ("before_start", "on_success", "on_failure", "on_retry", "after_return")


def declared(base: type[Task[..., Any]] = Task) -> Any:
    return Celeriac("shop", broker="redis://nowhere").task(name="shop.sell", base=base)(lambda: None)


def test_a_task_that_writes_no_hook_is_silent() -> None:
    assert around.is_silent(declared()) and around.is_silent(mock.Mock(spec=["name", "options", "run"]))


@pytest.mark.parametrize("hook", HOOKS)
def test_a_task_with_a_hook_of_its_class_or_its_own_is_not(hook: str) -> None:
    class Own(Task[..., Any]):
        pass

    setattr(Own, hook, lambda *_: None)
    patched = declared()
    setattr(patched, hook, lambda *_: None)
    assert not around.is_silent(declared(Own)) and not around.is_silent(patched)


def test_all_hooks_are_looked_at() -> None:
    assert set(HOOKS) == {name for name in dir(Hooks) if not name.startswith("_")}


@pytest.mark.parametrize("signal", [signals.task_success, signals.task_postrun])
def test_a_success_is_awaited_where_somebody_listens(signal: signals.Signal) -> None:
    heard: list[object] = []

    def hear(sender: object, **_: Any) -> None:
        heard.append(sender)

    task, event = declared(), Succeeded(5)
    assert not around.is_awaited(task, event)
    signal.connect(hear)
    try:
        assert around.is_awaited(task, event)
        around.after(task, Request(message(task="shop.sell"), "mail", False, "w@h"), event)
    finally:
        signal.disconnect(hear)
    assert heard == [task]


def test_other_ends_are_awaited() -> None:
    assert around.is_awaited(declared(), Failed(ValueError(), "")) and around.is_awaited(declared(), Ignored())


def test_nothing_is_told_of_a_success_that_nobody_awaits() -> None:
    """The short way, which leaves ``after`` out, leaves out nothing."""
    sent = {name: mock.Mock() for name in ("task_success", "task_postrun", "task_failure", "task_retry")}
    with mock.patch.multiple(signals, **{name: mock.Mock(receivers=(), send=send) for name, send in sent.items()}):
        around.after(declared(), Request(message(task="shop.sell"), "mail", False, "w@h"), Succeeded(5))
    assert not any(send.called for send in sent.values())
