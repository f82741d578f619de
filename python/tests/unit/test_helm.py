"""Two threads and one connection: who sees to it when, and that neither waits for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from celeriac.worker import helm as helm_module
from celeriac.worker.helm import Helm
from tests.support.waiting import PATIENCE, eventually


class Pair:
    """A helm, and a thread in the courier's place that hands it over, once or again."""

    def __init__(self) -> None:
        self.helm = Helm()
        self.told = threading.Semaphore(0)
        self.back = threading.Semaphore(0)
        self.again = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while True:
            self.helm.hand_over(self.told.release)
            self.back.release()
            self.again.acquire()

    def handed_over(self) -> None:
        assert self.told.acquire(timeout=PATIENCE)

    def came_back(self) -> bool:
        return self.back.acquire(timeout=PATIENCE)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], Pair]]:
    def make(lull: float) -> Pair:
        monkeypatch.setattr(helm_module, "LULL", lull)
        return Pair()

    yield make


Make = Callable[[float], Pair]


def test_the_couriers_thread_has_it_first() -> None:
    assert not Helm().take()


def test_it_is_taken_back_when_nobody_has_come_by_for_a_while(pair: Make) -> None:
    both = pair(0.01)
    both.handed_over()
    assert both.came_back() and not both.helm.take()


def test_it_stays_with_who_holds_it(pair: Make) -> None:
    both = pair(0.001)
    both.handed_over()
    # It may have been taken back before.
    while not both.helm.take():
        both.again.release()
        both.handed_over()
    while both.back.acquire(blocking=False):
        pass
    eventually(lambda: both.helm._rests, "the other rests")
    assert not both.back.acquire(timeout=0.05)
    both.helm.leave()
    assert both.came_back()


def test_who_comes_by_again_and_again_keeps_it(pair: Make) -> None:
    both = pair(10 * PATIENCE)
    both.handed_over()
    for _ in range(1000):
        assert both.helm.take()
        both.helm.leave()


def test_called_it_takes_over_at_once(pair: Make) -> None:
    both = pair(10 * PATIENCE)
    both.handed_over()
    both.helm.call()
    assert both.came_back() and not both.helm.take()


def test_called_while_it_is_held_it_takes_over_as_soon_as_it_is_left(pair: Make) -> None:
    both = pair(10 * PATIENCE)
    both.handed_over()
    assert both.helm.take()
    both.helm.call()
    assert not both.back.acquire(timeout=0.05)
    both.helm.leave()
    assert both.came_back()


def test_a_call_that_comes_too_early_is_not_lost(pair: Make) -> None:
    both = pair(10 * PATIENCE)
    both.handed_over()
    both.helm.call()
    assert both.came_back()
    both.helm.call()
    both.again.release()
    both.handed_over()
    assert both.came_back()


def test_calls_do_not_pile_up_where_it_is_never_handed_over() -> None:
    helm = Helm()
    for _ in range(100):
        helm.call()
    assert helm._calls.qsize() == 1
