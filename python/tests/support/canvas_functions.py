"""What the tasks of the canvas tests do; a worker of Celeriac and one of Celery run the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: Environment variables: the file for notes, and the queue that tasks go to unless they say otherwise.
NOTES, QUEUE = "CELERIAC_TEST_NOTES", "CELERIAC_TEST_QUEUE"


def add(x: Any, y: Any) -> Any:
    return x + y


def multiply(x: Any, y: Any) -> Any:
    return x * y


def total(values: list[Any]) -> Any:
    return sum(values)


def echo(value: Any) -> Any:
    return value


def fail(*_args: Any) -> None:
    raise ValueError("no stock")


def note(text: str) -> None:
    """Note a text in the file of the test."""
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(f"{text}\n")


def old_errback(task_id: str) -> None:
    """Note the id of what failed."""
    note(f"failed {task_id}")


def new_errback(request: Any, error: BaseException, _traceback: Any) -> None:
    """Note the id of what failed, and why."""
    note(f"inside {request.id} {type(error).__name__}")


#: name of the task -> what it does
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "c.add": add,
    "c.multiply": multiply,
    "c.total": total,
    "c.echo": echo,
    "c.fail": fail,
    "c.old_errback": old_errback,
    "c.new_errback": new_errback,
}


def replace_by_add(task: Any, signature: Callable[[str, tuple[Any, ...]], Any], x: Any, y: Any) -> Any:
    """Replace the task that runs by an addition."""
    return task.replace(signature("c.add", (x, y)))


def replace_by_group(task: Any, group: Callable[[list[Any]], Any], signature: Callable[..., Any], x: int) -> Any:
    """Replace the task that runs by a group of additions."""
    return task.replace(group([signature("c.add", (x, 1)), signature("c.add", (x, 2))]))
