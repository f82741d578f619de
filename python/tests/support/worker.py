"""A worker as its user starts it: ``python -m celeriac -A tests.support.tasks worker``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.tasks import NOTES
from tests.support.waiting import PATIENCE, eventually

PACKAGE = Path(__file__).resolve().parents[2]


def children(pid: int) -> list[int]:
    """Process ids of what a process has started."""
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


class Worker:
    """The running command; ``log`` is what it has written so far, ``notes`` what its tasks have noted."""

    def __init__(
        self,
        broker: str,
        backend: str | None,
        queue: str,
        notes: Path,
        *options: str,
        processes: int = 1,
        application: str = "tests.support.tasks",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "celeriac", "-A", application, "-b", broker]
        command += ["--backend", backend] if backend else []
        command += ["worker", "-Q", queue, "-c", str(processes), "-l", "info", *options]
        self._notes = notes
        self._speaks = "--no-control" not in options
        self._lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=PACKAGE,
            env={**os.environ, NOTES: str(notes), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            eventually(lambda: self._up(processes), "the worker is ready")
        except BaseException:
            # Nobody else can: there is no worker yet to be left.
            self.kill()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)

    def _up(self, processes: int) -> bool:
        assert self.process.poll() is None, f"the worker ended: {self.log}"
        return self.log.count(" ready: ") >= processes

    @property
    def log(self) -> str:
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def node(self) -> str:
        """Name of its node."""
        return self.log.split("celeriac worker ", 1)[1].split("\n", 1)[0]

    @property
    def node_pid(self) -> int:
        """Process id of what speaks for it all, as it was started last."""
        self.logged("answers remote control")
        return int(re.findall(r"/(\d+)\] \S+ answers remote control", self.log)[-1])

    @property
    def everybody(self) -> list[int]:
        """Process ids of all that the supervisor has started."""
        return children(self.pid)

    @property
    def children(self) -> list[int]:
        """Process ids of the processes that run tasks."""
        if self._speaks:
            self.logged("answers remote control")
        nodes = re.findall(r"/(\d+)\] \S+ answers remote control", self.log)
        return [pid for pid in self.everybody if str(pid) not in nodes]

    @property
    def notes(self) -> list[str]:
        return self._notes.read_text().split("\n")[:-1] if self._notes.exists() else []

    def noted(self, note: str) -> None:
        """Wait until a task has noted this."""
        eventually(lambda: note in self.notes, f"a task notes {note!r}; log:\n{self.log}")

    def logged(self, text: str, count: int = 1, *, timeout: float = PATIENCE) -> None:
        """Wait until the log says this."""
        eventually(lambda: self.log.count(text) >= count, f"the log says {text!r}:\n{self.log}", timeout=timeout)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Exit code, once it has ended."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker does not end; log:\n{self.log}") from None
        self._reader.join(5)
        return code

    def stop(self) -> None:
        """Warm shutdown, which has to go well."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.log

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Away with it, whatever state it is in."""
        children = self.everybody
        self.process.kill()
        self.process.wait()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
