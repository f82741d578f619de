"""Processes and their descendants: CPU time, memory, and an end. Linux only: it reads /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from bench.patience import Say

TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds that a contestant has to end in order.
GRACE = 20.0
#: Fields of /proc/PID/stat after the name: parent, and the user and system time of itself and of children that ended.
PARENT, TIMES = 1, slice(11, 15)


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for pid, fields in _stats():
        children.setdefault(int(fields[PARENT]), []).append(pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                yield int(entry.name), fields


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu(pids: Sequence[int]) -> float:
    """Seconds of CPU that the processes, and children of theirs that ended, have used."""
    return sum(sum(map(int, fields[TIMES])) for fields in map(_stat, pids) if fields) / TICKS


def memory(pids: Sequence[int]) -> float:
    """Megabytes that the processes hold; what they share counts in parts (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


@contextlib.contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: IO[bytes], say: Say
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, with a session of its own, that is ended with all of its descendants when the block ends."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if not end(process):
            say(f"it had not ended {GRACE:.0f} s after SIGTERM, and was killed")


def end(process: subprocess.Popen[bytes]) -> bool:
    """Ask a process to end in order, and end what is left of its tree; whether it did."""
    pids = tree(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    in_order = process.returncode is not None
    for pid in pids[1:] if in_order else pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + GRACE
    while any(_stat(pid) and _stat(pid)[0] != "Z" for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return in_order
