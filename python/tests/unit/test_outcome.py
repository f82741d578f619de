"""What the courier is given to carry out."""

from __future__ import annotations

import pytest

from celeriac import Result, Wire
from celeriac.errors import InvalidCall
from celeriac.lifecycle_events import Ack, Store
from celeriac.transport import Delivery
from celeriac.worker.outcome import Settlement, encode


def test_results_that_nothing_stores_are_not_written() -> None:
    delivery = Delivery(Wire(b"", None, None, {}, {}), 1, "mail")
    result = Result.from_success("task-1", object(), date_done="2026-01-02T03:04:05+00:00")
    outcome = encode(delivery, (Store(result, None, None), Ack()), stores=False)
    assert (outcome.documents, outcome.settlement) == ((), Settlement.ACK)
    with pytest.raises(InvalidCall):
        encode(delivery, (Store(result, None, None), Ack()))
