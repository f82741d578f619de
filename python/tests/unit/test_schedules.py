"""When things are due; crontab as Celery reads it, held against Celery itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import InvalidCall, crontab
from celeriac.schedules import Interval, entries
from celeriac.times import instant
from tests.support.celery import celery_python

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
WITNESS = Path(__file__).resolve().parents[1] / "support" / "witness" / "crontabs.py"


def at(text: str) -> datetime:
    return instant(text)


def test_interval_keeps_to_its_grid() -> None:
    every = Interval(timedelta(seconds=10))
    start = at("2026-01-01T00:00:00")
    assert every.after(start, UTC) == at("2026-01-01T00:00:10")
    # Noticed late, missed twice: the next is where it would have been.
    assert every.caught_up(start, at("2026-01-01T00:00:34.5")) == at("2026-01-01T00:00:30")
    assert every.caught_up(start, start - timedelta(hours=1)) == start, "a clock put back"


@pytest.mark.parametrize(
    ("schedule", "last", "following"),
    [
        # A8
        (crontab(minute=30, hour="5,13,23", day_of_week="mon"), "2026-11-20T12:00", "2026-11-23T05:30"),
        (crontab(minute="*/15"), "2026-01-01T00:15", "2026-01-01T00:30"),
        (crontab(minute="*/15"), "2026-01-01T00:14:59.9", "2026-01-01T00:15"),
        (crontab(minute=0, hour=0, day_of_month=13, day_of_week="fri"), "2026-01-01T00:00", "2026-02-13T00:00"),
        (crontab(0, 0, day_of_month="1-7", day_of_week=1), "2026-01-05T00:00", "2026-02-02T00:00"),
        (crontab(0, 0, day_of_week="fri-mon"), "2026-01-06T00:00", "2026-01-09T00:00"),
        (crontab(0, 0, month_of_year="nov-feb/2", day_of_month=1), "2026-01-01T00:00", "2026-11-01T00:00"),
        (crontab(0, 0, day_of_month=29, month_of_year=2), "2026-01-01T00:00", "2028-02-29T00:00"),
        (crontab(0, 0, day_of_month=29, month_of_year=2, day_of_week=0), "2026-01-01T00:00", "2032-02-29T00:00"),
        (crontab([0, 30], {6, 18}), "2026-01-01T06:00", "2026-01-01T06:30"),
        (crontab.from_string("30 5 * * mon-fri"), "2026-11-20T12:00", "2026-11-23T05:30"),
    ],
)
def test_crontab(schedule: crontab, last: str, following: str) -> None:
    assert schedule.after(at(last), UTC) == at(following)


def test_crontab_goes_on_from_now() -> None:
    now = at("2026-01-01T00:00")
    assert crontab().caught_up(now - timedelta(days=9), now) == now


@pytest.mark.parametrize(
    ("schedule", "last", "following"),
    [
        (crontab(0, 5), "2026-01-01T00:00+00:00", "2026-01-01T04:00+00:00"),
        (crontab(0, 5), "2026-07-01T00:00+00:00", "2026-07-01T03:00+00:00"),
        # 02:30 does not exist on 29 March: it comes when the clock has been put forward.
        (crontab(30, 2), "2026-03-28T12:00+00:00", "2026-03-29T01:00+00:00"),
        # 02:30 comes twice on 25 October, and the task once.
        (crontab(30, 2), "2026-10-24T12:00+00:00", "2026-10-25T00:30+00:00"),
        (crontab(30, 2), "2026-10-25T00:30+00:00", "2026-10-26T01:30+00:00"),
        (crontab(30, 2), "2026-10-25T01:10+00:00", "2026-10-26T01:30+00:00"),
        # What comes every quarter of an hour comes in both of them.
        (crontab("*/15"), "2026-10-25T00:45+00:00", "2026-10-25T01:00+00:00"),
    ],
)
def test_crontab_when_clocks_change(schedule: crontab, last: str, following: str) -> None:
    assert schedule.after(datetime.fromisoformat(last), BERLIN) == datetime.fromisoformat(following)


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {"minute": wrong}
            for wrong in ("", "60", "a", "5/10", "*/0", "1-", "-1", "1,,2", "*/", "**", 60, -1, [], [60])
        ),
        {"hour": 24},
        {"day_of_month": 0},
        {"day_of_week": "7"},
        {"day_of_week": "someday"},
        {"month_of_year": "13"},
        {"minute": ["1"]},
        {"minute": None},
        {"day_of_month": 30, "month_of_year": "feb"},
    ],
)
def test_what_is_no_crontab(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidCall, match="crontab"):
        crontab(**fields)


def test_from_string_wants_five_fields() -> None:
    with pytest.raises(InvalidCall, match="'\\* \\* \\*' has 3 fields; there are five"):
        crontab.from_string("* * *")


def test_text_tells_schedules_apart() -> None:
    assert str(crontab(30, "5,13", "mon", 1, {3, 2})) == "30 5,13 1 2,3 mon"
    assert str(Interval(timedelta(minutes=1, milliseconds=500))) == "every 60.5 s"


def test_entries() -> None:
    (entry,) = entries({"a": {"task": "t", "schedule": 5, "args": (1,), "options": {"queue": "q"}}})
    assert (entry.name, entry.task, entry.schedule, entry.args) == ("a", "t", Interval(timedelta(seconds=5)), [1])
    for wrong in ({"task": "t"}, {"schedule": 1}, 5, {"task": "t", "schedule": 1, "relative": True}):
        with pytest.raises(InvalidCall, match="beat_schedule: 'a' is"):
            entries({"a": wrong})
    for never in (0, -1, "5", None, True, float("inf"), timedelta(0)):
        with pytest.raises(InvalidCall, match="'a' has the schedule"):
            entries({"a": {"task": "t", "schedule": never}})


# -- beside Celery


@pytest.fixture(scope="module")
def celerys() -> Iterator[Callable[[dict[str, Any], datetime, str], str]]:
    """Asks Celery when a crontab comes next."""
    with subprocess.Popen(
        [celery_python(), str(WITNESS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(fields: dict[str, Any], last: datetime, zone: str) -> str:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps({"fields": fields, "last": last.isoformat(), "zone": zone}) + "\n")
            process.stdin.flush()
            return str(json.loads(process.stdout.readline()))

        yield ask


def field(least: int, most: int, words: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Fields of a crontab: mostly right ones, in all the forms that they have."""
    number = st.integers(least, most)
    word = number.map(str) | st.sampled_from(words) if words else number.map(str)
    spans = st.tuples(word, word).map("-".join)
    steps = st.tuples(st.just("*") | spans, st.integers(1, most).map(str)).map("/".join)
    part = st.one_of(word, spans, steps)
    return st.one_of(
        st.just("*"), st.just("*"), number, part, st.lists(part, min_size=2, max_size=3).map(",".join),
        st.lists(number, min_size=1, max_size=4),
    )  # fmt: skip


FIELDS = st.fixed_dictionaries(
    {
        "minute": field(0, 59),
        "hour": field(0, 23),
        "day_of_week": field(0, 6, ("sun", "Monday", "FRI", "sat")),
        "day_of_month": field(1, 31),
        "month_of_year": field(1, 12, ("jan", "February", "oct")),
    }
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(fields=FIELDS, last=MOMENTS)
def test_crontab_is_celerys(
    celerys: Callable[[dict[str, Any], datetime, str], str], fields: dict[str, Any], last: datetime
) -> None:
    theirs = celerys(fields, last, "UTC")
    try:
        ours = crontab(**fields).after(last, UTC).isoformat()
    except InvalidCall:
        ours = "refused"
    assert theirs.startswith("refused") if ours == "refused" else ours == theirs


@given(fields=FIELDS, last=MOMENTS.filter(lambda moment: moment.month in (1, 2, 6, 7, 12)), hour=st.integers(4, 20))
def test_crontab_is_celerys_in_another_time_zone(
    celerys: Callable[[dict[str, Any], datetime, str], str], fields: dict[str, Any], last: datetime, hour: int
) -> None:
    # Once a day: when clocks change, ours and theirs differ on purpose.
    fields = {**fields, "hour": hour}
    theirs = celerys(fields, last, "Europe/Berlin")
    try:
        ours = crontab(**fields).after(last, BERLIN)
    except InvalidCall:
        assert theirs.startswith("refused")
    else:
        assert ours == datetime.fromisoformat(theirs)
