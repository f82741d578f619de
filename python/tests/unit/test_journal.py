"""Memory shared with the supervisor: what a process ran, even if it is killed in the middle of writing."""

from __future__ import annotations

import os
import signal

from celeriac.worker.journal import OVERDUE, REMEMBERED, Deaths, Journal, Slots


def test_slots_keep_whole_texts() -> None:
    slots = Slots(3, 8)
    first, second = slots.put(b"a"), slots.put(b"12345678")
    assert (slots.put(b"123456789"), slots.put(b"")) == (None, None)
    assert sorted(slots) == [b"12345678", b"a"]
    assert first is not None and second is not None
    slots.clear(first)
    assert list(slots) == [b"12345678"]
    assert slots.put(b"b") is not None and slots.put(b"c") is not None and slots.put(b"d") is None


def test_a_killed_process_leaves_its_journal() -> None:
    journal = Journal()
    ready, wrote = os.pipe()
    pid = os.fork()
    if pid == 0:
        journal.end(journal.begin("task-0"))
        journal.begin("task-1")
        os.write(wrote, b"!")
        signal.pause()
    os.read(ready, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert journal.running() == [b"task-1"]


def test_nothing_runs_after_the_end() -> None:
    journal = Journal()
    journal.end(None)
    journal.end(journal.begin("task-1"))
    assert journal.running() == []


def test_what_is_overdue() -> None:
    journal = Journal(3)
    journal.begin("late", 10.0)
    journal.begin("in time", 20.0)
    journal.begin("without a limit")
    assert journal.overdue(15.0) == [b"late"]
    assert journal.overdue(5.0) == []
    journal.end_all()
    assert journal.overdue(15.0) == []


def test_what_was_ended_for_being_overdue_is_no_death() -> None:
    deaths = Deaths()
    deaths.count_one(b"task")
    deaths.condemn(b"task")
    deaths.condemn(b"other")
    assert (deaths.of("task"), deaths.of("other")) == (OVERDUE, OVERDUE)


def test_whether_it_ever_began_anything() -> None:
    journal = Journal(2)
    assert not journal.used
    journal.end(journal.begin("task-1"))
    assert journal.used
    journal.end_all()
    assert journal.used


def test_many_run_at_a_time() -> None:
    journal = Journal(3)
    slots = [journal.begin(f"task-{number}") for number in range(3)]
    assert journal.begin("one too many") is None
    journal.end(slots[1])
    assert sorted(journal.running()) == [b"task-0", b"task-2"]
    journal.end_all()
    assert journal.running() == []


def test_deaths_are_counted_for_all_processes() -> None:
    deaths = Deaths()
    assert [deaths.count_one(b"task-1") for _ in range(3)] == [1, 2, 3]
    deaths.count_one(b"task-2")
    assert (deaths.of("task-1"), deaths.of("task-2"), deaths.of("task")) == (3, 1, 0)


def test_what_was_noted_is_what_is_counted() -> None:
    """An id of any length, half a surrogate pair included."""
    for task_id in ("task", "x" * 1000, "\ud800"):
        journal, deaths = Journal(), Deaths()
        journal.begin(task_id)
        (running,) = journal.running()
        deaths.count_one(running)
        assert deaths.of(task_id) == 1


def test_the_oldest_is_forgotten_first() -> None:
    deaths = Deaths()
    for number in range(REMEMBERED):
        deaths.count_one(str(number).encode())
    deaths.count_one(b"0")
    deaths.count_one(b"new")
    assert (deaths.of("0"), deaths.of("1"), deaths.of("new")) == (2, 0, 1)


def test_counts_do_not_overflow() -> None:
    deaths = Deaths()
    for _ in range(300):
        deaths.count_one(b"task")
    assert deaths.of("task") == OVERDUE - 1
