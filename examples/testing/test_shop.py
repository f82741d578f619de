"""Tests of tasks: called, run where they are sent, and run by a worker."""

from __future__ import annotations

import pytest
from shop import STOCK, price, take, total

from celeriac import AsyncResult, Celeriac, TaskFailure, group


def test_a_task_is_a_function() -> None:
    assert price(250, 2) == 500


@pytest.mark.usefixtures("eager")
def test_without_a_broker() -> None:
    bill = group(price.s(250, pieces) for pieces in (1, 2, 3)) | total.s()
    assert bill.delay().get() == 1500


@pytest.mark.usefixtures("eager")
def test_its_retries_and_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STOCK, "bean", 1)
    assert take.delay("bean").get() == 0
    with pytest.raises(TaskFailure, match="out of stock: bean"):
        take.delay("bean").get()


def test_on_a_worker(celeriac_worker: Celeriac) -> None:
    assert celeriac_worker.send_task("shop.price", (250, 3)).get(timeout=30) == 750


@pytest.mark.usefixtures("celeriac_worker")
def test_types() -> None:
    """Checked by mypy: ``price.delay("250", 2)`` would be an error, and ``cents`` is known to be an int."""
    sent: AsyncResult[int] = price.delay(250, 4)
    cents: int = sent.get(timeout=30)
    assert cents == 1000
