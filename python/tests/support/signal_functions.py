"""Hooks and receivers that note what they are told, for a worker of either side: neither package is imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

NOTES = "CELERIAC_TEST_NOTES"
OF_TASKS = ("task_prerun", "task_postrun", "task_success", "task_failure", "task_retry")
OF_WORKERS = ("worker_process_init", "worker_ready", "worker_shutdown")
#: Keywords that Celery gives beside those that are documented for both.
THEIRS = {"signal", "runtime"}


def note(text: str) -> None:
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(f"{text}\n")


class Noting:
    """Hooks, to be mixed into a class of tasks."""

    request: Any

    def before_start(self, task_id: Any, args: Any, kwargs: Any) -> None:
        note(f"before_start {list(args)} {kwargs} {task_id == self.request.id}")
        if args == ["not begun"]:
            raise LookupError("not begun")

    def on_success(self, retval: Any, task_id: Any, args: Any, kwargs: Any) -> None:
        note(f"on_success {retval} {list(args)} {kwargs} {task_id == self.request.id}")
        raise RuntimeError("nobody is hurt by this")

    def on_failure(self, exc: Any, task_id: Any, args: Any, kwargs: Any, einfo: Any) -> None:
        traceback = "Traceback" in str(einfo.traceback)
        note(f"on_failure {exc!r} {list(args)} {einfo.type.__name__} {traceback} {task_id == self.request.id}")

    def on_retry(self, exc: Any, task_id: Any, args: Any, kwargs: Any, einfo: Any) -> None:
        note(f"on_retry {exc!r} {list(args)} {'Traceback' in str(einfo.traceback)} {task_id == self.request.id}")

    def after_return(self, status: Any, retval: Any, task_id: Any, args: Any, kwargs: Any, einfo: Any) -> None:
        note(f"after_return {status} {retval!r} {list(args)} {task_id == self.request.id}")


def hooked(self: Any, how: str) -> str:
    """End in one of all ways."""
    if how == "retry" and not self.request.retries:
        raise self.retry(exc=OSError("once"), countdown=0)
    if how in ("fail", "retry"):
        raise ValueError(how)
    return how


def connect(signals: Any) -> None:
    """Note every signal with its keywords, once it is sent."""
    for name in OF_TASKS:
        getattr(signals, name).connect(_noting(name), **_strong(signals))
    for name in OF_WORKERS:
        getattr(signals, name).connect(_noting(name), **_strong(signals))


def _strong(signals: Any) -> dict[str, Any]:
    """Celery forgets receivers that nobody else holds."""
    return {"weak": False} if signals.__name__.startswith("celery.") else {}


def _noting(name: str) -> Any:
    def receiver(sender: Any = None, **given: Any) -> None:
        if name in OF_WORKERS:
            note(f"signal {name}")
            return
        shown = sorted(given.keys() - THEIRS)
        note(f"signal {name} {sender.name} {shown}")

    return receiver
