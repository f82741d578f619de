"""Memory of a worker after few and after many tasks that do nothing: what it needs more is a leak."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from celeriac import Celeriac, Signature
from tests.soak.bench import Progress, Service, bench, reached

#: Tasks sent in one call, and between two looks whether the worker has come so far.
BATCH, STRETCH = 500, 5_000
#: Seconds that a stretch may take.
PATIENCE = 120.0
#: By how much memory may grow, as a part of what it was.
GROWTH = 0.10


@dataclass
class Report:
    """Bytes of a worker of one process, its supervisor included, after ``few`` and after ``many`` tasks."""

    broker: str
    few: int
    many: int
    before: int = 0
    after: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it has grown by no more than it may."""
        return self.after <= self.before * (1 + GROWTH)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "good": self.good}

    def __str__(self) -> str:
        grown = 100 * (self.after / self.before - 1)
        return (
            f"{self.before / 1e6:.1f} MB after {self.few} tasks, {self.after / 1e6:.1f} MB after "
            f"{self.many} ({grown:+.1f} %); {self.seconds:.0f} s"
        )


def soak(broker: str, few: int, many: int, folder: Path, progress: Progress) -> Report:
    """Run ``many`` tasks. Raises AssertionError when the worker does not keep up."""
    report = Report(broker, few, many)
    with bench(broker, folder) as (on, evidence), on.client() as app:
        backend = on.backend if broker == "redis" else None
        with Service(on, 1, backend=backend) as service:
            began, sent = time.monotonic(), 0
            for goal in (few, many):
                while sent < goal:
                    stretch = min(STRETCH, goal - sent)
                    _send(app, stretch, mark=sent + stretch)
                    sent += stretch
                    # One process takes them in order: with the mark, all before it have run.
                    reached(evidence, sent, PATIENCE)
                    progress(f"{sent} ran, {service.resident() / 1e6:.1f} MB")
                report.before, report.after = report.after, service.resident()
            report.seconds = round(time.monotonic() - began, 1)
            service.stop()
    return report


def _send(app: Celeriac, stretch: int, mark: int) -> None:
    tasks = [Signature(task="soak.nothing")] * (stretch - 1) + [Signature(task="soak.mark", args=[mark])]
    for start in range(0, stretch, BATCH):
        app.send_many(tasks[start : start + BATCH])
