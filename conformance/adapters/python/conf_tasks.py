"""The task catalogue of a worker testee (conformance/protocol/tasks.md), as an application of Celeriac."""

from __future__ import annotations

import builtins
import inspect
import json
import os
import signal
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from celeriac import Celeriac, Reject, Task, chain, current_request, group

app = Celeriac("conformance", task_default_queue=os.environ.get("CONF_QUEUE", "celery"))


def catalogued(**options: Any) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Declare a task `conf.<name>` that says on standard output that it ran."""

    def declare(function: Callable[..., Any]) -> Task[Any, Any]:
        signature = inspect.signature(function)

        @wraps(function)
        def evidenced(*args: Any, **kwargs: Any) -> Any:
            request = current_request.get()
            assert request is not None
            # A call that the function does not take has not run.
            signature.bind(*args, **kwargs)
            ran = {"event": "ran", "task_id": request.id, "task": request.task}
            line = json.dumps({**ran, "retries": request.retries, "redelivered": request.redelivered})
            os.write(1, line.encode() + b"\n")
            return function(*args, **kwargs)

        return app.task(name=f"conf.{function.__name__}", **options)(evidenced)

    return declare


@catalogued()
def echo(value: Any) -> Any:
    """Give the value back."""
    return value


@catalogued()
def add(x: Any, y: Any) -> Any:
    """Give the sum."""
    return x + y


@catalogued()
def kwargs(**given: Any) -> dict[str, Any]:
    """Give the keyword arguments back."""
    return given


@catalogued()
def fail(message: str) -> None:
    """Raise ValueError."""
    raise ValueError(message)


@catalogued()
def sleep(seconds: float) -> float:
    """Take so long."""
    time.sleep(seconds)
    return seconds


def retried(task: Task[Any, Any], times: int) -> int:
    """Ask to be run again so many times; give the number of retries."""
    if task.request.retries < times:
        raise task.retry(countdown=0)
    return int(task.request.retries)


@catalogued(bind=True, max_retries=None)
def retry(self: Task[Any, Any], times: int) -> int:
    """Ask to be run again so many times; give the number of retries."""
    return retried(self, times)


@catalogued(ignore_result=True)
def ignored(value: Any) -> Any:
    """Store no result."""
    return value


@catalogued()
def big(n: int) -> str:
    """Give a text of n characters."""
    return "x" * n


@catalogued()
def nested() -> None:
    """Raise an exception whose argument is no JSON value."""
    raise ValueError(object())


@catalogued(bind=True)
def announce(self: Task[Any, Any], progress: float) -> float:
    """Send an event of its own; give the progress."""
    self.send_event("task-progress", progress=progress)
    return progress


REQUEST_FIELDS = (
    "id", "root_id", "parent_id", "retries", "group", "correlation_id", "reply_to", "timelimit", "eta", "expires",
    "shadow",
)  # fmt: skip


@catalogued(bind=True)
def request(self: Task[Any, Any]) -> dict[str, Any]:
    """Give what the message said."""
    seen = self.request
    return {**{name: getattr(seen, name) for name in REQUEST_FIELDS}, "headers": dict(seen.headers)}


@catalogued()
def sum(values: list[Any]) -> Any:  # noqa: A001  # the name of the catalogue
    """Give the sum."""
    return builtins.sum(values)


@catalogued(bind=True)
def replace(self: Task[Any, Any], x: Any, y: Any) -> None:
    """Let the addition take this task's place."""
    self.replace(app.signature("conf.add", (x, y)))


@catalogued()
def children(n: int) -> int:
    """Send so many tasks from inside."""
    app.send_many(app.signature("conf.echo", (number,)) for number in range(n))
    return n


@catalogued(bind=True, max_retries=2)
def limited(self: Task[Any, Any], times: int) -> int:
    """Ask to be run again so many times, more often than that is allowed; give the number of retries."""
    return retried(self, times)


@catalogued()
def reject() -> None:
    """Refuse the message for good."""
    raise Reject("the catalogue says so", requeue=False)


def killed() -> None:
    """Kill the process that runs this."""
    os.kill(os.getpid(), signal.SIGKILL)


@catalogued(acks_late=False)
def die() -> None:
    """Kill the process; the message is acknowledged already."""
    killed()


@catalogued()
def die_again() -> None:
    """Kill the process; the message comes back."""
    killed()


@catalogued(bind=True)
def replace_by(self: Task[Any, Any], kind: str, numbers: list[Any]) -> None:
    """Let a canvas take this task's place."""
    echoes = (app.signature("conf.echo", (number,)) for number in numbers)
    steps = (app.signature("conf.sum", (numbers,)), app.signature("conf.big"))
    self.replace(chain(*steps) if kind == "chain" else group(*echoes))
