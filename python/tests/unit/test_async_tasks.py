"""``async def`` tasks in the executor: what comes of them, limits, cancellation, places on the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac import Celeriac, Ignore, Result, SoftTimeLimitExceeded, Task, current_request
from celeriac.aio import run_here
from celeriac.lifecycle_events import Revoked
from celeriac.transport import Delivery
from celeriac.worker.beside import Beside
from celeriac.worker.clock import Clock
from celeriac.worker.evented import EventLoop, limited
from celeriac.worker.executor import Executor
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller
from tests.support.waiting import PATIENCE, eventually

from .executor_parts import FakeDesk, FakeRegister
from .worker_parts import message

app = Celeriac("shop", broker="redis://nowhere", backend="redis://nowhere")
seen: list[Any] = []


@app.task(name="a.add")
async def add(x: int, y: int) -> int:
    await asyncio.sleep(0)
    return x + y


@app.task(name="a.fail")
async def fail() -> None:
    await asyncio.sleep(0)
    raise {"value": ValueError, "exit": SystemExit}["value"]("x")


@app.task(name="a.exit")
async def leave() -> None:
    raise SystemExit("leaving")


@app.task(name="a.ignore")
async def ignore() -> None:
    raise Ignore


@app.task(name="a.again", bind=True)
async def again(self: Task[Any, Any]) -> None:
    raise self.retry(countdown=1)


@app.task(name="a.whoami", bind=True)
async def whoami(self: Task[Any, Any]) -> str:
    await asyncio.sleep(0)
    return str(self.request.id)


@app.task(name="a.tidy")
async def tidy() -> str:
    try:
        await asyncio.sleep(30)
    except SoftTimeLimitExceeded:
        await asyncio.sleep(0)
        return "tidied up"
    return "slept"


@app.task(name="a.sleep")
async def sleep(seconds: float) -> None:
    seen.append("begins")
    try:
        await asyncio.sleep(seconds)
    finally:
        seen.append("ends")


@app.task(name="a.nested")
async def nested() -> None:
    inner = asyncio.create_task(asyncio.sleep(30))
    try:
        await asyncio.wait_for(inner, 20)
    finally:
        seen.append(inner.cancelled())


@app.task(name="a.gives_up")
async def gives_up() -> None:
    raise asyncio.CancelledError


class Bench:
    """An executor, its desk and its loop."""

    def __init__(self, places: int = 10) -> None:
        self.desk, self.register, self.loop = FakeDesk(), FakeRegister(), EventLoop(places)
        settings = WorkerSettings(broker=app.broker, backend="rpc://", tasks=app.tasks, hostname="w1")
        self.executor = Executor(
            settings,
            self.desk,
            self.register,
            lambda _task_id: 0,
            orders=Orders(),
            teller=Teller("w1", Clock()),
            loop=self.loop,
        )

    def start(self, task: str, *args: Any, **fields: Any) -> None:
        self.executor.handle(Delivery(message(task=task, args=args, **fields).build(), 1, "mail"))

    def outcome(self) -> tuple[Outcome, Result]:
        eventually(lambda: bool(self.desk.outcomes), "there is an outcome")
        (outcome,) = self.desk.outcomes
        return outcome, Result.parse(outcome.documents[0].body)

    def end_of(self, task: str, *args: Any, **fields: Any) -> tuple[str, Any, Settlement | None]:
        self.start(task, *args, **fields)
        outcome, result = self.outcome()
        shown = result.result["exc_type"] if isinstance(result.result, dict) else result.result
        return str(result.status), shown, outcome.settlement


@pytest.fixture
def bench() -> Iterator[Bench]:
    seen.clear()
    bench = Bench()
    yield bench
    bench.loop.close()


@pytest.mark.parametrize(
    ("task", "args", "fields", "end"),
    [
        ("a.add", (2, 3), {}, ("SUCCESS", 5, Settlement.ACK)),
        ("a.add", (2,), {}, ("FAILURE", "TypeError", Settlement.ACK)),
        ("a.fail", (), {}, ("FAILURE", "ValueError", Settlement.ACK)),
        ("a.exit", (), {}, ("FAILURE", "SystemExit", Settlement.ACK)),
        ("a.again", (), {}, ("RETRY", "Retry", Settlement.ACK)),
        ("a.whoami", (), {"id": "task-9"}, ("SUCCESS", "task-9", Settlement.ACK)),
        ("a.tidy", (), {"soft_time_limit": 0.05}, ("SUCCESS", "tidied up", Settlement.ACK)),
        ("a.sleep", (30,), {"soft_time_limit": 0.05}, ("FAILURE", "SoftTimeLimitExceeded", Settlement.ACK)),
        ("a.nested", (), {"soft_time_limit": 0.05}, ("FAILURE", "SoftTimeLimitExceeded", Settlement.ACK)),
        ("a.sleep", (0,), {"soft_time_limit": 30}, ("SUCCESS", None, Settlement.ACK)),
        ("a.gives_up", (), {}, ("FAILURE", "CancelledError", Settlement.ACK)),
    ],
)
def test_ends(
    bench: Bench, task: str, args: tuple[Any, ...], fields: dict[str, Any], end: tuple[str, Any, Settlement]
) -> None:
    ended = bench.end_of(task, *args, **fields)
    assert ended[0] == end[0] and ended[2] == end[2]
    assert ended[1] == end[1] or end[0] == "RETRY"
    assert bench.register.entries[-1] == "end" and not bench.desk.beside


def test_what_a_cancelled_task_waits_for_is_cancelled(bench: Bench) -> None:
    bench.end_of("a.nested", soft_time_limit=0.05)
    assert seen == [True]


def test_nothing_is_stored_for_what_is_ignored(bench: Bench) -> None:
    bench.start("a.ignore")
    eventually(lambda: bool(bench.desk.outcomes), "there is an outcome")
    assert (bench.desk.outcomes[0].documents, bench.desk.outcomes[0].settlement) == ((), Settlement.ACK)


def test_the_traceback_begins_in_the_task(bench: Bench) -> None:
    bench.end_of("a.fail")
    text = bench.outcome()[1].traceback
    assert text is not None and "in fail" in text and "celeriac/worker" not in text


def test_they_run_at_the_same_time_up_to_a_limit() -> None:
    bench = Bench(places=2)
    started = time.monotonic()
    for number in range(4):
        bench.start("a.sleep", 0.2, id=f"task-{number}")
    # The third had to wait for a place, and so had the fourth.
    assert time.monotonic() - started >= 0.2
    assert len(bench.desk.beside) <= 2
    eventually(lambda: len(bench.desk.outcomes) == 4, "all have ended")
    assert bench.desk.beside.most == 2
    bench.loop.close()


def test_the_main_thread_is_free_meanwhile(bench: Bench) -> None:
    bench.start("a.sleep", 30)
    (running,) = bench.desk.beside.running()
    eventually(lambda: seen == ["begins"], "it runs")
    assert bench.desk.outcomes == []
    assert bench.desk.beside.oust(running)
    eventually(lambda: seen == ["begins", "ends"], "it is cancelled")
    eventually(lambda: not bench.desk.beside.busy, "it has ended")
    # Who took it out tells what came of it, nobody else.
    assert bench.desk.outcomes == []
    assert running.settle(Revoked("terminated", 15)).settlement is Settlement.ACK


def test_a_hard_limit_is_left_with_the_courier(bench: Bench) -> None:
    bench.start("a.sleep", 30, time_limit=0.05)
    eventually(lambda: bool(bench.desk.beside.exceeded()), "the limit is exceeded")
    (running,) = bench.desk.beside.exceeded()
    assert (running.limit, bench.desk.beside.next_at()) == (0.05, running.until)
    bench.desk.beside.oust(running)


def test_who_comes_second_is_told_so() -> None:
    beside, bench = Beside(), Bench()
    bench.start("a.sleep", 30)
    (running,) = bench.desk.beside.running()
    beside.join(running)
    assert beside.part(running) and not beside.oust(running) and not beside.busy
    beside.join(running)
    assert beside.oust(running) and beside.busy and not beside.part(running) and not beside.busy
    bench.loop.close()


def test_a_task_that_is_cancelled_before_its_first_step_ends(bench: Bench) -> None:
    done = threading.Event()
    flight = bench.loop.flight()
    flight.cancel()
    flight.start(asyncio.sleep(30), lambda _task: done.set())
    assert done.wait(PATIENCE)


def test_a_closed_loop_cancels_and_tells_nothing(bench: Bench) -> None:
    bench.start("a.sleep", 30)
    eventually(lambda: seen == ["begins"], "it runs")
    bench.loop.close()
    assert (seen, bench.desk.outcomes) == (["begins", "ends"], [])


def test_a_soft_limit_is_one_exception_not_an_end() -> None:
    """What the task awaits after it has caught the exception is not cancelled."""

    async def stubborn() -> str:
        try:
            await asyncio.sleep(30)
        except SoftTimeLimitExceeded as error:
            await asyncio.wait_for(asyncio.sleep(0.01), 5)
            return f"after {error.args[0]}"
        return "never"

    assert asyncio.run(limited(stubborn(), 0.02)) == "after 0.02"


def test_run_here() -> None:
    async def answer() -> int:
        return 42

    assert (run_here(answer()), run_here(41)) == (42, 41)
    assert current_request.get() is None
