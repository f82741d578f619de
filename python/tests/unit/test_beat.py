"""Beat under a clock that the test sets: what it sends, once, on time, and what it remembers."""

from __future__ import annotations

import json
import runpy
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from celeriac import BrokerUnavailable, Celeriac, InvalidCall, crontab
from celeriac.beat import Beat, Memory, check_schedule

from .client_parts import Fakes

START = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
EVERY_TEN = {"hour": {"task": "shop.double", "schedule": 10.0, "args": [12]}}


class Time:
    """What time it is."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Shared:
    """What the locks of a test have in common: who holds it, and what was claimed."""

    def __init__(self) -> None:
        self.holder: object = None
        self.claims: dict[str, datetime] = {}


class FakeLock:
    """One beat's view of a lock."""

    pause = 1000.0

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.fails: Exception | None = None

    def take(self) -> bool:
        if self.fails is not None:
            raise self.fails
        self.shared.holder = self.shared.holder or self
        return self.shared.holder is self

    def claim(self, name: str, due: datetime) -> bool:
        if self.shared.holder is not self or self.shared.claims.get(name, START) >= due:
            return False
        self.shared.claims[name] = due
        return True

    def claimed(self) -> dict[str, datetime]:
        return dict(self.shared.claims)

    def close(self) -> None:
        if self.shared.holder is self:
            self.shared.holder = None


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "beat.json"


def app(schedule: dict[str, Any], **settings: Any) -> Celeriac:
    return Celeriac("shop", broker="amqp://nowhere", beat_schedule=schedule, beat_max_loop_interval=1000, **settings)


def lived(beat: Beat, time: Time, seconds: float) -> None:
    """Let time go by for a beat, which sleeps as long as it says."""
    end = time.now + timedelta(seconds=seconds)
    while True:
        wait = beat.tick()
        if time.now + timedelta(seconds=wait) > end:
            time.now = end
            return
        time.now += timedelta(seconds=wait)


def test_every_ten_seconds_for_thirty_five(fakes: Fakes, time: Time) -> None:
    """A16."""
    lived(Beat(app(EVERY_TEN), lock=None, memory=Memory(None), now=time), time, 35)
    assert [(sent.task, sent.args, sent.extra.headers) for sent in fakes.messages] == [
        ("shop.double", [12], {"celery_beat_task": True})
    ] * 3
    assert len({sent.id for sent in fakes.messages}) == 3


def test_two_with_the_lock_send_as_one(fakes: Fakes, time: Time) -> None:
    shared = Shared()
    beats = [Beat(app(EVERY_TEN), lock=FakeLock(shared), memory=Memory(None), now=time) for _ in range(2)]
    for _ in range(35):
        for beat in beats:
            beat.tick()
        time.now += timedelta(seconds=1)
    assert len(fakes.sent) == 3


def test_two_without_the_lock_send_twice(fakes: Fakes, time: Time) -> None:
    beats = [Beat(app(EVERY_TEN), lock=None, memory=Memory(None), now=time) for _ in range(2)]
    for _ in range(35):
        for beat in beats:
            beat.tick()
        time.now += timedelta(seconds=1)
    assert len(fakes.sent) == 6


def test_crontab_in_the_time_zone_of_the_application(fakes: Fakes, time: Time) -> None:
    """A8, and the wait until then."""
    monday = crontab(minute=30, hour="5,13,23", day_of_week="mon")
    made = app({"report": {"task": "shop.report", "schedule": monday}}, timezone="Europe/Berlin")
    made.configure(beat_max_loop_interval=10**6)
    beat = Beat(made, lock=None, memory=Memory(None), now=time)
    assert time.now + timedelta(seconds=beat.tick()) == datetime(2026, 11, 23, 4, 30, tzinfo=timezone.utc)


def test_a_late_look_does_not_put_off_the_next(fakes: Fakes, time: Time) -> None:
    beat = Beat(app(EVERY_TEN), lock=None, memory=Memory(None), now=time)
    beat.tick()
    time.now += timedelta(seconds=13)
    assert beat.tick() == pytest.approx(7)
    assert len(fakes.sent) == 1


def test_what_was_missed_is_sent_once(fakes: Fakes, time: Time, path: Path) -> None:
    lived(Beat(app(EVERY_TEN), lock=None, memory=Memory(path), now=time), time, 15)
    time.now += timedelta(hours=5)
    beat = Beat(app(EVERY_TEN), lock=None, memory=Memory(path), now=time)
    assert beat.tick() == pytest.approx(5), "on the grid of the first"
    assert len(fakes.sent) == 2


def test_what_another_schedule_missed_is_not_sent(fakes: Fakes, time: Time, path: Path) -> None:
    Beat(app(EVERY_TEN), lock=None, memory=Memory(path), now=time).tick()
    time.now += timedelta(hours=5)
    Beat(
        app({"hour": {**EVERY_TEN["hour"], "schedule": 20}}), lock=None, memory=Memory(path), now=time
    ).tick()  # fmt: skip
    assert fakes.sent == []


def test_options(fakes: Fakes, time: Time) -> None:
    options = {"expires": 5, "queue": "mail", "priority": 4, "headers": {"tenant": "acme"}}
    made = app({"x": {"task": "t", "schedule": 10, "kwargs": {"k": 1}, "options": options}})
    lived(Beat(made, lock=None, memory=Memory(None), now=time), time, 10)
    (message,) = fakes.messages
    assert (fakes.sent[0].routing_key, message.priority, message.kwargs) == ("mail", 4, {"k": 1})
    assert message.extra.headers == {"tenant": "acme", "celery_beat_task": True}
    assert message.expires_at is not None


def test_what_did_not_go_out_goes_out_later_under_the_same_id(fakes: Fakes, time: Time) -> None:
    shared = Shared()
    beat = Beat(app(EVERY_TEN), lock=FakeLock(shared), memory=Memory(None), now=time)
    beat.tick()
    time.now += timedelta(seconds=10)
    fakes.opening = BrokerUnavailable("gone")
    assert [beat.tick(), beat.tick(), beat.tick()] == [1, 2, 4]
    task_id = beat._claimed["hour"].task_id
    fakes.opening = None
    assert beat.tick() == pytest.approx(10)
    assert [message.id for message in fakes.messages] == [task_id]


def test_what_cannot_be_sent_does_not_hold_up_the_rest(fakes: Fakes, time: Time) -> None:
    made = app({"bad": {"task": "t", "schedule": 10, "args": [object()]}, **EVERY_TEN})
    lived(Beat(made, lock=None, memory=Memory(None), now=time), time, 10)
    assert [message.task for message in fakes.messages] == ["shop.double"]


def test_a_lock_that_cannot_be_asked(fakes: Fakes, time: Time) -> None:
    lock = FakeLock(Shared())
    beat = Beat(app(EVERY_TEN), lock=lock, memory=Memory(None), now=time)
    beat.tick()
    lock.fails = BrokerUnavailable("gone")
    time.now += timedelta(seconds=10)
    assert beat.tick() == 1 and fakes.sent == []
    lock.fails = None
    beat.tick()
    assert len(fakes.sent) == 1


def test_who_takes_over_goes_on_where_the_other_was(fakes: Fakes, time: Time) -> None:
    shared = Shared()
    first, second = (Beat(app(EVERY_TEN), lock=FakeLock(shared), memory=Memory(None), now=time) for _ in range(2))
    lived(first, time, 15)
    second.tick()
    # The first one sleeps through its lease with something due.
    shared.holder = None
    time.now += timedelta(seconds=10)
    second.tick()
    assert len(fakes.sent) == 2, "due at 10 by the first, at 20 by the second"
    first.tick()
    assert len(fakes.sent) == 2


def test_what_was_claimed_by_another_is_done(fakes: Fakes, time: Time) -> None:
    shared = Shared()
    beat = Beat(app(EVERY_TEN), lock=FakeLock(shared), memory=Memory(None), now=time)
    beat.tick()
    time.now += timedelta(seconds=10)
    shared.claims["hour: every 10 s"] = time.now
    assert beat.tick() == pytest.approx(10)
    assert fakes.sent == []


def test_run_ends_when_told_to_and_gives_the_lock_back(fakes: Fakes, time: Time) -> None:
    shared = Shared()
    waits: list[float] = []
    beat = Beat(app(EVERY_TEN), lock=FakeLock(shared), memory=Memory(None), now=time)

    def twice(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 2

    beat.run(twice)
    assert waits == [10, 10] and shared.holder is None


def test_an_entry_is_checked_at_the_start(time: Time) -> None:
    with pytest.raises(InvalidCall, match=r"beat_schedule: 'x': unknown option 'expiers'; did you mean expires"):
        Beat(
            app({"x": {"task": "t", "schedule": 1, "options": {"expiers": 1}}}),
            lock=None, memory=Memory(None), now=time,
        )  # fmt: skip


def test_the_example_can_be_sent() -> None:
    example = Path(__file__).resolve().parents[3] / "examples" / "beat" / "clock.py"
    check_schedule(runpy.run_path(str(example))["app"])


# -- the file


def test_the_file_is_json_and_replaced_in_one_step(fakes: Fakes, time: Time, path: Path) -> None:
    Beat(app(EVERY_TEN), lock=None, memory=Memory(path), now=time).tick()
    assert json.loads(path.read_text()) == {
        "format": 1,
        "entries": {"hour": {"schedule": "every 10 s", "last": "2026-11-20T12:00:00+00:00"}},
    }
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2, "entries": {}}', '{"format": 1, "entries": {"hour": 5}}']
)
def test_a_file_of_another_kind_is_left_alone(fakes: Fakes, time: Time, path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidCall, match="is not a file of beat's"):
        Beat(app(EVERY_TEN), lock=None, memory=Memory(path), now=time).tick()
    assert path.read_text() == text


def test_a_file_that_cannot_be_written(fakes: Fakes, time: Time, tmp_path: Path) -> None:
    with pytest.raises(InvalidCall, match="cannot be written"):
        Beat(app(EVERY_TEN), lock=None, memory=Memory(tmp_path / "no" / "file"), now=time).tick()
