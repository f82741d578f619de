"""The tasks that every worker knows, and the errbacks that it calls itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from celeriac import Celeriac, Request, Signature
from celeriac.canvas import chord_of
from celeriac.execution.builtin import with_builtins
from celeriac.execution.ending import ColdShutdown
from celeriac.execution.errbacks import bound, runs_inside
from celeriac.lifecycle_events import Call
from celeriac.task import Compose

from .worker_parts import message

app = Celeriac("shop", broker="redis://nowhere")
CALLS: list[Any] = []


@app.task(name="add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="double", bind=True)
def double(self: Any, x: int) -> tuple[str, int]:
    return self.name, 2 * x


@app.task(name="old")
def old(task_id: str) -> None: ...


@app.task(name="old.bound", bind=True)
def old_bound(self: Any, task_id: str) -> None: ...


@app.task(name="new")
def new(request: Request, error: BaseException, traceback: str | None) -> None:
    CALLS.append((request.id, error, traceback))


@app.task(name="new.bound", bind=True)
def new_bound(self: Any, request: Request, error: BaseException, traceback: str | None, mark: str) -> None:
    CALLS.append((self.name, request.id, mark))


@app.task(name="any")
def anything(*args: Any) -> None:
    raise LookupError("in the errback")


@app.task(name="leave")
def leave(request: Request, error: BaseException, traceback: str | None) -> None:
    raise ColdShutdown


TASKS = with_builtins(app.tasks)


def s(task: str, *args: Any, **kwargs: Any) -> Signature:
    return Signature(task=task, args=list(args), kwargs=kwargs)


def test_map_and_starmap() -> None:
    assert TASKS["celery.starmap"].run(s("add").build(), [[1, 2], [3, 4]]) == [3, 7]
    assert TASKS["celery.map"].run(s("double").build(), [1, 2]) == [("double", 2), ("double", 4)]
    with pytest.raises(LookupError, match="nobody"):
        TASKS["celery.map"].run(s("nobody").build(), [1])


def test_accumulate() -> None:
    run = TASKS["celery.accumulate"].run
    assert run([1, 2], index=0) == [1, 2] and run(1, 2) == [1, 2]


def test_chord_and_chunks_are_taken_apart() -> None:
    header, body = [s("add", 1, 1).build()], s("double").build()
    with pytest.raises(Compose) as caught:
        TASKS["celery.chord"].run(header=header, body=body, kwargs={}, interval=1)
    assert caught.value.signature == chord_of([s("add", 1, 1)], s("double"))
    with pytest.raises(Compose) as caught:
        TASKS["celery.chord"].run(header, body, (5,))
    assert caught.value.signature == chord_of([s("add", 5, 1, 1)], s("double"))
    with pytest.raises(Compose) as caught:
        TASKS["celery.chunks"].run(s("add").build(), [[1, 2], [3, 4]], 1)
    assert len(caught.value.signature.kwargs["tasks"]) == 2


def test_an_application_may_have_its_own() -> None:
    own = app.task(name="celery.map")(lambda task, it: "own")
    try:
        assert with_builtins(app.tasks)["celery.map"] is own
    finally:
        del app.tasks["celery.map"]


@pytest.mark.parametrize(
    ("errback", "inside"),
    [
        (s("old"), False),
        (s("old.bound"), False),
        (s("new"), True),
        (s("new.bound", mark="x"), True),
        (s("any"), True),
        (s("nobody"), False),
        # What it is given beforehand is not left to be told.
        (s("add", 1), False),
        (s("add"), True),
        (s("add", y=1), False),
        (Signature(task="add", args=[1, 2], immutable=True), True),
    ],
)
def test_which_errbacks_are_called_here(errback: Signature, inside: bool) -> None:
    assert runs_inside(errback, TASKS) is inside


def call(errback: Signature) -> None:
    request = Request(message(), "mail", False, "w1")
    bound(Call(errback, message(), ValueError("no"), "tb"), TASKS, request)()


def test_errbacks_hear_what_went_wrong(caplog: pytest.LogCaptureFixture) -> None:
    CALLS.clear()
    call(s("new"))
    call(s("new.bound", mark="m"))
    ((task_id, error, traceback), told) = CALLS
    assert (task_id, str(error), traceback) == ("task-1", "no", "tb") and told == ("new.bound", "task-1", "m")
    with caplog.at_level(logging.ERROR):
        call(s("any"))
    assert "Errback any raised" in caplog.text
    with pytest.raises(ColdShutdown):
        call(s("leave"))
