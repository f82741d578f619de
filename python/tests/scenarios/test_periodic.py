"""A8 and A16: when a crontab is due, and two beats at once."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import pytest

from celeriac import crontab
from tests.scenarios.conftest import KINDS, Hand, Place, new_name
from tests.support.beat import BeatProcess, environment
from tests.support.celery import FOLDER, celery_python
from tests.support.queues import forget_lock
from tests.support.waiting import eventually

#: Every 10 s in the scenario.
EVERY = 0.4
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
NEXT = datetime(2026, 11, 23, 5, 30, tzinfo=timezone.utc)


def test_a8_half_past_on_a_monday() -> None:
    assert crontab(minute=30, hour="5,13,23", day_of_week="mon").after(NOON, timezone.utc) == NEXT


def test_a8_by_celery() -> None:
    fields = {"minute": "30", "hour": "5,13,23", "day_of_week": "mon"}
    asked = json.dumps({"fields": fields, "last": NOON.isoformat(), "zone": "UTC"})
    command = [celery_python(), str(FOLDER / "crontabs.py")]
    answer = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=40, check=True).stdout
    assert datetime.fromisoformat(json.loads(answer)) == NEXT


@pytest.mark.parametrize("options", [(), ("--no-lock",)], ids=["lock", "no lock"])
def test_a16_two_beats(place: Place, options: tuple[str, ...], tmp_path: Path) -> None:
    """With the lock each due time is sent once, without it by both; run by a worker of ours and one of Celery's."""
    hands = [place.hand(kind) for kind in KINDS]
    tick, lock = new_name("tick"), new_name("lock")
    schedule = {
        hand.kind: {"task": "say", "schedule": EVERY, "args": [tick], "options": {"queue": hand.queue}}
        for hand in hands
    }
    variables = environment(hands[0].queue, tmp_path / "notes", schedule)
    try:
        with ExitStack() as beats:

            def start(name: str) -> BeatProcess:
                folder = tmp_path / name
                return beats.enter_context(BeatProcess(place.broker.url, lock, folder, variables, *options))

            began = time.monotonic()
            one = start("one")
            one.logged("Beat sends the schedule")
            two = start("two")
            two.logged("Beat sends the schedule" if options else "this one stands by")
            senders = [one, two] if options else [one]
            eventually(lambda: all(sent(beat, hand) >= 3 for beat in senders for hand in hands), "each sends three")
            for beat in (two, one):
                assert beat.end(signal.SIGTERM) == 0
            due = (time.monotonic() - began) / EVERY
        for hand in hands:
            by_one, by_two = sent(one, hand), sent(two, hand)
            assert options or (by_two == 0 and by_one <= due)
            all_run(hand, tick, by_one + by_two)
    finally:
        forget_lock(place.broker.url, lock)


def sent(beat: BeatProcess, hand: Hand) -> int:
    """How many tasks a beat has sent to a worker."""
    return sum(f"Entry '{hand.kind}': task 'say'" in line for line in beat.log.splitlines())


def all_run(hand: Hand, tick: str, number: int) -> None:
    """Wait until so many have run; no more may."""
    eventually(lambda: hand.notes.count(tick) >= number, "each one sent has run")
    assert hand.notes.count(tick) == number
