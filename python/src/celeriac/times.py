"""Instants on the wire: ISO 8601 text, read tolerantly and the same on every Python, written strictly.

Read: extended format, ``T`` or a space, seconds and fraction optional, ``Z`` or an offset with or without a colon or
nothing, a date alone is its midnight. Fractions finer than a microsecond are cut. Text without an offset is UTC
(TM-HDR-029).

There is no clock here: the current time is always an argument.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

#: Largest ``expiration`` that RabbitMQ takes, in milliseconds (49.7 days); beyond it the property is left out.
MAX_EXPIRATION_MS = 2**32 - 1

_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_TIME = r"(?P<time>[0-9]{2}:[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,12}))?)?"
_OFFSET = r"(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
#: What is written here and by most others: as every Python's ``fromisoformat`` reads it.
_USUAL_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?[+-][0-9]{2}:[0-9]{2}")
_DATETIME_TEXT = re.compile(rf"{_DATE}(?:[Tt ]{_TIME}{_OFFSET})?")
_TIME_TEXT = re.compile(rf"{_TIME}{_OFFSET}")


def parse_datetime(text: str) -> datetime:
    """Read a date and time; without an offset in the text the result is naive. Raises ValueError."""
    if _USUAL_TEXT.fullmatch(text):
        return datetime.fromisoformat(text)
    match = _DATETIME_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(_no_match(text, "2026-01-02T03:04:05.678+00:00"))
    day = match["date"]
    return datetime.fromisoformat(f"{day}T{_normal_time(match)}" if match["time"] else f"{day}T00:00:00")


def parse_date(text: str) -> date:
    """Read a date; a time after it is ignored. Raises ValueError."""
    return parse_datetime(text).date()


def parse_time(text: str) -> time:
    """Read a time of day. Raises ValueError."""
    match = _TIME_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(_no_match(text, "03:04:05.678"))
    return time.fromisoformat(_normal_time(match))


def instant(text: str) -> datetime:
    """Read the instant that an ``eta``, ``expires`` or ``date_done`` names: aware, UTC; text without offset is UTC.

    Raises ValueError, also for what lies outside the years 1 to 9999 in UTC.
    """
    return in_utc(parse_datetime(text))


def iso(moment: datetime) -> str:
    """Write an instant as wire text, in UTC: ``2026-01-02T03:04:05+00:00``. A naive moment is UTC."""
    return in_utc(moment).isoformat()


def in_utc(moment: datetime) -> datetime:
    """Give the same instant aware and in UTC; naive is taken as UTC. Raises ValueError outside the years 1 to 9999."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is outside the years 1 to 9999 in UTC") from None


def expiration(expires: datetime, now: datetime) -> str | None:
    """``expiration`` property of a message: milliseconds from ``now`` as decimal text.

    ``"0"`` when ``expires`` has passed, ``None`` (leave the property out) when it is further away than a broker takes;
    workers honour the ``expires`` header in any case.
    """
    milliseconds = max(0, (in_utc(expires) - in_utc(now)) // timedelta(milliseconds=1))
    return str(milliseconds) if milliseconds <= MAX_EXPIRATION_MS else None


def _normal_time(match: re.Match[str]) -> str:
    """Bring the matched time to the one form that every Python's ``fromisoformat`` reads."""
    fraction = f".{match['fraction'][:6]:0<6}" if match["fraction"] else ""
    return f"{match['time']}:{match['second'] or '00'}{fraction}{_normal_offset(match['offset'])}"


def _normal_offset(offset: str | None) -> str:
    if offset is None:
        return ""
    if offset in "Zz":
        return "+00:00"
    digits = offset[1:].replace(":", "")
    return f"{offset[0]}{digits[:2]}:{digits[2:] or '00'}"


def _no_match(text: str, example: str) -> str:
    return f"{text[:60]!r} is no ISO 8601 text; write it like {example}"
