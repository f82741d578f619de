"""Tasks while workers are killed with SIGKILL and their broker is restarted: none may be lost (WK-ACK-001).

Whatever was confirmed to its sender has to run. It may run twice, for reasons that ``trouble`` knows; a second run
without such a reason is a defect.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from celeriac import Signature, TransportError
from tests.soak.bench import Bench, Progress, Service, bench
from tests.soak.evidence import Evidence, Run
from tests.soak.trouble import Plan, Trouble

#: Tasks sent in one call.
BATCH = 50
#: The sender stays this far ahead of the worker, so that restarts meet it at work, too.
AHEAD = 1000
#: Seconds after a refusal before the next attempt.
PAUSE = 1.0
#: Seconds between looks at the evidence.
LOOK = 0.02
#: Seconds without a task having run, and without trouble, after which the rest counts as lost.
PATIENCE = 240.0


@dataclass
class Report:
    """What came of it. ``again`` are second runs by their reason, ``unexplained`` those without one, by number."""

    plan: Plan
    confirmed: int = 0
    unconfirmed: int = 0
    killed: int = 0
    workers_killed: int = 0
    restarted: int = 0
    lost: list[int] = field(default_factory=list)
    #: When (Unix time) what was lost had been confirmed, and when the broker went and was back.
    lost_confirmed_at: list[float] = field(default_factory=list)
    restarts: list[tuple[float, float]] = field(default_factory=list)
    again: dict[str, int] = field(default_factory=dict)
    unexplained: list[int] = field(default_factory=list)
    left: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it went as planned, and nothing is missing or without a reason."""
        done = (self.confirmed, self.killed, self.restarted)
        as_planned = done == (self.plan.tasks, self.plan.kills, self.plan.restarts)
        return as_planned and not self.lost and not self.unexplained and not self.left

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "good": self.good}

    def __str__(self) -> str:
        again = ", ".join(f"{count} {why}" for why, count in self.again.items())
        return (
            f"seed {self.plan.seed}: {self.confirmed} tasks confirmed "
            f"({self.unconfirmed} not), {self.killed} kills ({self.workers_killed} of a whole worker), "
            f"{self.restarted} restarts of the broker in {self.seconds:.0f} s; lost {len(self.lost)}, "
            f"left over {self.left}; second runs: {again or 'none'}; without a reason {len(self.unexplained)}"
        )


class Sender(threading.Thread):
    """Sends until so many tasks are confirmed. What was not is never sent again under its number."""

    def __init__(self, on: Bench, plan: Plan, trouble: Trouble, evidence: Evidence) -> None:
        super().__init__(name="sender", daemon=True)
        self._bench, self._plan, self._trouble, self._evidence = on, plan, trouble, evidence
        self.confirmed: set[int] = set()
        self.unconfirmed: set[int] = set()
        #: When (Unix time) the batches were confirmed, by their last numbers.
        self.confirmed_at: dict[int, float] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        """Work. Called by ``start``."""
        number = 0
        with self._bench.client() as app:
            while len(self.confirmed) < self._plan.tasks and not self.stopped.is_set():
                batch = range(number, number + self._wanted())
                number = batch.stop
                if not batch:
                    self.stopped.wait(LOOK)
                    continue
                try:
                    app.send_many(self._task(each) for each in batch)
                except TransportError:
                    self.unconfirmed.update(batch)
                    self.stopped.wait(PAUSE)
                else:
                    self.confirmed.update(batch)
                    self.confirmed_at[batch[-1]] = time.time()

    def _wanted(self) -> int:
        """How many to send now. Until trouble is over there is to be something left to run."""
        if len(self.confirmed) - len(self._evidence.runs) > AHEAD:
            return 0
        if self._trouble.over:
            return min(BATCH, self._plan.tasks - len(self.confirmed))
        if len(self.confirmed) < self._plan.troubled:
            return min(BATCH, self._plan.troubled - len(self.confirmed))
        # One shows which processes run tasks, and so whom to kill.
        return 1 if self.confirmed <= self._evidence.runs.keys() else 0

    def _task(self, number: int) -> Signature:
        return Signature(task="soak.mark", args=[number, self._plan.seconds])


def soak(plan: Plan, folder: Path, progress: Progress) -> Report:
    """Carry the plan out on a broker of its own."""
    with bench(plan.broker, folder, lasting=True) as (on, evidence):
        if plan.queue == "quorum":
            on.declare_quorum()
        # Nobody reads these results; on Redis they are stored all the same.
        backend = on.backend if plan.broker == "redis" else None
        with Trouble(on, plan, evidence, lambda: Service(on, plan.processes, backend=backend)) as trouble:
            began = time.monotonic()
            sender = Sender(on, plan, trouble, evidence)
            sender.start()
            try:
                _attend(on, sender, trouble, evidence, progress)
            finally:
                sender.stopped.set()
                sender.join()
            trouble.service.stop()
            evidence.read()
            report = Report(plan, len(sender.confirmed), len(sender.unconfirmed))
            report.seconds = round(time.monotonic() - began, 1)
            report.left = on.left()
    report.killed, report.workers_killed = trouble.kills, trouble.workers_killed
    report.restarted = len(trouble.book.restarts)
    report.lost = sorted(sender.confirmed.difference(evidence.runs))
    report.restarts = [(restart.began, restart.over) for restart in trouble.book.restarts]
    ends = sorted(sender.confirmed_at)
    at = {sender.confirmed_at[ends[bisect_left(ends, number)]] for number in report.lost}
    report.lost_confirmed_at = sorted(at)
    _explain(report, trouble, evidence.runs)
    return report


def _attend(on: Bench, sender: Sender, trouble: Trouble, evidence: Evidence, progress: Progress) -> None:
    """Make trouble until everything confirmed has run, or nothing has for a long time.

    What a killed worker had run and still held is run again when that worker has been missed for a minute.
    """
    ran, since = 0, time.monotonic()
    while sender.is_alive() or not sender.confirmed <= evidence.runs.keys() or on.left():
        before, ran = ran, evidence.read()
        if trouble.make(ran) or ran > before:
            since = time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            return
        progress(f"{ran} ran, {len(sender.confirmed)} confirmed, {trouble}")
        time.sleep(LOOK)


def _explain(report: Report, trouble: Trouble, runs: Mapping[int, list[Run]]) -> None:
    again: Counter[str] = Counter()
    for number, those in runs.items():
        for first, second in pairwise(sorted(those, key=lambda run: run.at)):
            why = trouble.book.explains(first, second)
            if why is None:
                report.unexplained.append(number)
            else:
                again[why] += 1
    report.again = dict(again)
