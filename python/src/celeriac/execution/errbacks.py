"""Errbacks that want to know what went wrong: called in the worker, as ``errback(request, error, traceback)``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping

from celeriac.aio import run_here
from celeriac.execution.ending import ColdShutdown
from celeriac.lifecycle_events import Call
from celeriac.signature import Signature
from celeriac.task import Request, Runnable

logger = logging.getLogger("celeriac.worker")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def runs_inside(errback: Signature, tasks: Mapping[str, Runnable]) -> bool:
    """Whether an errback is known here and takes more than the id of the task that failed."""
    task = tasks.get(errback.task)
    if task is None:
        return False
    try:
        parameters = list(inspect.signature(task.run).parameters.values())
    except (TypeError, ValueError):
        return False
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return True
    left = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    left = left[1:] if task.options.bind else left
    if errback.immutable:
        return len(left) > 1
    taken = len(errback.args) + sum(parameter.name in errback.kwargs for parameter in left)
    return len(left) - taken > 1


def bound(call: Call, tasks: Mapping[str, Runnable], request: Request) -> Callable[[], None]:
    """The call of an errback, for later: what it raises is logged, and changes nothing."""
    task = tasks[call.errback.task]
    first = (task,) if task.options.bind else ()
    signature = call.errback.clone((request, call.error, call.traceback))

    def run() -> None:
        try:
            run_here(task.run(*first, *signature.args, **signature.kwargs))
        except ColdShutdown:
            raise
        except BaseException:  # whatever it raises, the worker stays
            logger.exception("Errback %s raised", task.name)

    return run
