"""How the run of a task ended, as an event: what it raised."""

from __future__ import annotations

import random
import traceback as tracebacks
from datetime import datetime, timezone

from celeriac.errors import CeleriacError
from celeriac.lifecycle_events import (
    Composed,
    Event,
    Failed,
    Ignored,
    Lethal,
    Lost,
    Refused,
    Replaced,
    Retried,
    Succeeded,
    Unsent,
)
from celeriac.task import Compose, Ignore, Reject, Replace, Request, Retry, TaskOptions, retried_by_itself

#: Frames of modules whose name begins so are none of the task.
OWN = ("celeriac.worker.", "celeriac.execution.", "celeriac.eager")


class ColdShutdown(BaseException):
    """Raised inside a running task by the second signal; no task can mistake it for an error of its own."""


def raised(error: BaseException, request: Request, options: TaskOptions) -> Event:
    """What it means that a task raised this."""
    children = tuple(request.children)
    match error:
        case Retry():
            return Retried(error, traceback_of(error), children)
        case Ignore():
            return Ignored()
        case Replace():
            return Replaced(error.signature)
        case Compose():
            return Composed(error.signature, children)
        case Reject():
            return Refused(error.requeue)
    again = retried_by_itself(options, request, datetime.now(timezone.utc), error, random.random())
    if isinstance(again, Retry):
        return Retried(again, traceback_of(error), children)
    return Failed(error, traceback_of(error), children)


def traceback_of(error: BaseException) -> str:
    """The traceback as text, without the frames of the worker itself."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(OWN):
        frames = frames.tb_next
    return "".join(tracebacks.format_exception(type(error), error, frames))


def instead(event: Event, error: CeleriacError) -> Event:
    """What happens when what should have followed from an event cannot be written."""
    if isinstance(event, (Succeeded, Composed, Replaced, Retried)):
        # What the task returned, or wants sent, is at fault: that is a failure of the task.
        return Failed(error, "")
    if isinstance(event, (Failed, Lethal, Lost)):
        return Unsent(error)
    raise error
