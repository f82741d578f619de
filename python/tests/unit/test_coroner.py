"""What processes died of: who is to blame, who has to die, when the next may start."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from celeriac.worker import coroner
from celeriac.worker.coroner import RESTART_DELAYS, SETTLED_SECONDS, Coroner
from celeriac.worker.journal import OVERDUE, Journal


def journal_of(*entries: tuple[str, float]) -> Journal:
    journal = Journal(max(1, len(entries)))
    for task_id, until in entries:
        journal.begin(task_id, until)
    return journal


def test_one_look_condemns_nobody() -> None:
    found, journals = Coroner(), {7: journal_of(("late", 10.0), ("in time", 30.0)), 8: journal_of(("fine", 30.0))}
    assert [found.condemn(journals, now) for now in (9.0, 11.0, 12.0, 13.0)] == [[], [], [7], []]


def test_a_look_that_was_wrong_is_forgotten() -> None:
    found, journal = Coroner(), Journal()
    slot = journal.begin("late", 10.0)
    assert found.condemn({7: journal}, 11.0) == []
    journal.end(slot)
    journal.begin("next", 10.0)
    assert found.condemn({7: journal}, 12.0) == []


def test_of_a_process_that_was_ended_the_overdue_alone_are_to_blame() -> None:
    found, journals = Coroner(), {7: journal_of(("late", 0.0), ("beside", float("inf")))}
    for now in (1.0, 2.0):
        found.condemn(journals, now)
    found.blame(7, journals[7])
    assert [found.deaths.of(task_id) for task_id in ("late", "beside")] == [OVERDUE, 0]


def test_of_others_all_that_ran_are() -> None:
    found = Coroner()
    for _ in range(2):
        found.blame(7, journal_of(("a", 30.0), ("b", 30.0)))
    assert [found.deaths.of(task_id) for task_id in ("a", "b", "c")] == [2, 2, 0]


@pytest.mark.parametrize(
    ("lived", "tasks", "delays"),
    [(1.0, 0, [*RESTART_DELAYS, RESTART_DELAYS[-1]]), (SETTLED_SECONDS, 0, [0, 0]), (1.0, 1, [0, 0])],
)
def test_what_never_got_going_has_to_wait(lived: float, tasks: int, delays: Sequence[int]) -> None:
    found, journal = Coroner(), journal_of(*(("a", 30.0) for _ in range(tasks)))
    assert [found.delay(1, lived, journal) for _ in delays] == list(delays)


def test_a_process_that_got_going_begins_anew() -> None:
    found = Coroner()
    delays = [found.delay(1, lived, Journal()) for lived in (1.0, 1.0, SETTLED_SECONDS, 1.0)]
    assert delays == [1, 2, 0, 1]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (-9, "signal 9 (SIGKILL)"),
        (1, "exitcode 1"),
        (3, "cold shutdown"),
        (4, "another of its tasks ran into its hard time limit"),
    ],
)
def test_the_reason_in_celerys_words(code: int, why: str) -> None:
    assert coroner.reason(code) == f"Worker exited prematurely: {why}"
