"""Tasks that run where they are sent: everything follows that follows in a worker, and nothing is connected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac import Celeriac, Ignore, InvalidCall, Task, TaskFailure, TaskTimeout, chain, chord, group
from celeriac.signals import task_success

app = Celeriac("shop", broker="redis://nowhere", task_always_eager=True)
seen: list[Any] = []


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    seen.clear()
    yield
    app.configure(task_eager_propagates=False)


@app.task(name="e.add")
def add(x: Any, y: Any) -> Any:
    return x + y


@app.task(name="e.total")
def total(values: list[int]) -> int:
    return sum(values)


@app.task(name="e.fail")
def fail(text: str) -> None:
    raise ValueError(text)


@app.task(name="e.retry", bind=True, autoretry_for=(OSError,), retry_backoff=True)
def retry(self: Task[Any, Any], times: int) -> int:
    if self.request.retries < times:
        raise OSError(self.request.retries)
    return int(self.request.retries)


@app.task(name="e.progress", bind=True)
def progress(self: Task[Any, Any]) -> str:
    self.update_state("PROGRESS", {"done": 1})
    return app.AsyncResult(self.request.id).state


@app.task(name="e.parent")
def parent() -> int:
    return add.delay(1, 2).get()  # type: ignore[no-any-return]


@app.task(name="e.a_add")
async def a_add(x: int, y: int) -> int:
    await asyncio.sleep(0)
    return x + y


@app.task(name="e.errback")
def errback(request: Any, error: BaseException, traceback: str) -> None:
    seen.append((request.id, repr(error), "Traceback" in traceback))


@app.task(name="e.replaced", bind=True)
def replaced(self: Task[Any, Any], x: int) -> None:
    self.replace(add.s(x, 10))


@app.task(name="e.ignore")
def ignore() -> None:
    raise Ignore


@app.task(name="e.object")
def give_object() -> object:
    return object()


def test_values() -> None:
    result = add.delay(2, 3)
    assert (result.state, result.get(), result.get(timeout=0)) == ("SUCCESS", 5, 5)
    assert add.apply_async(((1,), [2]), countdown=3600, queue="slow").get() == [1, 2]
    assert app.send_task("e.add", (1, 1)).get() == 2
    assert [one.get() for one in app.send_many(add.s(i, i) for i in range(3))] == [0, 2, 4]


def test_failures() -> None:
    result = fail.delay("sold out")
    with pytest.raises(TaskFailure, match="sold out") as caught:
        result.get()
    assert caught.value.exc_type == "ValueError" and "celeriac/eager.py" not in str(caught.value.traceback)
    with pytest.raises(TaskFailure, match="TypeError"):
        app.send_task("e.add", (1,)).get()
    assert give_object.delay().state == "FAILURE"


def test_what_is_raised_where_it_was_sent() -> None:
    app.configure(task_eager_propagates=True)
    with pytest.raises(ValueError, match="sold out"):
        fail.delay("sold out")
    with pytest.raises(OSError, match="3"):
        retry.delay(9)
    assert add.delay(1, 2).get() == 3


def test_states_and_retries() -> None:
    assert retry.delay(2).get() == 2
    assert retry.delay(9).state == "FAILURE"
    assert progress.delay().get() == "PROGRESS"
    assert replaced.delay(1).get() == 11


def test_what_has_no_result() -> None:
    for result in (ignore.delay(), add.apply_async((1, 2), ignore_result=True), app.AsyncResult("nobody")):
        assert result.state == "PENDING"
        with pytest.raises(InvalidCall, match="left no result"):
            result.get()
        with pytest.raises(TaskTimeout):
            result.get(timeout=0.1)


def test_tasks_in_tasks() -> None:
    result = parent.delay()
    assert result.get() == 3
    assert [child.get() for child in result.children] == [3]


def test_canvases() -> None:
    assert chain(add.s(1, 2), add.s(10), add.s(100)).delay().get() == 113
    assert group(add.s(i, i) for i in range(3)).delay().get() == [0, 2, 4]
    assert chord([add.s(1, 1), add.s(2, 2)], total.s()).delay().get() == 6
    assert (chord([chord([add.s(1, 1)], total.s()), add.s(3, 3)], total.s()) | add.s(1)).delay().get() == 9
    assert add.starmap([(1, 2), (3, 4)]).delay().get() == [3, 7]
    assert add.chunks([(i, i) for i in range(4)], 2).delay().get() == [[0, 2], [4, 6]]
    broken = chord([add.s(1, 1), fail.s("x")], total.s()).delay()
    with pytest.raises(TaskFailure, match="Dependency"):
        broken.get()


def test_links() -> None:
    result = fail.apply_async(("x",), link_error=errback.s())
    assert seen == [(result.id, "ValueError('x')", True)]
    linked = add.apply_async((1, 2), link=add.s(10))
    assert [child.get() for child in linked.children] == [13]


def test_async_tasks_and_clients() -> None:
    assert a_add.delay(1, 2).get() == 3

    async def client() -> list[int]:
        sent = await a_add.adelay(1, 2)
        # Where a loop runs already, too.
        return [await sent.aget(), a_add.delay(3, 4).get()]

    assert asyncio.run(client()) == [3, 7]


def test_signals_are_sent() -> None:
    @task_success.connect(sender=add)
    def count(result: int, **_more: Any) -> None:
        seen.append(result)

    try:
        add.delay(1, 2)
        a_add.delay(5, 5)
    finally:
        assert task_success.disconnect(count, sender=add)
    assert seen == [3]


def test_a_task_that_is_not_here() -> None:
    with pytest.raises(InvalidCall, match="no task named 'billing.charge' is declared here"):
        app.send_task("billing.charge")


def test_it_is_a_setting_like_any_other() -> None:
    other = Celeriac("other", broker="redis://127.0.0.1:1/0", broker_connection_timeout=0.2)

    @other.task(name="o.late")
    def late() -> int:
        return 1

    other.configure(task_always_eager=True)
    assert late.delay().get() == 1
