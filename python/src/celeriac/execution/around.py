"""What a task's hooks, and those who listen to signals, are told around its run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celeriac import signals
from celeriac.hooks import ErrorInfo, Hooks
from celeriac.lifecycle_events import Event, Failed, Ignored, Refused, Replaced, Retried, Succeeded
from celeriac.task import Request, Runnable, current_request

logger = logging.getLogger("celeriac.worker")

_NO_HOOKS = Hooks()
_HOOKS = frozenset(name for name in vars(Hooks) if not name.startswith("_"))


def is_silent(task: Runnable) -> bool:
    """Whether none of its hooks does anything: they are all as ``Hooks`` has them."""
    hooks = _hooks(task)
    return all(getattr(getattr(hooks, name), "__func__", None) is getattr(Hooks, name) for name in _HOOKS)


def is_awaited(task: Runnable, event: Event) -> bool:
    """Whether anybody is to be told of this end of a task that was silent. Of most successes nobody is."""
    if type(event) is not Succeeded or signals.task_success.receivers or signals.task_postrun.receivers:
        return True
    # A hook may have been put on it meanwhile.
    return not _HOOKS.isdisjoint(getattr(task, "__dict__", ()))


def before(task: Runnable, request: Request) -> None:
    """It starts. Raises what its own hook raises."""
    if signals.task_prerun.receivers:
        signals.task_prerun.send(task, task_id=request.id, task=task, args=request.args, kwargs=request.kwargs)
    _hooks(task).before_start(*_call(request))


def after(task: Runnable, request: Request, event: Event) -> None:
    """It has come to this end, which was told already."""
    end = ENDS.get(type(event))
    if end is None:
        return
    token = current_request.set(request)
    try:
        state, retval = end(task, request, event)
        if signals.task_postrun.receivers:
            call = {"task_id": request.id, "task": task, "args": request.args, "kwargs": request.kwargs}
            signals.task_postrun.send(task, **call, retval=retval, state=state)
    finally:
        current_request.reset(token)


# -- one function an end: it gives the state and the value


def _succeeded(task: Runnable, request: Request, event: Succeeded) -> tuple[str, Any]:
    hooks, call = _hooks(task), _call(request)
    _tell(hooks.on_success, event.value, *call)
    if signals.task_success.receivers:
        signals.task_success.send(task, result=event.value)
    _tell(hooks.after_return, "SUCCESS", event.value, *call, None)
    return "SUCCESS", event.value


def _failed(task: Runnable, request: Request, event: Failed) -> tuple[str, Any]:
    hooks, call = _hooks(task), _call(request)
    error, einfo = event.error, ErrorInfo(event.error, event.traceback)
    _tell(hooks.on_failure, error, *call, einfo)
    signals.task_failure.send(
        task,
        task_id=request.id,
        exception=error,
        args=request.args,
        kwargs=request.kwargs,
        traceback=error.__traceback__,
        einfo=einfo,
    )
    _tell(hooks.after_return, "FAILURE", error, *call, einfo)
    return "FAILURE", error


def _retried(task: Runnable, request: Request, event: Retried) -> tuple[str, Any]:
    einfo = ErrorInfo(event.retry.cause or event.retry, event.traceback)
    _tell(_hooks(task).on_retry, event.retry.cause, request.id, request.args, request.kwargs, einfo)
    signals.task_retry.send(task, request=request, reason=event.retry, einfo=einfo)
    return "RETRY", event.retry


ENDS: Mapping[type, Callable[[Runnable, Request, Any], tuple[str, Any]]] = {
    Succeeded: _succeeded,
    Failed: _failed,
    Retried: _retried,
    Ignored: lambda *_: ("IGNORED", None),
    Replaced: lambda *_: ("IGNORED", None),
    Refused: lambda *_: ("REJECTED", None),
}


def _call(request: Request) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
    message = request.message
    return message.id, message.args, message.kwargs


def _hooks(task: Runnable) -> Hooks:
    return task if isinstance(task, Hooks) else _NO_HOOKS


def _tell(hook: Callable[..., None], *arguments: Any) -> None:
    try:
        hook(*arguments)
    except Exception:
        logger.exception("A hook raised")
