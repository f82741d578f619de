"""The numbers of a worker: counted by its processes, added up by whoever reads, and as Prometheus gets them."""

from __future__ import annotations

import math
import os
from collections import Counter
from datetime import datetime, timezone

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from celeriac import InvalidMessage
from celeriac import lifecycle_events as happened
from celeriac.worker.exporter import WorkerCollector
from celeriac.worker.readiness import Readiness
from celeriac.worker.tally import BOUNDS, COUNTED, COUNTERS, UNKNOWN, Ledger, Tally
from celeriac.worker.telling import NEWS

from .worker_parts import message


class Nowhere:
    """A register that keeps nothing."""

    def begin(self, task_id: str, until: float) -> int | None:
        return None

    def end(self, slot: int | None) -> None:
        pass


@pytest.fixture
def tally() -> Tally:
    return Tally(["shop.add", "shop.mail"], 2)


def ledger(tally: Tally, number: int = 1) -> Ledger:
    return Ledger(Nowhere(), tally.book(number), Counter())


def counts(tally: Tally, task: str) -> dict[str, int]:
    return {name: count for name, count in tally.totals()[task].counts.items() if count}


def test_what_monitors_are_told_of_is_counted() -> None:
    assert COUNTED.keys() >= NEWS.keys()
    assert set(COUNTED.values()) == set(COUNTERS)


def test_processes_are_added_up(tally: Tally) -> None:
    for number in (1, 2):
        own = ledger(tally, number)
        own.note(message(), happened.Ready(), again=False)
        own.note(message(), happened.Succeeded(5, runtime=0.3 * number), again=False)
    assert counts(tally, "shop.add") == {"received": 2, "succeeded": 2}
    assert counts(tally, "shop.mail") == {}
    numbers = tally.totals()["shop.add"]
    assert numbers.seconds == pytest.approx(0.9)
    assert [(bound, runs) for bound, runs in zip(BOUNDS, numbers.runtimes, strict=False) if runs] == [
        (0.5, 1),
        (1.0, 1),
    ]


def test_a_forked_process_counts_for_its_worker(tally: Tally) -> None:
    pid = os.fork()
    if pid == 0:
        ledger(tally, 2).note(message(), happened.Ready(), again=False)
        os._exit(0)
    os.waitpid(pid, 0)
    assert counts(tally, "shop.add") == {"received": 1}


def test_what_was_put_off_is_received_once(tally: Tally) -> None:
    own = ledger(tally)
    own.note(message(), happened.NotYet(datetime.now(timezone.utc)), again=False)
    own.note(message(), happened.Ready(), again=True)
    own.note(message(), happened.Expired(), again=True)
    assert counts(tally, "shop.add") == {"received": 1, "revoked": 1}


def test_names_from_the_wire_make_no_new_numbers(tally: Tally) -> None:
    own = ledger(tally)
    own.note(message(task="x" * 1000), happened.Unknown(), again=False)
    own.note(None, happened.Malformed(InvalidMessage("no")), again=False)
    assert tally.totals().keys() == {"shop.add", "shop.mail", UNKNOWN}
    assert counts(tally, UNKNOWN) == {"failed": 1, "rejected": 1}


@pytest.mark.parametrize(("runtime", "bucket"), [(0.0, 0), (0.005, 0), (0.0051, 1), (1800.0, -2), (1e9, -1)])
def test_a_bound_belongs_to_what_is_below(tally: Tally, runtime: float, bucket: int) -> None:
    ledger(tally).note(message(), happened.Succeeded(1, runtime=runtime), again=False)
    assert tally.totals()["shop.add"].runtimes[bucket] == 1


def test_what_a_dead_process_ran_does_not_run(tally: Tally) -> None:
    first, second = ledger(tally, 1), ledger(tally, 2)
    first.begin(message(), math.inf)
    second.begin(message(), math.inf)
    assert tally.active() == 2
    first.note(message(), happened.Ready(), again=False)
    anew = ledger(tally, 1)
    assert tally.active() == 1 and counts(tally, "shop.add") == {"received": 1}, "counters go on"
    anew.begin(message(), math.inf)
    anew.end(None)
    second.end(None)
    assert tally.active() == 0


def test_runs_are_counted_also_without_numbers() -> None:
    total = Counter[str]()
    own = Ledger(Nowhere(), None, total)
    own.end(own.begin(message(), math.inf))
    own.note(message(), happened.Ready(), again=False)
    assert total == {"shop.add": 1}


def test_as_prometheus_gets_it(tally: Tally) -> None:
    own = ledger(tally)
    own.begin(message(), math.inf)
    for runtime in (0.3, 0.4, 7200):
        own.note(message(), happened.Succeeded(1, runtime=runtime), again=False)
    registry = CollectorRegistry()
    registry.register(WorkerCollector(tally, Readiness(1)))
    lines = generate_latest(registry).decode().splitlines()
    for expected in (
        "# TYPE celeriac_task_succeeded_total counter",
        'celeriac_task_succeeded_total{task="shop.add"} 3.0',
        'celeriac_task_failed_total{task="shop.add"} 0.0',
        'celeriac_task_runtime_seconds_bucket{le="0.25",task="shop.add"} 0.0',
        'celeriac_task_runtime_seconds_bucket{le="0.5",task="shop.add"} 2.0',
        'celeriac_task_runtime_seconds_bucket{le="1800.0",task="shop.add"} 2.0',
        'celeriac_task_runtime_seconds_bucket{le="+Inf",task="shop.add"} 3.0',
        'celeriac_task_runtime_seconds_count{task="shop.add"} 3.0',
        'celeriac_task_runtime_seconds_sum{task="shop.add"} 7200.7',
        "celeriac_worker_active_tasks 1.0",
        "celeriac_worker_ready 0.0",
    ):
        assert expected in lines
