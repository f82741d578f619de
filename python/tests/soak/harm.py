"""Tasks that harm the process they run in: each is settled as specified, and the tasks after it run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from celeriac import TaskFailure, TaskTimeout
from tests.soak.bench import Progress, Service, bench, reached

#: Address space of a process, in bytes: what the one that devours memory comes up against.
MEMORY = 768 << 20
#: Seconds until a task is settled: its process may have to die three times, and starts ever later.
PATIENCE = 120.0
#: Task -> its options, and the error that its result has to name (WK-POI-007, WK-LIM-001).
HARMFUL: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "soak.segfault": ({}, "WorkerLostError"),
    "soak.exit": ({}, "WorkerLostError"),
    "soak.devour": ({}, "MemoryError"),
    "soak.stuck": ({"time_limit": 1}, "TimeLimitExceeded"),
}


@dataclass
class Report:
    """The error that each harmful task was settled with, and what the queue and the books still hold."""

    broker: str
    settled: dict[str, str] = field(default_factory=dict)
    left: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether each was settled as it has to be."""
        return self.settled == {task: error for task, (_, error) in HARMFUL.items()} and not self.left

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "good": self.good}

    def __str__(self) -> str:
        errors = ", ".join(f"{task} {error}" for task, error in self.settled.items())
        return f"{errors}; the next tasks ran; left over {self.left}; {self.seconds:.0f} s"


def soak(broker: str, folder: Path, progress: Progress) -> Report:
    """Send each, and a good one after it, to a worker of one process. Raises AssertionError when one does not run."""
    report = Report(broker)
    with bench(broker, folder) as (on, evidence), on.client(on.backend) as app:
        with Service(on, 1, backend=on.backend, memory=MEMORY) as service:
            began = time.monotonic()
            for number, (task, (options, _)) in enumerate(HARMFUL.items()):
                progress(task)
                harmful = app.send_task(task, **options)
                app.send_task("soak.mark", (number,))
                try:
                    harmful.get(timeout=PATIENCE)
                    report.settled[task] = "nothing"
                except TaskFailure as failure:
                    report.settled[task] = failure.exc_type
                except TaskTimeout:
                    report.settled[task] = "never"
                reached(evidence, number, PATIENCE)
            report.seconds = round(time.monotonic() - began, 1)
            service.stop()
        report.left = on.left()
    return report
