"""What the code around tasks may listen to, under the names that Celery's users know.

@task_failure.connect
def tell(sender, task_id, exception, **more): ...

@task_success.connect(sender=add)
def count(sender, result, **more): ...

Receivers are called in the process where it happens: those of tasks around the run of each, in the thread that runs it.
They are called with keywords; new ones may be added, so they take ``**more``. What a receiver raises is logged and
changes nothing.

| signal | sender | keywords |
|---|---|---|
| ``task_prerun`` | the task | ``task_id task args kwargs`` |
| ``task_postrun`` | the task | ``task_id task args kwargs retval state`` |
| ``task_success`` | the task | ``result`` |
| ``task_failure`` | the task | ``task_id exception args kwargs traceback einfo`` |
| ``task_retry`` | the task | ``request reason einfo`` |
| ``worker_process_init`` | None | none; in each process that runs tasks, before it connects |
| ``worker_ready`` | name of the node | none; in the worker's first process, when all others consume |
| ``worker_shutdown`` | name of the node | none; likewise, when all others have ended |
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, overload

logger = logging.getLogger("celeriac.signals")

F = TypeVar("F", bound=Callable[..., Any])


class Signal:
    """Something that happens. ``connect`` what wants to know of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.receivers: tuple[tuple[Callable[..., Any], Any], ...] = ()

    def __repr__(self) -> str:
        return f"<signal {self.name}>"

    @overload
    def connect(self, receiver: F, /, *, sender: Any = None) -> F: ...

    @overload
    def connect(self, /, *, sender: Any = None) -> Callable[[F], F]: ...

    def connect(self, receiver: Any = None, /, *, sender: Any = None) -> Any:
        """Have a function called from now on, of this sender alone where one is named; also as a decorator."""
        if receiver is None:
            return lambda function: self.connect(function, sender=sender)
        self.disconnect(receiver, sender=sender)
        self.receivers = (*self.receivers, (receiver, sender))
        return receiver

    def disconnect(self, receiver: Callable[..., Any], *, sender: Any = None) -> bool:
        """Have it called no more; whether it was until now."""
        before = self.receivers
        self.receivers = tuple(entry for entry in before if not (entry[0] == receiver and entry[1] is sender))
        return len(self.receivers) < len(before)

    def send(self, sender: Any, **arguments: Any) -> None:
        """It happens: call those who want to know."""
        for receiver, wanted in self.receivers:
            if wanted is None or wanted is sender:
                try:
                    receiver(sender=sender, **arguments)
                except Exception:
                    logger.exception("A receiver of %s raised", self.name)


task_prerun = Signal("task_prerun")
task_postrun = Signal("task_postrun")
task_success = Signal("task_success")
task_failure = Signal("task_failure")
task_retry = Signal("task_retry")
worker_process_init = Signal("worker_process_init")
worker_ready = Signal("worker_ready")
worker_shutdown = Signal("worker_shutdown")
