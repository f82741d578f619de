"""The pool of threads without a broker: what comes of its tasks, how they are ended, how it ends itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import pytest

from celeriac import Celeriac, Result, SoftTimeLimitExceeded, Task
from celeriac.lifecycle_events import Revoked
from celeriac.message import Message
from celeriac.transport import Delivery
from celeriac.worker.beside import GRACE
from celeriac.worker.clock import Clock
from celeriac.worker.evented import EventLoop
from celeriac.worker.holding import Inbox
from celeriac.worker.journal import Journal
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Settlement
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.shift import Shift
from celeriac.worker.telling import Teller
from celeriac.worker.threaded import SharedLedger, ThreadedExecutor, Threads
from celeriac.worker.wear import Wear
from tests.support.waiting import PATIENCE, eventually

from .executor_parts import FakeDesk
from .worker_parts import message

app = Celeriac("shop", broker="redis://nowhere", backend="redis://nowhere")


@app.task(name="h.add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="h.whoami", bind=True)
def whoami(self: Task[Any, Any]) -> str:
    time.sleep(0.01)
    return str(self.request.id)


@app.task(name="h.spin")
def spin() -> None:
    """Run Python code until that is interrupted."""
    _spin()


@app.task(name="h.tidy")
def tidy() -> str:
    try:
        _spin()
    except SoftTimeLimitExceeded as error:
        return f"tidied up after {error.args[0]} s"
    return "never"


@app.task(name="h.leave")
def leave() -> None:
    raise SystemExit("leaving")


@app.task(name="h.a_add")
async def a_add(x: int, y: int) -> int:
    return x + y


def _spin() -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        time.sleep(0.001)


class Bench(FakeDesk):
    """A desk with an inbox, and threads that run what is put in."""

    def __init__(self, count: int, *, most: int | None = None) -> None:
        super().__init__()
        self.inbox: Inbox = SimpleQueue()
        self.journal, self.total, self.loop = Journal(count + 1), Counter[str](), EventLoop(1)
        settings = WorkerSettings(broker=app.broker, backend="rpc://", tasks=app.tasks, hostname="w1", threads=count)
        executor = ThreadedExecutor(
            settings,
            self,
            SharedLedger(self.journal, None, self.total),
            lambda _task_id: 0,
            orders=Orders(),
            teller=Teller("w1", Clock()),
            loop=self.loop,
        )
        self.shift = Shift(self, executor.handle, Wear(most, None, self.total))
        self.threads = Threads(count, self.shift, self.beside)
        self.threads.start()

    def send(self, task: str, *args: Any, **fields: Any) -> None:
        self.inbox.put(Delivery(message(task=task, args=args, **fields).build(), 1, "mail"))

    def stop(self) -> None:
        self.inbox.put(None)

    def end(self) -> None:
        """Wait for the end of the shift."""
        main = ThreadPoolExecutor(1)
        ended = main.submit(self.threads.join)
        main.shutdown(wait=False)
        ended.result(PATIENCE)

    def results(self, count: int) -> list[Result]:
        eventually(lambda: len(self.outcomes) >= count, f"{count} have ended")
        return [Result.parse(document.body) for outcome in self.outcomes for document in outcome.documents]

    def close(self) -> None:
        self.stop()
        self.threads.close()
        self.loop.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(3)
    yield bench
    bench.close()


@pytest.mark.parametrize(
    ("task", "args", "fields", "end"),
    [
        ("h.add", (2, 3), {}, ("SUCCESS", 5)),
        ("h.add", (2,), {}, ("FAILURE", "TypeError")),
        ("h.leave", (), {}, ("FAILURE", "SystemExit")),
        ("h.tidy", (), {"soft_time_limit": 0.05}, ("SUCCESS", "tidied up after 0.05 s")),
        ("h.spin", (), {"soft_time_limit": 0.05}, ("FAILURE", "SoftTimeLimitExceeded")),
        ("h.add", (2, 3), {"soft_time_limit": 30}, ("SUCCESS", 5)),
        ("h.a_add", (2, 3), {}, ("SUCCESS", 5)),
    ],
)
def test_ends(bench: Bench, task: str, args: tuple[Any, ...], fields: dict[str, Any], end: tuple[str, Any]) -> None:
    bench.send(task, *args, **fields)
    (result,) = bench.results(1)
    shown = result.result["exc_type"] if isinstance(result.result, dict) else result.result
    assert (result.status, shown) == end
    assert bench.outcomes[0].settlement is Settlement.ACK
    eventually(lambda: not bench.beside.busy and not bench.journal.running(), "nothing runs any more")


def test_the_traceback_begins_in_the_task(bench: Bench) -> None:
    bench.send("h.spin", soft_time_limit=0.05)
    text = bench.results(1)[0].traceback
    assert text is not None and "in spin" in text and "celeriac/worker" not in text


def test_each_of_many_has_its_own_request(bench: Bench) -> None:
    ids = [f"task-{number}" for number in range(60)]
    for task_id in ids:
        bench.send("h.whoami", id=task_id)
    assert {result.task_id: result.result for result in bench.results(60)} == {task_id: task_id for task_id in ids}
    assert bench.total == {"h.whoami": 60}


def test_they_run_at_the_same_time_and_none_of_them_outside_the_window(bench: Bench) -> None:
    for number in range(4):
        bench.send("h.spin", id=f"task-{number}")
    eventually(lambda: len(bench.beside) == 3, "three run")
    assert (bench.inbox.qsize(), bench.beside.outside, bench.beside.most) == (1, set(), 0)
    assert sorted(bench.journal.running()) == [b"task-0", b"task-1", b"task-2"]


def test_who_takes_a_task_out_tells_of_it_and_its_thread_goes_on(bench: Bench) -> None:
    for _ in range(3):
        bench.send("h.spin")
    eventually(lambda: len(bench.beside) == 3, "three run")
    bench.send("h.add", 2, 3)
    first = bench.beside.running()[0]
    assert bench.beside.oust(first)
    assert [result.result for result in bench.results(1)] == [5]
    assert first.settle(Revoked("terminated", 15)).settlement is Settlement.ACK
    eventually(lambda: len(bench.journal.running()) == 2 and not bench.beside.stuck(), "it has ended")


def test_a_hard_limit_leaves_it_time_to_end(bench: Bench) -> None:
    bench.send("h.spin", time_limit=0.05)
    eventually(lambda: bool(bench.beside.exceeded()), "the limit is exceeded")
    (running,) = bench.beside.exceeded()
    assert not bench.journal.overdue(running.until + GRACE / 2)
    assert bench.journal.overdue(running.until + GRACE + 0.1)


def test_at_the_end_of_the_shift_all_go(bench: Bench) -> None:
    bench.send("h.add", 2, 3)
    bench.stop()
    bench.end()
    assert [result.result for result in bench.results(1)] == [5]


def test_a_closed_pool_interrupts_and_tells_nothing() -> None:
    bench = Bench(2)
    bench.send("h.spin")
    eventually(lambda: len(bench.beside) == 1, "it runs")
    bench.close()
    assert bench.outcomes == []
    eventually(lambda: not bench.journal.running(), "it has ended")


def test_what_comes_when_the_process_is_worn_goes_back() -> None:
    bench, sent = Bench(1, most=2), threading.Event()

    def wait_for_all() -> None:
        # Or the shift might end before the last of them is there.
        assert sent.wait(PATIENCE)

    bench.inbox.put(wait_for_all)
    for number in range(4):
        bench.send("h.add", number, 1)
    sent.set()
    bench.end()
    assert bench.shift.renewed
    assert [outcome.settlement for outcome in bench.outcomes] == [Settlement.ACK] * 2 + [Settlement.REQUEUE] * 2
    bench.close()


def test_a_thread_that_fails_ends_the_process(bench: Bench) -> None:
    def broken() -> None:
        raise MemoryError

    bench.inbox.put(broken)
    with pytest.raises(MemoryError):
        bench.end()


def test_a_shared_ledger_counts_every_run() -> None:
    total, journal = Counter[str](), Journal(4)
    ledger = SharedLedger(journal, None, total)

    def count(_number: int) -> None:
        for _ in range(500):
            ledger.end(ledger.begin(one, 0.0))

    one: Message = message()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    assert total == {"shop.add": 2000} and journal.running() == []


def test_outcomes_of_threads_are_whole() -> None:
    """None is lost or told twice, however many end at once."""
    bench = Bench(8)
    for number in range(400):
        bench.send("h.add", number, 0)
    bench.stop()
    bench.end()
    assert sorted(result.result for result in bench.results(400)) == list(range(400))
    bench.close()
