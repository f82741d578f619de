"""The soft time limit of a coroutine. Imported with the first task that has one, for the sake of ``asyncio``."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from celeriac.task import SoftTimeLimitExceeded

T = TypeVar("T")


class SoftLimitReached(SoftTimeLimitExceeded, asyncio.CancelledError):
    """The soft limit as a coroutine sees it: a cancellation, so that what it awaits is cancelled in order."""


# It is stored as what it is for everybody else.
SoftLimitReached.__name__ = SoftLimitReached.__qualname__ = SoftTimeLimitExceeded.__name__
SoftLimitReached.__module__ = SoftTimeLimitExceeded.__module__


class Limited(Generator[Any, Any, T]):
    """A coroutine that gets ``SoftLimitReached`` in place of the cancellation that its limit caused."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> None:
        self._inner = coroutine
        self._seconds = seconds
        self._task = asyncio.current_task()
        self._due = False

    def expire(self) -> None:
        """The limit is reached."""
        assert self._task is not None, "it is made inside of a task"
        self._due = True
        self._task.cancel()

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:
        """See ``Generator.send``."""
        return self._inner.send(value)

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        """See ``Generator.throw``; the cancellation that the limit caused goes in as what it means."""
        if isinstance(kind, BaseException):
            kind = self._translated(kind)
        if value is None and traceback is None:
            return self._inner.throw(kind)
        return self._inner.throw(kind, value, traceback)

    def close(self) -> None:
        """See ``Generator.close``."""
        self._inner.close()

    def _translated(self, error: BaseException) -> BaseException:
        if not self._due or not isinstance(error, asyncio.CancelledError):
            return error
        self._due = False
        # From here on it is an exception like any other; what the task still does is not cancelled.
        uncancel = getattr(self._task, "uncancel", None)
        if uncancel is not None:
            uncancel()
        return SoftLimitReached(self._seconds)
