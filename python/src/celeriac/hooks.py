"""What a class of tasks may do around each run: methods that Celery's users know.

class Reported(Task):
    def on_failure(self, exc, task_id, args, kwargs, einfo):
        ...

@app.task(base=Reported)
def add(x, y): ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error and its traceback, which is text."""

    exception: BaseException
    traceback: str

    @property
    def type(self) -> type[BaseException]:
        """Class of the error."""
        return type(self.exception)

    def __str__(self) -> str:
        return self.traceback


class Hooks:
    """Called by the worker, in the process and thread of the run; ``self.request`` is there. They do nothing here.

    What ``before_start`` raises is the task's own error. The others are called when the end is on its way to the
    broker, outside of the time limits: what they raise is logged, and changes nothing. They are plain methods for
    ``async def`` tasks, too, and hold up the event loop meanwhile.
    """

    def before_start(self, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """It is about to run, in each attempt."""

    def on_success(self, retval: Any, task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """It has returned."""

    def on_failure(
        self,
        exc: BaseException,
        task_id: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        einfo: ErrorInfo,
    ) -> None:
        """It has raised ``exc``, and is not tried again."""

    def on_retry(
        self,
        exc: BaseException | None,
        task_id: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        einfo: ErrorInfo,
    ) -> None:
        """It is tried again, because of ``exc`` where that is known."""

    def after_return(
        self,
        status: str,
        retval: Any,
        task_id: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        einfo: ErrorInfo | None,
    ) -> None:
        """It has ended, as SUCCESS or FAILURE, with this value or error."""
