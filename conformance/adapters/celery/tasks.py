"""The task catalogue of a worker testee (protocol/tasks.md), for a real Celery worker.

Run by ``celery -A tasks worker``; the adapter says everything else through the environment.
"""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from celery import Celery, chain, group
from celery.exceptions import Reject
from celery.signals import worker_ready
from kombu import Queue

QUEUE = os.environ["CONF_QUEUE"]

app = Celery("conf", broker=os.environ["CONF_BROKER_URL"], backend=os.environ.get("CONF_RESULT_URL") or None)
ARGUMENTS = json.loads(os.environ.get("CONF_ARGUMENTS", "{}"))
app.conf.update(
    # The queue is there, with arguments that are none of ours: consume from it as it is.
    task_queues=[Queue(QUEUE, routing_key=QUEUE, no_declare=True, queue_arguments=ARGUMENTS)],
    task_default_queue=QUEUE,
    broker_connection_retry_on_startup=True,
)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _say_ready(**_: object) -> None:
    os.write(int(os.environ["CONF_READY_FD"]), b"ready\n")


def _ran(task: Any) -> None:
    """The evidence: one line, one write, to the stdout of the adapter."""
    request = task.request
    redelivered = bool((request.delivery_info or {}).get("redelivered"))
    event = {"event": "ran", "task_id": request.id, "task": task.name}
    line = json.dumps({**event, "retries": request.retries, "redelivered": redelivered}) + "\n"
    os.write(int(os.environ["CONF_EVIDENCE_FD"]), line.encode())


def _task(name: str, **options: Any) -> Any:
    return app.task(name=f"conf.{name}", bind=True, **options)


@_task("echo")
def echo(self: Any, value: Any) -> Any:
    """Return the value."""
    _ran(self)
    return value


@_task("add")
def add(self: Any, x: Any, y: Any) -> Any:
    """Return x + y."""
    _ran(self)
    return x + y


@_task("kwargs")
def kwargs(self: Any, **kw: Any) -> Any:
    """Return the keyword arguments."""
    _ran(self)
    return kw


@_task("fail")
def fail(self: Any, message: str) -> None:
    """Raise ValueError(message)."""
    _ran(self)
    raise ValueError(message)


@_task("sleep")
def sleep(self: Any, seconds: float) -> float:
    """Sleep, then return the seconds."""
    _ran(self)
    time.sleep(seconds)
    return seconds


def _retried(self: Any, times: int) -> int:
    _ran(self)
    if self.request.retries < times:
        raise self.retry(countdown=0)
    return int(self.request.retries)


@_task("retry", max_retries=None)
def retry(self: Any, times: int) -> int:
    """Retry at once until it has been retried so often; return the number of retries."""
    return _retried(self, times)


@_task("ignored", ignore_result=True)
def ignored(self: Any, value: Any) -> Any:
    """Return the value, which nobody stores."""
    _ran(self)
    return value


REQUEST = ("id", "root_id", "parent_id", "retries", "group", "correlation_id", "reply_to", "timelimit", "eta")
REQUEST += ("expires", "shadow")


@_task("request")
def request(self: Any) -> dict[str, Any]:
    """Return what the task sees of its own message."""
    _ran(self)
    return {**{name: getattr(self.request, name) for name in REQUEST}, "headers": self.request.headers or {}}


@_task("big")
def big(self: Any, n: int) -> str:
    """Return a text of n letters."""
    _ran(self)
    return "x" * n


@_task("nested")
def nested(self: Any) -> None:
    """Raise an exception whose argument cannot be serialized."""
    _ran(self)
    raise ValueError(object())


@_task("sum")
def sum_(self: Any, values: list[Any]) -> Any:
    """Return the sum of the values."""
    _ran(self)
    return sum(values)


@_task("replace")
def replace(self: Any, x: Any, y: Any) -> Any:
    """Let conf.add(x, y) take the task's place."""
    _ran(self)
    return self.replace(add.s(x, y))


@_task("children")
def children(self: Any, n: int) -> int:
    """Send conf.echo so often from inside; return how often."""
    _ran(self)
    for number in range(n):
        echo.delay(number)
    return n


@_task("limited", max_retries=2)
def limited(self: Any, times: int) -> int:
    """Retry at once until it has been retried so often, which is more than it may; return the number of retries."""
    return _retried(self, times)


@_task("reject", acks_late=True)
def reject(self: Any) -> None:
    """Refuse the message for good."""
    _ran(self)
    raise Reject("the catalogue says so", requeue=False)


@_task("die")
def die(self: Any) -> None:
    """Kill the process of the pool that runs this; the message is acknowledged already, as always with Celery."""
    _ran(self)
    os.kill(os.getpid(), signal.SIGKILL)


@_task("replace_by")
def replace_by(self: Any, kind: str, numbers: list[Any]) -> Any:
    """Let a canvas take the task's place."""
    _ran(self)
    steps = chain(sum_.s(numbers), big.s())
    return self.replace(steps if kind == "chain" else group(echo.s(number) for number in numbers))


@_task("announce")
def announce(self: Any, progress: float) -> float:
    """Send an event of its own; return the progress."""
    _ran(self)
    self.send_event("task-progress", progress=progress)
    return progress
