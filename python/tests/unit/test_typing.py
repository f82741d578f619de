"""What type checkers know of tasks: their parameters and what comes back. mypy checks this file with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celeriac import AsyncResult, AsyncTask, Celeriac, Task

app = Celeriac("typed", broker="redis://nowhere")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="typed.text", max_retries=1)
def text(value: int, *, upper: bool = False) -> str:
    return str(value)


@app.task
async def fetch(url: str) -> bytes:
    return url.encode()


@app.task(name="typed.later")
async def later(seconds: float) -> float:
    return seconds


@app.task(bind=True, max_retries=1)
def bound(self: Task[Any, Any], x: int) -> str:
    return str(self.request.retries + x)


@app.task(name="typed.a_bound", bind=True)
async def a_bound(self: Task[Any, Any], x: int) -> str:
    return str(self.request.retries + x)


if TYPE_CHECKING:
    from typing_extensions import assert_type

    assert_type(add.delay(1, 2), AsyncResult[int])
    assert_type(add.delay(1, 2).get(), int)
    assert_type(add(1, 2), int)
    assert_type(text.delay(1, upper=True).get(), str)
    assert_type(fetch.delay("x"), AsyncResult[bytes])
    assert_type(later.apply_async((1.0,)).get(), float)
    assert_type(bound.delay(1).get(), str)
    assert_type(a_bound.delay(1), AsyncResult[str])
    # What does not fit is an error, or these comments would be.
    add.delay("x", 2)  # type: ignore[arg-type]
    add.delay(1)  # type: ignore[call-arg]
    text.delay(1, lower=True)  # type: ignore[call-arg]
    fetch.delay(1)  # type: ignore[arg-type]
    bound.delay("x")  # type: ignore[arg-type]
    bound.delay(bound, 1)  # type: ignore[call-arg, arg-type]
    a_bound.delay()  # type: ignore[call-arg]

    async def awaiting() -> None:
        assert_type(await fetch("x"), bytes)
        assert_type(await (await fetch.adelay("x")).aget(), bytes)
        assert_type(await add.delay(1, 2).aget(timeout=1), int)
        await later.adelay("x")  # type: ignore[arg-type]


def test_an_async_def_is_a_task_of_its_own_kind() -> None:
    kinds: list[Task[Any, Any]] = [add, text, fetch, later]
    assert [isinstance(task, AsyncTask) for task in kinds] == [False, False, True, True]
