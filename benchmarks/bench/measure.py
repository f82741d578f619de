"""The ways of measuring. Each takes a stage, a line, a contestant and a plan, and gives figures by metric."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench import marks, processes
from bench.figures import percentile
from bench.model import Contestant, ContestantError, Line
from bench.patience import Limit, Patience
from bench.stage import Stage, command, job, open_log, perform, surroundings, tail

POLL = 0.005
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """How much to do: messages, and seconds for what is watched rather than counted."""

    count: int
    watch: float = 5.0


@dataclass
class Worker:
    """A worker that runs, the folder of its marks, and when its process was started."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: IO[bytes]
    began: float
    limit: Limit

    def to_first(self, tally: marks.Tally) -> float:
        """Seconds from starting the program to the first task's beginning."""
        return tally.first - (marks.began(self.folder) or self.began)

    def until(self, count: int) -> marks.Tally:
        """Wait until so many tasks ran. Raises ``ContestantError`` when it ends or does nothing for too long."""
        patience = Patience(self.limit, lambda: tail(self.log))
        while (tally := marks.read(self.folder)).count < count:
            if self.process.poll() is not None:
                raise ContestantError(f"the worker ended with {self.process.returncode}: {tail(self.log)}")
            patience.go_on(tally.count, f"the worker has run {tally.count} of {count} tasks")
            time.sleep(POLL)
        return tally

    def cpu(self) -> float:
        """Seconds of CPU that it has used, with its processes."""
        return processes.cpu(processes.tree(self.process.pid))


@contextlib.contextmanager
def worker(stage: Stage, line: Line, who: Contestant, role: str = "work", **more: Any) -> Iterator[Worker]:
    """A worker of a contestant; ended in order when the block ends."""
    with tempfile.TemporaryDirectory(prefix="celeriac-bench-") as name, open_log(stage, f"{who.name}-{role}") as log:
        asked = job(stage, line, who, role, **{"marks": name, "processes": 2, **more})
        words = command(stage, who.environment, who.language)
        began = time.monotonic()
        with processes.running(
            words, surroundings(asked), Path(tempfile.gettempdir()), log, stage.limit.say
        ) as process:
            yield Worker(process, Path(name), log, began, stage.limit)


def fill(stage: Stage, line: Line, who: Contestant, count: int, **more: Any) -> None:
    """Put messages into the queue of a contestant."""
    with tempfile.TemporaryDirectory(prefix="celeriac-bench-") as name:
        asked = job(stage, line, who, "fill", marks=name, count=count, **more)
        perform(stage, who, {**asked, "adapter": who.fill}, fill=True)


def _conditions(line: Line, who: Contestant) -> dict[str, Any]:
    """What a line says of its jobs, and a contestant of itself."""
    chosen = {**line.conditions, **who.options}
    return {name: chosen[name] for name in ("size", "processes") if name in chosen}


def tasks(stage: Stage, line: Line, who: Contestant, plan: Plan) -> Figures:
    """A worker takes a backlog: from its first task to its last."""
    stage.clear("bench")
    more = _conditions(line, who)
    fill(stage, line, who, plan.count, **more)
    with worker(stage, line, who, **more) as at_work:
        begun = at_work.until(1)
        before = (at_work.cpu(), stage.broker_cpu(), marks.read(at_work.folder).count)
        tally = at_work.until(plan.count)
        after = (at_work.cpu(), stage.broker_cpu())
        held = processes.memory(processes.tree(at_work.process.pid))
    _check(stage, line, who, plan.count)
    figures = {"rate": tally.rate, "start": at_work.to_first(begun), "memory": held}
    counted = tally.count - before[2]
    # A worker that had done half of it before it was looked at was too fast for this count.
    if 2 * counted >= tally.count:
        figures["own"] = 1e6 * (after[0] - before[0]) / counted
        figures["broker"] = 1e6 * (after[1] - before[1]) / counted
    return figures


def _check(stage: Stage, line: Line, who: Contestant, count: int) -> None:
    """Nothing is left in the queue, and every result is there: whoever lost some was not fast."""
    left = stage.waiting(line.broker, "bench") if who.fill == "filler" else 0
    if left:
        raise ContestantError(f"{left} of {count} messages were in the queue again when the worker had ended")
    if line.results != "none" and who.fill == "filler" and not who.ceiling:
        stored = stage.stored(line.results, "bench")
        if stored < count:
            raise ContestantError(f"{stored} of {count} results were stored")


def sending(stage: Stage, line: Line, who: Contestant, plan: Plan) -> Figures:
    """A producer sends, and times itself: from its second message on to its last."""
    stage.clear("bench")
    with tempfile.TemporaryDirectory(prefix="celeriac-bench-") as name:
        before = stage.broker_cpu()
        asked = job(stage, line, who, "produce", marks=name, count=plan.count, **_conditions(line, who))
        answer = perform(stage, who, asked)
    after = stage.broker_cpu()
    arrived = _arrived(stage, line, plan.count) if who.fill == "filler" else plan.count
    if arrived < plan.count:
        raise ContestantError(f"{arrived} of {plan.count} messages arrived")
    return {
        "rate": answer["count"] / answer["seconds"],
        "own": 1e6 * answer["cpu"] / answer["count"],
        "broker": 1e6 * (after - before) / answer["count"],
        "each": 1e3 * answer["seconds"] / answer["count"],
    }


def _arrived(stage: Stage, line: Line, count: int) -> int:
    """Messages in the queue, once it has stopped growing: who does not wait for confirmations may be ahead of it."""
    known, patience = -1, Patience(stage.limit)
    while (there := stage.waiting(line.broker, "bench")) != known and there < count:
        patience.go_on(there, f"{there} of {count} messages have arrived")
        known = there
        time.sleep(0.2)
    return there


def round_trips(stage: Stage, line: Line, who: Contestant, plan: Plan) -> Figures:
    """A client sends a task and waits for its result, one after the other, with the contestant's own worker."""
    stage.clear("bench")
    role = "answer" if who.ceiling else "work"
    with worker(stage, line, who, role) as at_work:
        asked = job(stage, line, who, "roundtrip", marks=str(at_work.folder), count=plan.count)
        taken = perform(stage, who, asked)["milliseconds"]
    return {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99), "rate": 1e3 * len(taken) / sum(taken)}


def idleness(stage: Stage, line: Line, who: Contestant, plan: Plan) -> Figures:
    """A worker that has nothing to do: CPU of it and of the broker, in percent of one core."""
    stage.clear("bench")
    fill(stage, line, who, 10)
    with worker(stage, line, who) as at_work:
        at_work.until(10)
        time.sleep(2)  # what follows a start is no idleness
        began, before = time.monotonic(), at_work.cpu()
        time.sleep(plan.watch)
        used = at_work.cpu() - before
        return {"idle": 100 * used / (time.monotonic() - began)}


#: Messages that wait beside those that are counted, in the second half of ``backlog``.
DEEP = 100_000


def backlog(stage: Stage, line: Line, who: Contestant, plan: Plan) -> Figures:
    """A worker with a short queue, and with ``DEEP`` messages more: what is kept of the rate of the first."""
    short, deep = (_rate_with(stage, line, who, plan.count, more) for more in (0, DEEP))
    return {"rate": deep, "kept": deep / short}


def _rate_with(stage: Stage, line: Line, who: Contestant, count: int, more: int) -> float:
    stage.clear("bench")
    fill(stage, line, who, count + more)
    _rest(stage)
    with worker(stage, line, who) as at_work:
        return at_work.until(count).rate


#: Seconds of CPU in a second that count as none, and so many such seconds in a row as rest.
CALM, REST = 0.05, 3


def _rest(stage: Stage) -> None:
    """Wait until the brokers have done what filling left them to do: a worker that starts at once would share in it."""
    patience, calm = Patience(stage.limit), 0
    while calm < REST:
        before = stage.broker_cpu()
        time.sleep(1)
        calm = calm + 1 if stage.broker_cpu() - before < CALM else 0
        patience.go_on(calm, "the brokers are at work on what was put into the queue")


def waiting(stage: Stage, line: Line, who: Contestant, plan: Plan) -> Figures:
    """A worker takes in tasks that are due in an hour: memory for each."""
    stage.clear("bench")
    fill(stage, line, who, 10)
    with worker(stage, line, who) as at_work:
        at_work.until(10)
        before = processes.memory(processes.tree(at_work.process.pid))
        fill(stage, line, who, plan.count, delay=3_600.0)
        _taken_in(stage, line, plan.count)
        time.sleep(1)  # the last ones are on their way
        after = processes.memory(processes.tree(at_work.process.pid))
    return {"bytes": (after - before) * 1024 * 1024 / plan.count}


def _taken_in(stage: Stage, line: Line, count: int) -> None:
    """Wait until a worker holds all that was in the queue."""
    patience = Patience(stage.limit)
    while left := stage.waiting(line.broker, "bench"):
        patience.go_on(count - left, f"the worker has taken in {count - left} of {count} messages")
        time.sleep(0.1)


MEASURES: Mapping[str, Callable[[Stage, Line, Contestant, Plan], Figures]] = {
    "tasks": tasks,
    "sending": sending,
    "round trips": round_trips,
    "idleness": idleness,
    "backlog": backlog,
    "waiting": waiting,
}
