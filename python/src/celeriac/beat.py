"""Sends periodic tasks when they are due: the setting ``beat_schedule``, a lock, and a file that remembers.

Drift-free: a due time follows from the one before it, not from when it was noticed. What came due while no beat ran is
sent once. The time and the waiting are arguments.
"""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from celeriac.calls import check_signature
from celeriac.client import Celeriac
from celeriac.errors import InvalidCall, PublishRefused, TransportError
from celeriac.ids import new_id
from celeriac.schedules import Entry, entries
from celeriac.signature import Signature
from celeriac.transport import Lock
from celeriac.waiting import next_signal

logger = logging.getLogger("celeriac.beat")

#: The header by which Celery's scheduler marks what it sends.
HEADER = "celery_beat_task"
#: Seconds before the first, and at most before a later, attempt to reach the broker again.
RETRY_FIRST, RETRY_MOST = 1.0, 30.0
_FORMAT = 1


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(timezone.utc)


class Memory:
    """The file that remembers until when each entry is done. It is replaced in one step; None: nothing is kept.

    An entry whose schedule has changed is as new: what another schedule missed is not sent.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def load(self, listed: Collection[Entry]) -> dict[str, datetime]:
        """The last due time of the entries that are known. Raises ``InvalidCall`` for a file that is not ours."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            document = json.loads(self._path.read_text("utf-8"))
            if document["format"] != _FORMAT:
                raise ValueError(document["format"])
            known = document["entries"]
            return {
                entry.name: _instant(known[entry.name]["last"])
                for entry in listed
                if entry.name in known and known[entry.name]["schedule"] == str(entry.schedule)
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidCall(
                f"{self._path} is not a file of beat's ({error!r}); name another, or delete it"
            ) from error

    def save(self, listed: Collection[Entry], last: Mapping[str, datetime]) -> None:
        """Write it. Raises ``InvalidCall`` where that is not possible."""
        if self._path is None:
            return
        known = {
            entry.name: {"schedule": str(entry.schedule), "last": last[entry.name].isoformat()} for entry in listed
        }
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            with scratch.open("w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT, "entries": known}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self._path)
        except OSError as error:
            raise InvalidCall(f"{self._path} cannot be written: {error}; name another with --schedule") from error


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


@dataclass(slots=True)
class _Due:
    """A due time that has been claimed and not yet sent. Sent again, it bears the same id."""

    at: datetime
    task_id: str


class Beat:
    """Sends the periodic tasks of an application, as long as it has the lock (None: it needs none).

    Raises ``InvalidCall`` for an entry that cannot be sent, naming it.
    """

    def __init__(
        self, app: Celeriac, *, lock: Lock | None, memory: Memory, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._app = app
        check_schedule(app)
        self._entries = entries(app.conf.beat_schedule)
        self._lock = lock
        self._memory = memory
        self._now = now
        self._last: dict[str, datetime] = {}
        self._claimed: dict[str, _Due] = {}
        self._in_turn: bool | None = None
        self._retry = RETRY_FIRST

    def run(self, wait: Callable[[float], bool]) -> None:
        """Work until ``wait``, called with how many seconds to sleep at most, says True."""
        try:
            while not wait(self.tick()):
                pass
        finally:
            if self._lock is not None:
                self._lock.close()

    def tick(self) -> float:
        """Send what is due; seconds until there is something to do again."""
        try:
            wait = self._tick()
        except TransportError as error:
            wait, self._retry = self._retry, min(2 * self._retry, RETRY_MOST)
            logger.error("Nothing can be sent for %g seconds: %s", wait, error)
            return wait
        self._retry = RETRY_FIRST
        return wait

    def _tick(self) -> float:
        longest = self._longest()
        if not self._has_turn():
            return longest
        now = self._now()
        due = {entry.name: self._after(entry) for entry in self._entries}
        try:
            for entry in self._entries:
                if due[entry.name] <= now and self._send(entry, due[entry.name]):
                    self._last[entry.name] = entry.schedule.caught_up(self._last[entry.name], now)
                    due[entry.name] = self._after(entry)
        finally:
            self._memory.save(self._entries, self._last)
        wait = min(((at - self._now()).total_seconds() for at in due.values()), default=longest)
        return min(max(wait, 0.0), longest)

    def _longest(self) -> float:
        longest = self._app.conf.beat_max_loop_interval
        return longest if self._lock is None else min(longest, self._lock.pause)

    def _after(self, entry: Entry) -> datetime:
        return entry.schedule.after(self._last[entry.name], self._app.conf.timezone)

    def _has_turn(self) -> bool:
        in_turn = self._lock is None or self._lock.take()
        if in_turn and not self._in_turn:
            self._begin()
        elif not in_turn and self._in_turn is not False:
            logger.warning("Another beat sends the schedule of %s; this one stands by", self._app.main)
        self._in_turn = in_turn
        return in_turn

    def _begin(self) -> None:
        now = self._now()
        sent = {} if self._lock is None else self._lock.claimed()
        kept = self._memory.load(self._entries)
        for entry in self._entries:
            known = [known for known in (kept.get(entry.name), sent.get(_key(entry))) if known is not None]
            self._last[entry.name] = max(known, default=now)
        logger.info("Beat sends the schedule of %s: %d entries", self._app.main, len(self._entries))

    def _send(self, entry: Entry, at: datetime) -> bool:
        """Send one; whether it is done with: sent, sent by another, or impossible."""
        claimed = self._claimed.get(entry.name)
        if claimed is None or claimed.at != at:
            if self._lock is not None and not self._lock.claim(_key(entry), at):
                return self._lock.take()
            claimed = self._claimed[entry.name] = _Due(at, new_id())
        options = {"task_id": claimed.task_id, **entry.options}
        options["headers"] = {**(options.get("headers") or {}), HEADER: True}
        try:
            self._app.send_task(entry.task, entry.args, entry.kwargs, **options)
        except (InvalidCall, PublishRefused) as error:
            logger.error("Entry %s cannot be sent and is left out this time: %s", ascii(entry.name), error)
        else:
            logger.info("Entry %s: task %s[%s] sent", ascii(entry.name), ascii(entry.task), claimed.task_id)
        del self._claimed[entry.name]
        return True


def _key(entry: Entry) -> str:
    """What is claimed: an entry whose schedule has changed is as new."""
    return f"{entry.name}: {entry.schedule}"


def check_schedule(app: Celeriac) -> None:
    """Raise ``InvalidCall`` for an entry that cannot be sent, naming it."""
    for entry in entries(app.conf.beat_schedule):
        _check(entry)


def _check(entry: Entry) -> None:
    try:
        check_signature(Signature(task=entry.task, args=entry.args, kwargs=entry.kwargs, options=dict(entry.options)))
    except InvalidCall as error:
        raise InvalidCall(f"beat_schedule: {entry.name!r}: {error}") from error


def wait_for(signals: Collection[signal.Signals], parent: int | None = None) -> Callable[[float], bool]:
    """A way to wait until one of these signals comes (``block``), or ``parent`` is the parent no more."""

    def wait(seconds: float) -> bool:
        return next_signal(signals, seconds) is not None or (parent is not None and os.getppid() != parent)

    return wait
