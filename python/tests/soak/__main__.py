"""``make soak``: everything at full size, or as large as the options say; a report at the end.

    python -m tests.soak                                   # all of it: more than an hour
    python -m tests.soak --only losses --tasks 5000 --kills 20 --restarts 2
    python -m tests.soak --only memory,harm --few 50000 --many 200000 --json report.json

Sizes can be given in the environment: CELERIAC_SOAK_TASKS=5000 make soak ONLY=losses. The exit code is 1 when
something was lost, ran twice without a reason, leaked, or was not settled as specified; 3 when there is no broker to be
started.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.soak import harm, losses, memory
from tests.soak.bench import Progress
from tests.soak.trouble import Plan

#: Option -> default, help.
SIZES = {
    "tasks": (50_000, "tasks of each run under kills and restarts"),
    "kills": (100, "times that something is killed with SIGKILL in each"),
    "restarts": (5, "restarts of the broker in each"),
    "processes": (4, "processes of the worker that they run on"),
    "seed": (1, "chooses the moments"),
    "few": (100_000, "tasks before memory is looked at"),
    "many": (1_000_000, "tasks before it is looked at again"),
}
OK, FAILED, NO_BROKER = 0, 1, 3
#: Seconds between two lines of progress where they cannot be written over.
TELL_SECONDS = 10.0


class Report(Protocol):
    """What a run came to; as text, a line for people."""

    @property
    def good(self) -> bool:
        """Whether it went as it has to."""

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""


@dataclass(frozen=True)
class Broken:
    """A run that did not come to its end."""

    why: str
    good: bool = False

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def __str__(self) -> str:
        return self.why


#: A run, given a folder of its own and whom to tell how far it is.
Work = Callable[[Path, Progress], Report]


def runs(options: argparse.Namespace) -> Mapping[str, Work]:
    """Every run by its name."""

    def plan(broker: str, queue: str = "classic") -> Plan:
        sizes = {name: getattr(options, name) for name in ("tasks", "kills", "restarts", "processes", "seed")}
        return Plan(broker=broker, queue=queue, **sizes)

    return {
        "losses rabbitmq": partial(losses.soak, plan("rabbitmq")),
        "losses rabbitmq quorum": partial(losses.soak, plan("rabbitmq", "quorum")),
        "losses redis": partial(losses.soak, plan("redis")),
        "harm rabbitmq": partial(harm.soak, "rabbitmq"),
        "harm redis": partial(harm.soak, "redis"),
        "memory rabbitmq": partial(memory.soak, "rabbitmq", options.few, options.many),
        "memory redis": partial(memory.soak, "redis", options.few, options.many),
    }


def parser() -> argparse.ArgumentParser:
    """The options; their defaults are those of the environment."""
    made = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, (default, about) in SIZES.items():
        given = int(os.environ.get(f"CELERIAC_SOAK_{name.upper()}", default))
        made.add_argument(f"--{name}", type=int, default=given, metavar="N", help=f"{about} [{given}]")
    which = "runs, by name or by a word of it: losses, harm, memory, quorum, redis, 'losses redis' ... [all]"
    made.add_argument("--only", default="", metavar="WORD,WORD", help=which)
    made.add_argument("--json", type=Path, metavar="FILE", help="write the report there as JSON, too")
    return made


def choose(table: Mapping[str, Work], only: str) -> dict[str, Work]:
    """The runs that the comma list ``only`` names, by name or by a word of it; all, if it is empty."""
    wanted = set(filter(None, only.split(",")))
    chosen = {name: work for name, work in table.items() if not wanted or wanted & {name, *name.split()}}
    if not chosen:
        sys.exit(f"error: no run {only}; there are: {', '.join(table)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    options = parser().parse_args(arguments)
    chosen = choose(runs(options), options.only)
    folder = Path(tempfile.mkdtemp(prefix="celeriac-soak-"))
    reports: dict[str, Report] = {}
    try:
        for name, work in chosen.items():
            reports[name] = _run(name, work, folder)
            print(f"{'ok    ' if reports[name].good else 'FAILED'} {name}: {reports[name]}", flush=True)
    except pytest.skip.Exception as reason:
        sys.stderr.write(f"{reason}\n")
        return NO_BROKER
    good = all(report.good for report in reports.values())
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(_document(options, reports, good), indent=2) + "\n")
    if good:
        shutil.rmtree(folder)
    print("all is well" if good else f"NOT all is well; what the workers wrote is in {folder}")
    return OK if good else FAILED


def _run(name: str, work: Work, folder: Path) -> Report:
    try:
        return work(folder / name, _teller(name))
    except AssertionError as error:
        return Broken(str(error))
    finally:
        sys.stderr.write("\n" if sys.stderr.isatty() else "")


def _document(options: argparse.Namespace, reports: Mapping[str, Report], good: bool) -> dict[str, Any]:
    machine = {"system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version()}
    sizes = {name: getattr(options, name) for name in SIZES}
    told = {name: report.as_json() for name, report in reports.items()}
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine, "options": sizes, "good": good, "runs": told}


def _teller(name: str) -> Progress:
    """A line that is written over and over on a terminal, and one now and then elsewhere."""
    began, told, terminal = time.monotonic(), -TELL_SECONDS, sys.stderr.isatty()

    def tell(text: str) -> None:
        nonlocal told
        now = time.monotonic() - began
        if now - told < (0.2 if terminal else TELL_SECONDS):
            return
        told = now
        sys.stderr.write(f"\r\x1b[K{now:5.0f} s  {name}: {text}" if terminal else f"{now:5.0f} s  {name}: {text}\n")
        sys.stderr.flush()

    return tell


if __name__ == "__main__":
    # An exception, so that workers and brokers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
