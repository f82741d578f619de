"""What the locks of beat have in common on both brokers: their form, their names, how a due time is written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Protocol

#: Before the name of a lock, in the names of queues and keys.
PREFIX = "celeriac.beat."
#: Seconds after which a holder that fell silent has lost its lock.
TIMEOUT = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class Lock(Protocol):
    """What only one of several processes, here or elsewhere, has at a time. Owned by one thread."""

    #: Seconds within which ``take`` has to be called again, or it may be another's.
    pause: float

    def take(self) -> bool:
        """Whether it is ours now; waits for nobody, and keeps what is ours. Raises ``BrokerUnavailable``."""

    def claim(self, name: str, due: datetime) -> bool:
        """Whether we, and nobody else, are to do what ``name`` stands for and is due then. Raises as ``take``.

        Asked again, because the answer was lost, it gives the same answer.
        """

    def claimed(self) -> dict[str, datetime]:
        """What was claimed last by name, by any holder, when ``take`` gave us the lock. Raises as ``take``."""

    def close(self) -> None:
        """Give it back, if it is ours."""


def to_number(due: datetime) -> int:
    """A due time as it is kept: microseconds of Unix time."""
    return (due - _EPOCH) // _MICROSECOND


def from_number(microseconds: int) -> datetime:
    """The due time that was kept so."""
    return _EPOCH + microseconds * _MICROSECOND
