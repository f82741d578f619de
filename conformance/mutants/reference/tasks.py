"""The catalogue of tasks (protocol/tasks.md)."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference.canvas import Signature, written
from reference.codec import Flat
from reference.defects import change, has

#: How often conf.limited may be retried.
LIMIT = 2
#: How often conf.die_again may be delivered.
DELIVERIES = 3


@dataclass
class Run:
    """One run of a task: its message, what stops it, and what it sends from inside."""

    task: Flat
    stop: threading.Event = field(default_factory=threading.Event)
    calls: list[Signature] = field(default_factory=list)
    #: What the task tells of itself while it runs: the progress.
    told: list[float] = field(default_factory=list)


class NotRegistered(Exception):
    """There is no task of that name."""

    __module__ = "celery.exceptions"


class TimeLimitExceeded(Exception):
    """The hard limit has passed."""

    __module__ = "billiard.exceptions"


class SoftTimeLimitExceeded(Exception):
    """The soft limit has passed."""

    __module__ = "billiard.exceptions"


class Retry(Exception):
    """The task asks to be run again."""


class MaxRetriesExceededError(Exception):
    """The task asks for more retries than it may have."""

    __module__ = "celery.exceptions"


class Rejected(Exception):
    """The task refuses its message for good."""


class WorkerLostError(Exception):
    """The process that ran the task has died."""

    __module__ = "billiard.exceptions"


class Terminated(Exception):
    """Remote control has stopped the task."""


@dataclass
class Replaced(Exception):
    """The task asks that another takes its place."""

    by: Signature


def _replace(by: Signature) -> None:
    raise Replaced(by)


def _children(number: int, run: Run) -> int:
    run.calls += [written("conf.echo", [at]) for at in range(number)]
    return number


def _fail(message: Any) -> None:
    raise ValueError(message)


def _sleep(seconds: float, run: Run) -> float:
    """Sleep; this is the one task that looks at its own limits, so that the reference needs no second process."""
    hard, soft = change("limits", run.task.get("timelimit") or [None, None])
    ends = [(limit, kind) for limit, kind in ((hard, TimeLimitExceeded), (soft, SoftTimeLimitExceeded)) if limit]
    limit, kind = min(ends, default=(seconds, None), key=lambda end: end[0])
    if run.stop.wait(min(limit, seconds)):
        raise Terminated
    if limit >= seconds or kind is None:
        return seconds
    if has("returns-at-the-limit"):
        return seconds
    raise kind(limit) if kind is TimeLimitExceeded else kind()


def _request(task: Flat) -> dict[str, Any]:
    names = ("id", "root_id", "parent_id", "group", "correlation_id", "reply_to", "timelimit", "eta", "expires")
    seen = {name: task.get(name) for name in (*names, "shadow")}
    own = task.get("extra", {}).get("headers", {})
    return dict(change("request", {**seen, "retries": task.get("retries", 0), "headers": own}))


def _retry(times: int, task: Flat) -> int:
    done = task.get("retries", 0)
    if done < times:
        raise Retry
    return int(done)


def _limited(times: int, task: Flat) -> int:
    if task.get("retries", 0) >= LIMIT and times > LIMIT and not has("retries-without-end"):
        raise MaxRetriesExceededError(LIMIT)
    return _retry(times, task)


def _reject() -> None:
    raise Rejected


def _die() -> None:
    """The one task that has a process of its own, to be killed."""
    code = subprocess.run(["/bin/sh", "-c", "kill -KILL $$"], check=False).returncode
    raise WorkerLostError(f"the process ended with {code}")


def _replace_by(kind: str, numbers: list[Any]) -> None:
    steps = [written("conf.sum", [numbers]), written("conf.big")]
    echoes = [written("conf.echo", [number]) for number in numbers]
    _replace(written(f"celery.{kind}", (), {"tasks": steps if kind == "chain" else echoes}, kind))


def _announce(progress: float, run: Run) -> float:
    run.told.append(progress)
    return progress


#: name -> the task, given its run and then its arguments
CATALOGUE: dict[str, Callable[[Run], Callable[..., Any]]] = {
    "conf.echo": lambda _: lambda value: value,
    "conf.add": lambda _: lambda x, y: x + y,
    "conf.kwargs": lambda _: lambda **kw: kw,
    "conf.fail": lambda _: _fail,
    "conf.sleep": lambda run: lambda seconds: _sleep(seconds, run),
    "conf.retry": lambda run: lambda times: _retry(times, run.task),
    "conf.ignored": lambda _: lambda value: value,
    "conf.request": lambda run: lambda: _request(run.task),
    "conf.big": lambda _: lambda n: "x" * n,
    "conf.nested": lambda _: lambda: _fail(object()),
    "conf.sum": lambda _: lambda values: sum(values),
    "conf.replace": lambda _: lambda x, y: _replace(written("conf.add", [x, y])),
    "conf.children": lambda run: lambda n: _children(n, run),
    "conf.limited": lambda run: lambda times: _limited(times, run.task),
    "conf.reject": lambda _: _reject,
    "conf.die": lambda _: _die,
    "conf.die_again": lambda _: _die,
    "conf.replace_by": lambda _: _replace_by,
    "conf.announce": lambda run: lambda progress: _announce(progress, run),
    "celery.accumulate": lambda _: lambda *args, index=None: list(args) if index is None else args[index],
    "celery.chord": lambda run: lambda **parts: run.calls.append(written("celery.chord", (), parts, "chord")),
}
#: Tasks whose own setting is that nothing is stored.
IGNORED = {"conf.ignored"}


def find(run: Run) -> Callable[..., Any]:
    """The task that the message asks for; raises NotRegistered."""
    task = run.task
    name = task.get("shadow") if has("runs-what-shadow-says") and task.get("shadow") else task["task"]
    if name not in CATALOGUE and has("imports-what-a-message-names") and isinstance(name, str) and "." in name:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
    if name not in CATALOGUE:
        raise NotRegistered(name)
    return CATALOGUE[name](run)


def bind(function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """Raise TypeError when the arguments do not fit: such a task does not begin."""
    inspect.signature(function).bind(*args, **kwargs)
