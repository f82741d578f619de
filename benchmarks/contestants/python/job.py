"""What the harness asks of a contestant, and how a contestant answers. See benchmarks/README.md, "The protocol"."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

VARIABLE = "CELERIAC_BENCH_JOB"
#: File among the marks: when the peer's own program was started, in monotonic nanoseconds.
BEGAN = "began"


@dataclass(frozen=True)
class Job:
    """One job. ``count`` messages of ``size`` further bytes; ``marks`` is the folder that tasks leave evidence in."""

    adapter: str
    role: str
    queue: str
    broker: str
    broker_url: str
    results: str
    result_url: str | None
    marks: str
    count: int = 0
    size: int = 0
    delay: float = 0.0
    processes: int = 2
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def payload(self) -> str:
        """The argument of each task."""
        return "x" * self.size


def current() -> Job:
    """The job that this process was started for."""
    return Job(**json.loads(os.environ[VARIABLE]))


def multiply(processes: int) -> None:
    """Go on as so many processes; SIGTERM to the first ends all of them, each in order."""
    children: list[int] = []
    for _ in range(processes - 1):
        child = os.fork()
        if not child:
            children = []
            break
        children.append(child)

    def on_terminate(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_terminate)
    atexit.register(lambda: [os.waitpid(child, 0) for child in children])


def answer(**figures: Any) -> None:
    """Tell the harness: the last line that a contestant writes to standard output."""
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def timed(count: int, work: Callable[[], object]) -> None:
    """Time sending ``count`` messages, from the first call to the return of the last, and answer."""
    cpu, began = time.process_time(), time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    answer(count=count, seconds=seconds, cpu=time.process_time() - cpu)


def round_trips(count: int, once: Callable[[], object]) -> None:
    """Time ``count`` calls one after the other, the first ten of which only warm up, and answer."""
    for _ in range(10):
        once()
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        once()
        taken.append(1000 * (time.perf_counter() - began))
    answer(milliseconds=taken)
