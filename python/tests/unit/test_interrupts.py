"""What signals do to a worker process."""

from __future__ import annotations

import signal

import pytest

from celeriac.execution.ending import ColdShutdown
from celeriac.worker.interrupts import Terminations


class FakeCourier:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.attended = False

    def stop(self) -> None:
        self.told.append("stop")

    def abandon(self) -> None:
        self.told.append("abandon")


def test_the_second_signal_interrupts_once() -> None:
    courier = FakeCourier()
    terminations = Terminations(courier)
    with terminations.heard():
        terminations.on_signal(signal.SIGTERM, None)
        with pytest.raises(ColdShutdown):
            terminations.on_signal(signal.SIGTERM, None)
        terminations.on_signal(signal.SIGTERM, None)
    assert courier.told == ["stop", "abandon", "abandon"]


def test_what_the_main_thread_does_for_the_connection_is_not_interrupted() -> None:
    courier = FakeCourier()
    courier.attended = True
    terminations = Terminations(courier)
    with terminations.heard():
        terminations.on_signal(signal.SIGTERM, None)
        terminations.on_signal(signal.SIGTERM, None)
    assert courier.told == ["stop", "abandon"]


def test_where_no_task_runs_nothing_is_interrupted() -> None:
    courier = FakeCourier()
    terminations = Terminations(courier)
    with terminations.heard():
        terminations.on_signal(signal.SIGTERM, None)
    terminations.on_signal(signal.SIGTERM, None)
    assert courier.told == ["stop", "abandon"]
