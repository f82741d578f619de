"""When periodic tasks are due: intervals, and crontab as Celery reads it. Pure: the time is an argument.

beat_schedule = {
    "report": {"task": "shop.report", "schedule": crontab(hour=5, minute=30, day_of_week="mon-fri")},
    "poll": {"task": "shop.poll", "schedule": 10.0, "args": [1], "options": {"expires": 10}},
}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Protocol, TypeAlias

from cronsim import CronSim, CronSimError

from celeriac.errors import InvalidCall
from celeriac.kinds import MAPPING, SECONDS, Kind
from celeriac.text import shown

#: A field of a crontab: a number, text as ``"*/15"``, ``"mon-fri"`` or ``"1,15-20/2"``, or numbers.
CronField: TypeAlias = "int | str | Iterable[int]"


class Schedule(Protocol):
    """When something is due. Its text tells one schedule from another."""

    def after(self, last: datetime, zone: tzinfo) -> datetime:
        """The first due time after ``last``. Crontabs are read in the time zone ``zone``."""

    def caught_up(self, last: datetime, now: datetime) -> datetime:
        """The time to go on from when all that was due up to ``now`` is done."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so often. A late run does not put off the next one."""

    every: timedelta

    def __str__(self) -> str:
        return f"every {self.every.total_seconds():g} s"

    def after(self, last: datetime, zone: tzinfo) -> datetime:  # noqa: ARG002  # the same in every time zone
        """See ``Schedule.after``."""
        return last + self.every

    def caught_up(self, last: datetime, now: datetime) -> datetime:
        """See ``Schedule.caught_up``."""
        return last + max(0, (now - last) // self.every) * self.every


#: field -> least and most
_RANGES: Mapping[str, tuple[int, int]] = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The first three letters of a name are enough.
_WORDS = {
    **{name: number for number, name in enumerate(_MONTHS, 1)},
    **{name: number for number, name in enumerate(_DAYS)},
}
_PART = re.compile(r"(?:(?P<star>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")
_LEADING_STAR = re.compile(r"\*(?:/\d+)?")


@dataclass(frozen=True, slots=True)
class crontab:  # noqa: N801  # Celery's name
    """Minutes, hours and days, in Celery's reading: all five fields have to match, so day of month AND day of week.

    A field is a number, several, or text: ``"*"``, ``"*/15"``, ``"8-17/2"``, ``"1,15"``, ``"mon-fri"``, ``"fri-mon"``.
    Sunday is 0. A step counts from the start of its range. Raises ``InvalidCall`` for what is no crontab, and for days
    that no month has. The text of it is in the order of a crontab: minute, hour, day of month, month, day of week.
    """

    minute: CronField = "*"
    hour: CronField = "*"
    day_of_week: CronField = "*"
    day_of_month: CronField = "*"
    month_of_year: CronField = "*"
    _expression: str = field(init=False, repr=False, compare=False)
    _weekdays: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {name: _numbers(name, getattr(self, name)) for name in _RANGES}
        words = {name: _word(getattr(self, name), numbers[name]) for name in _RANGES}
        # cronsim takes days of the month OR of the week: it gets none of the latter, ``after`` leaves them out.
        expression = " ".join([*list(words.values())[:-1], "*"])
        object.__setattr__(self, "_expression", expression)
        object.__setattr__(self, "_weekdays", frozenset(numbers["day_of_week"]))
        try:
            CronSim(expression, datetime.min)  # noqa: DTZ901  # only the expression is of interest
        except CronSimError as error:
            raise InvalidCall(f"crontab {self} never comes: {error}") from None

    def __str__(self) -> str:
        return " ".join(_written(getattr(self, name)) for name in _RANGES)

    @classmethod
    def from_string(cls, text: str) -> crontab:
        """Read the five fields as a crontab has them: ``"30 5 * * mon-fri"``."""
        fields = text.split()
        if len(fields) != len(_RANGES):
            raise InvalidCall(f"crontab {text!r} has {len(fields)} fields; there are five, as in '30 5 * * mon-fri'")
        return cls(**dict(zip(_RANGES, fields, strict=True)))

    def after(self, last: datetime, zone: tzinfo) -> datetime:
        """See ``Schedule.after``. When clocks are put forward, what falls into the gap comes right after it."""
        local = last.astimezone(zone)
        while True:
            local = next(CronSim(self._expression, local))
            if local.isoweekday() % 7 not in self._weekdays:
                local = local.replace(hour=23, minute=59)
            # Of an hour that comes twice, a fixed time comes once.
            elif local.astimezone(timezone.utc) > last:
                return local.astimezone(timezone.utc)

    def caught_up(self, last: datetime, now: datetime) -> datetime:
        """See ``Schedule.caught_up``."""
        return max(last, now)


def _numbers(name: str, value: CronField) -> Sequence[int]:
    least, most = _RANGES[name]
    try:
        if isinstance(value, int):
            found = {value}
        elif isinstance(value, str):
            found = {number for part in value.split(",") for number in _part(part.strip(), least, most)}
        else:
            found = set(value)
        if not found or min(found) < least or max(found) > most:
            raise ValueError
    except (TypeError, ValueError, KeyError):
        raise InvalidCall(
            f"crontab: {name} is {shown(value)}; it is a number from {least} to {most}, several, or text as '*', "
            f"'*/2', '{least}-{most}' or '{least},{most}'"
        ) from None
    return sorted(found)


def _part(part: str, least: int, most: int) -> Sequence[int]:
    found = _PART.fullmatch(part)
    if found is None:
        raise ValueError
    star, first, last, step = found["star"], found["first"], found["last"], int(found["step"] or 1)
    if star:
        numbers = list(range(least, most + 1))
    elif last is None:
        if found["step"] is not None:
            raise ValueError
        return [_number(first)]
    else:
        start, end = _number(first), _number(last)
        if not (least <= start <= most and least <= end <= most):
            raise ValueError
        # From Friday to Monday goes over the end of the week.
        numbers = [*range(start, end + 1)] if start <= end else [*range(start, most + 1), *range(least, end + 1)]
    return numbers[::step]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else _WORDS[text[:3].lower()]


def _word(value: CronField, numbers: Sequence[int]) -> str:
    """A field for cronsim. A star in front stays there: by it cronsim tells what runs through a change of clocks."""
    listed = ",".join(map(str, numbers))
    star = _LEADING_STAR.match(value) if isinstance(value, str) else None
    if star is None:
        return listed
    return "*" if star[0] == "*" else f"{star[0]},{listed}"


def _written(value: CronField) -> str:
    return str(value) if isinstance(value, (int, str)) else ",".join(map(str, sorted(value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is sent, and when. ``options`` are those of ``apply_async``."""

    name: str
    task: str
    schedule: Schedule
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def entries(beat_schedule: Mapping[str, Any]) -> list[Entry]:
    """The entries of the setting ``beat_schedule``. Raises ``InvalidCall``, naming the entry."""
    return [_entry(name, given) for name, given in beat_schedule.items()]


_ENTRY = {"task", "schedule", "args", "kwargs", "options"}


def _entry(name: str, given: Any) -> Entry:
    if not isinstance(given, Mapping) or not {"task", "schedule"} <= given.keys() <= _ENTRY:
        raise InvalidCall(
            f"beat_schedule: {name!r} is {shown(given)}; it has task and schedule, perhaps args, kwargs and options"
        )
    return Entry(
        name=name,
        task=given["task"],
        schedule=_schedule(name, given["schedule"]),
        args=list(given.get("args") or ()),
        kwargs=dict(given.get("kwargs") or {}),
        options=dict(given.get("options") or {}),
    )


def _schedule(name: str, given: Any) -> Schedule:
    if isinstance(given, (crontab, Interval)):
        return given
    try:
        return Interval(timedelta(seconds=SECONDS.read(given)))
    except (TypeError, ValueError, OverflowError):
        raise InvalidCall(
            f"beat_schedule: {name!r} has the schedule {shown(given)}; it is a number of seconds above 0, a timedelta "
            "or a celeriac.crontab"
        ) from None


def _read(value: Any) -> Mapping[str, Any]:
    given: Mapping[str, Any] = MAPPING.read(value)
    entries(given)
    return given


SCHEDULE = Kind("a mapping of names to entries: task, schedule, args, kwargs, options", _read, json.loads)
