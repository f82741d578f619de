"""What is raised into a call from other threads, and that nothing is raised beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

import pytest

from celeriac import SoftTimeLimitExceeded
from celeriac.worker.grip import Grip
from celeriac.worker.interrupts import Overdue
from tests.support.waiting import PATIENCE

#: Calls that are struck, or just missed.
STRIKES = 2000


def spin() -> None:
    """Run Python code until that is interrupted."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        pass


def pause(times: int) -> None:
    """Let other threads run."""
    for _ in range(times):
        time.sleep(0)


def on_a_thread(function: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result(PATIENCE)


def test_what_is_thrown_is_raised_in_the_call() -> None:
    grip, begun = Grip(), threading.Event()

    def call() -> None:
        begun.set()
        spin()

    with ThreadPoolExecutor(1) as threads:
        called = threads.submit(grip.call, call)
        assert begun.wait(PATIENCE)
        grip.throw(Overdue)
        assert isinstance(called.exception(PATIENCE), Overdue)
        # The thread is fit for use.
        assert threads.submit(sum, (1, 2)).result(PATIENCE) == 3


def test_what_is_thrown_before_is_raised_as_it_begins() -> None:
    grip, calls = Grip(), []
    grip.throw(Overdue)
    with pytest.raises(Overdue):
        grip.call(lambda: calls.append(1))
    assert calls == []


def test_what_is_thrown_too_late_is_not_raised() -> None:
    grip = Grip()

    def call() -> str:
        value = grip.call(lambda: "done")
        grip.throw(Overdue)
        return value

    assert on_a_thread(call) == "done"


def test_a_soft_limit() -> None:
    with pytest.raises(SoftTimeLimitExceeded) as caught:
        Grip().call(spin, 0.05)
    assert caught.value.args == (0.05,)
    assert (type(caught.value).__name__, type(caught.value).__module__) == (
        "SoftTimeLimitExceeded",
        "billiard.exceptions",
    )
    assert Grip().call(lambda: "in time", 30) == "in time"


def test_a_call_may_go_on_after_its_soft_limit() -> None:
    def tidy() -> str:
        try:
            spin()
        except SoftTimeLimitExceeded as error:
            return f"after {error.args[0]} s"
        return "never"

    assert Grip().call(tidy, 0.05) == "after 0.05 s"


def test_whenever_it_strikes_the_call_alone_is_struck() -> None:
    """Also while it begins and ends: what comes after ``call`` runs to its end."""
    aimed: SimpleQueue[tuple[Grip, threading.Lock] | None] = SimpleQueue()

    def strike() -> None:
        while (aim := aimed.get()) is not None:
            grip, thrown = aim
            grip.throw(Overdue)
            thrown.release()

    def struck() -> int:
        hit = 0
        for number in range(STRIKES):
            grip, thrown = Grip(), threading.Lock()
            thrown.acquire()
            aimed.put((grip, thrown))
            # Every fourth waits for it; the others are struck at whatever instant it happens to be, or not at all.
            try:
                grip.call(partial(pause, number % 4) if number % 4 else thrown.acquire)
            except Overdue:
                hit += 1
            # Code enough for an exception that is on its way to be raised in.
            assert sum(place for place in range(20)) == 190
        return hit

    threads = ThreadPoolExecutor(2)
    striker, target = threads.submit(strike), threads.submit(struck)
    threads.shutdown(wait=False)
    try:
        assert STRIKES // 4 <= target.result(PATIENCE) <= STRIKES
    finally:
        aimed.put(None)
    striker.result(PATIENCE)
