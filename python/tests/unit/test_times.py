"""Instants: read tolerantly and the same on every Python, written strictly."""

from __future__ import annotations

import re
import time as clock
from datetime import date, datetime, time, timedelta, timezone
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import times
from celeriac.times import MAX_EXPIRATION_MS, expiration, in_utc, instant, iso, parse_date, parse_datetime, parse_time

UTC = timezone.utc
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T12:00:00+00:00", NOON),
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02t12:00:00z", NOON),
        ("2026-01-02 12:00:00", NOON),
        ("2026-01-02T12:00", NOON),
        ("2026-01-02T17:30:00+05:30", NOON),
        ("2026-01-02T17:30:00+0530", NOON),
        ("2026-01-02T07:00:00-05", NOON),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T12:00:00.5", NOON.replace(microsecond=500_000)),
        ("2026-01-02T12:00:00,25Z", NOON.replace(microsecond=250_000)),
        ("2026-01-02T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
        ("2026-01-02T12:00:00.000001Z", NOON.replace(microsecond=1)),
    ],
)
def test_instant(text: str, expected: datetime) -> None:
    assert instant(text) == expected
    assert instant(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["", " ", "now", "2026", "2026-1-2", "2026-02-30", "2026-01-02T25:00:00", "2026-01-02T12:00:00+25:00", "20260102"]
    + ["2026-01-02T12:00:00 UTC", "2026-01-02T12:00:00Z\n", "٢٠٢٦-01-02", "9999-12-31T23:00:00-05:00", "x" * 10**6],
)
def test_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        instant(text)


@given(
    st.datetimes(
        timezones=st.none()
        | st.just(UTC)
        | st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
    )
)
def test_written_is_read_back(moment: datetime) -> None:
    try:
        text = iso(moment)
    except ValueError:
        assert moment.year in (1, 9999)
        return
    assert instant(text) == in_utc(moment)
    assert text.endswith("+00:00")


#: Most of them are dates and times, and some are not.
NEARLY = r"20[0-2][0-9]-1[0-2]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.0{6})?[+-][0-2][0-9]:[0-6][0-9]"


def read(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


@given(
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    | st.from_regex(times._USUAL_TEXT, fullmatch=True)
    | st.from_regex(NEARLY, fullmatch=True)
)
def test_the_usual_form_is_read_as_any_other(text: str) -> None:
    quick = read(text)
    with mock.patch.object(times, "_USUAL_TEXT", re.compile("(?!)")):
        assert read(text) == quick


def test_parts() -> None:
    assert parse_datetime("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5)
    assert parse_date("2026-01-02") == date(2026, 1, 2)
    assert parse_date("2026-01-02T03:04:05") == date(2026, 1, 2)
    assert parse_time("03:04:05.678") == time(3, 4, 5, 678_000)
    assert parse_time("03:04Z") == time(3, 4, tzinfo=UTC)
    with pytest.raises(ValueError, match="'noon' is no ISO 8601 text"):
        parse_time("noon")


def test_naive_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    clock.tzset()
    try:
        assert in_utc(datetime(2026, 1, 2, 12, 0)) == NOON
    finally:
        monkeypatch.undo()
        clock.tzset()


def test_longest_expiration() -> None:
    longest = timedelta(milliseconds=MAX_EXPIRATION_MS)
    assert expiration(NOON + longest, NOON) == "4294967295"
    assert expiration(NOON + longest + timedelta(milliseconds=1), NOON) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(60, "60000"), (0, "0"), (-5, "0"), (0.0015, "1"), (MAX_EXPIRATION_MS // 1000, "4294967000"), (5_000_000, None)],
)
def test_expiration(seconds: float, expected: str | None) -> None:
    assert expiration(NOON + timedelta(seconds=seconds), NOON) == expected
