"""Run a table of steps: each one's output shown whole, a failing one does not stop the rest, a summary at the end."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from common import LOGS, ROOT, relative, say

OK, FAILED, SKIPPED = "ok", "FAILED", "skipped"
#: From a polite request to end to an impolite one.
GRACE_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Step:
    """One row of the table: a command, the parts of the machine it needs, and how long it may take at most.

    Steps that hold the same thing are never run at once.
    """

    name: str
    group: str
    command: Sequence[str | Path]
    cwd: Path = ROOT
    needs: tuple[str, ...] = ()
    holds: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    #: What ends a step that hangs: far above what any needs, or a slow machine would fail.
    seconds: int = 900
    #: Whether it runs only when its name or group is asked for.
    apart: bool = False


@dataclass(frozen=True)
class Result:
    """How a step ended."""

    step: Step
    verdict: str
    seconds: float = 0.0
    detail: str = ""


class Runner:
    """Runs steps, at most ``jobs`` at once, and ends what it started when it is interrupted."""

    def __init__(self, missing: Mapping[str, str], jobs: int) -> None:
        self._missing = missing
        self._jobs = jobs
        self._printing = threading.Lock()
        self._live: set[subprocess.Popen[bytes]] = set()
        self._changed = threading.Condition()
        self._held: list[str] = []
        self._interrupted = False
        self._done = 0

    def run(self, steps: Sequence[Step]) -> list[Result]:
        """Run them all, begun in the order of the table as far as they may; their results in that order."""
        LOGS.mkdir(parents=True, exist_ok=True)
        waiting, results = list(steps), dict[str, Result]()
        with ThreadPoolExecutor(self._jobs) as pool:
            lanes = [pool.submit(self._lane, waiting, results, len(steps)) for _ in range(self._jobs)]
            try:
                for lane in lanes:
                    lane.result()
            except BaseException:  # Ctrl-C above all: nothing may stay behind
                self._interrupted = True
                for process in tuple(self._live):
                    end(process)
                raise
        return [results[step.name] for step in steps]

    def _lane(self, waiting: list[Step], results: dict[str, Result], total: int) -> None:
        """Take one step after the other, until none waits."""
        while True:
            with self._changed:
                while not (free := [step for step in waiting if step.holds not in self._held]) and waiting:
                    self._changed.wait()
                if not waiting:
                    return
                step = free[0]
                waiting.remove(step)
                self._held += [step.holds] if step.holds else []
            try:
                results[step.name] = self._one(step, total)
            finally:
                with self._changed:
                    self._held = [held for held in self._held if held != step.holds]
                    self._changed.notify_all()

    def _one(self, step: Step, total: int) -> Result:
        reasons = [f"{name}: {self._missing[name]}" for name in step.needs if name in self._missing]
        if self._interrupted or reasons:
            result = Result(step, SKIPPED, detail="; ".join(reasons) or "interrupted")
            self._show(result, total, None)
            return result
        log = LOGS / f"step-{step.name}.log"
        began = time.monotonic()
        detail = self._execute(step, log)
        result = Result(step, FAILED if detail else OK, time.monotonic() - began, detail)
        self._show(result, total, log)
        return result

    def _execute(self, step: Step, log: Path) -> str:
        """Run the step's command; what is wrong with how it ended, or nothing."""
        words = [str(word) for word in step.command]
        with log.open("wb") as output:
            output.write(f"$ {shlex.join(words)}\n".encode())
            output.flush()
            try:
                process = subprocess.Popen(
                    words,
                    cwd=step.cwd,
                    env={**os.environ, **step.env},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                return str(error)
        self._live.add(process)
        try:
            code = process.wait(step.seconds)
        except subprocess.TimeoutExpired:
            end(process)
            return f"not over after {step.seconds} s"
        finally:
            self._live.discard(process)
        return f"exit {code}" if code else ""

    def _show(self, result: Result, total: int, log: Path | None) -> None:
        with self._printing:
            self._done += 1
            if log:
                say(f"\n===== {result.step.name} " + "=" * max(3, 100 - len(result.step.name)))
                sys.stdout.flush()
                sys.stdout.buffer.write(log.read_bytes())
                sys.stdout.buffer.flush()
            tail = f"  {result.detail}" if result.detail else ""
            say(f"[{self._done}/{total}] {result.step.name}: {result.verdict} ({result.seconds:.1f} s){tail}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: SIGTERM, and SIGKILL for what is still there after GRACE_SECONDS."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            if signal_number == signal.SIGKILL:
                return


def choose(steps: Iterable[Step], only: str) -> list[Step]:
    """The steps whose name or group is in the comma list ``only`` (empty: all but those that stand apart)."""
    table = list(steps)
    wanted = set(filter(None, only.replace(" ", "").split(",")))
    unknown = wanted.difference(*({step.name, step.group} for step in table))
    if unknown:
        names = ", ".join(dict.fromkeys(name for step in table for name in (step.group, step.name)))
        sys.exit(f"error: no step {', '.join(sorted(unknown))}; known: {names}")
    return [step for step in table if (wanted & {step.name, step.group} if wanted else not step.apart)]


def summary(results: Sequence[Result], seconds: float) -> int:
    """Print the table of all steps and the closing line; the exit code."""
    width = max((len(result.step.name) for result in results), default=4)
    say(f"\n{'step':<{width}}  result   seconds")
    for result in results:
        say(f"{result.step.name:<{width}}  {result.verdict:<8}{result.seconds:>8.1f}  {result.detail}".rstrip())
    counts = {verdict: sum(result.verdict == verdict for result in results) for verdict in (OK, FAILED, SKIPPED)}
    for result in results:
        if result.verdict == FAILED:
            say(f"failed: {result.step.name}: {relative(LOGS / f'step-{result.step.name}.log')}")
    if failed := [result.step.name for result in results if result.verdict == FAILED]:
        say(f"again, these alone: make test ONLY={','.join(failed)}")
    say(f"all of it: {seconds:.0f} s")
    say(f"{counts[OK]} passed, {counts[FAILED]} failed, {counts[SKIPPED]} skipped")
    return 1 if counts[FAILED] or not counts[OK] else 0
