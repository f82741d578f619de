"""How many processes a worker is to have."""

from __future__ import annotations

import pytest

from celeriac.worker.settings import SPARE, WorkerSettings
from celeriac.worker.sizing import CALM, Sizing


def sizing(concurrency: int = 2, bounds: tuple[int, int] | None = None) -> Sizing:
    settings = WorkerSettings(
        broker="redis://x", backend=None, tasks={}, hostname="w@h", concurrency=concurrency, autoscale=bounds
    )
    return Sizing(settings, 0.0)


def test_without_bounds_the_work_does_not_matter() -> None:
    size = sizing()
    size.look(1000.0, 50, full=True)
    assert size.wanted == 2


@pytest.mark.parametrize(("more", "wanted"), [(3, 5), (-1, 1), (-9, 1), (100, 2 + SPARE)])
def test_orders(more: int, wanted: int) -> None:
    size = sizing()
    size.take({"more": more})
    assert size.state == {"processes": wanted, "bounds": None}


def test_full_hands_want_more() -> None:
    size = sizing(1, (4, 1))
    size.look(1.0, 3, full=False)
    assert size.wanted == 1, "another could not help: those three are in the hands of the one there is"
    size.look(2.0, 1, full=True)
    assert size.wanted == 2
    size.look(3.0, 9, full=True)
    assert size.wanted == 4


def test_what_was_not_needed_for_long_leaves() -> None:
    size = sizing(1, (4, 1))
    size.look(0.0, 4, full=True)
    size.look(CALM - 1, 2, full=False)
    assert size.wanted == 4
    size.look(CALM, 1, full=False)
    assert size.wanted == 4, "four were needed within this time"
    size.look(CALM + 1, 3, full=False)
    size.look(2 * CALM, 0, full=False)
    assert size.wanted == 3
    size.look(3 * CALM, 0, full=False)
    assert size.wanted == 1


def test_orders_move_the_bounds() -> None:
    size = sizing(2, (3, 2))
    size.take({"more": 2})
    assert size.state == {"processes": 4, "bounds": (4, 2)}
    size.take({"more": -3})
    assert size.state == {"processes": 1, "bounds": (4, 1)}
    size.take({"bounds": [6, 3]})
    assert size.state == {"processes": 3, "bounds": (6, 3)}
    size.take({"bounds": [2, 1]})
    assert size.state == {"processes": 2, "bounds": (2, 1)}
