"""What the tasks of the scenarios do; a worker of Celeriac and one of Celery run the same."""

from __future__ import annotations

import os
import random as dice
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: Environment variables: the file for notes, and the queue that tasks go to unless they say otherwise.
NOTES, QUEUE = "CELERIAC_TEST_NOTES", "CELERIAC_TEST_QUEUE"


def note(text: str) -> None:
    """Note a text in the file of the test."""
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(f"{text}\n")


def task_a(x: int, y: int) -> int:
    print(f"Tâche A terminée : {x} + {y} = {x + y}", flush=True)
    return x + y


def task_b(value: int) -> int:
    print(f"Tâche B terminée : {value} * 2 = {value * 2}", flush=True)
    return value * 2


def add(x: Any, y: Any) -> Any:
    return x + y


def multiply(x: Any, y: Any) -> Any:
    return x * y


def total(values: list[int]) -> int:
    return sum(values)


def say(text: str, *_before: Any) -> str:
    note(text)
    return text


def step(text: str, _before: Any = None) -> str:
    """A step of a workflow, which may have one before it."""
    print(text, flush=True)
    return say(text)


def random(start: int, end: int) -> int:
    return dice.randint(start, end)


def boom(_before: Any = None) -> None:
    raise RuntimeError("BOOM")


def failed(_task_id: str) -> None:
    note("failure hook")


def slow(name: str) -> None:
    """Run for long, and say so before and after."""
    note(f"{name} begins in {os.getpid()}")
    time.sleep(20)
    note(f"{name} ends")


def flaky(self: Any, times: int) -> int:
    if self.request.retries < times:
        raise self.retry(countdown=0.2)
    return int(self.request.retries)


#: name of the task -> what it does
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (task_a, task_b, add, multiply, total, say, step, random, boom, failed, slow)
}
#: Likewise, of tasks that get themselves first.
BOUND: Mapping[str, Callable[..., Any]] = {"flaky": flaky}
