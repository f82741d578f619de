"""A worker and a command line of real Celery, run by the Python that CELERIAC_CELERY_PYTHON names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import eventually
from tests.support.worker import children

VARIABLE = "CELERIAC_CELERY_PYTHON"
FOLDER = Path(__file__).parent / "witness"
PACKAGE = Path(__file__).resolve().parents[2]


def celery_python() -> str:
    """The Python that has Celery; without one the test is skipped, or fails where CELERIAC_REQUIRE names celery."""
    python = os.environ.get(VARIABLE)
    if not python:
        reason = f"SKIPPED celery: set {VARIABLE} to a Python that has Celery"
        if "celery" in os.environ.get("CELERIAC_REQUIRE", "").split(","):
            pytest.fail(f"CELERIAC_REQUIRE names celery, but: {reason}")
        pytest.skip(reason)
    return python


def _command(broker: str, *words: str, application: str = "celery_app") -> tuple[list[str], dict[str, str]]:
    command = [celery_python(), "-m", "celery", "-A", application, *words]
    path = os.pathsep.join([str(FOLDER), str(PACKAGE)])
    return command, {**os.environ, "PYTHONPATH": path, "CELERY_APP_BROKER": broker}


def celery(broker: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Celery's."""
    command, environment = _command(broker, *words)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)


def celery_script(name: str, *words: str) -> Any:
    """What a script of the folder ``witness`` prints as JSON, run by Celery's Python."""
    command = [celery_python(), str(FOLDER / name), *words]
    found = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def celery_asks(broker: str, node: str, command: str, *arguments: str) -> Any:
    """What one node replies to ``celery inspect`` or ``control``; only that one is waited for."""
    kind, method = command.split()
    found = celery(broker, kind, "-j", "-t", "20", "-d", node, method, *arguments)
    assert found.returncode == 0, found.stdout + found.stderr
    lines = [line for line in found.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1])[node]


class CeleryWorker:
    """A worker of Celery's, ready. ``environment`` is for its application, ``pool`` what runs its tasks."""

    def __init__(
        self,
        broker: str,
        queue: str,
        node: str,
        log: Path,
        *,
        application: str = "celery_app",
        environment: Mapping[str, str] | None = None,
        pool: str = "solo",
    ) -> None:
        words = ("worker", "-P", pool, "-c", "1", "-Q", queue, "-n", node, "-l", "info")
        command, variables = _command(broker, *words, application=application)
        self.node = node
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env={**variables, **(environment or {})},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        eventually(self._up, "Celery's worker is ready", timeout=40)

    def _up(self) -> bool:
        assert self.process.poll() is None, self.log
        return " ready." in self.log

    @property
    def log(self) -> str:
        """What it has written so far, and its tasks on standard output."""
        return self._log.read_text()

    def kill(self) -> None:
        """Kill it and the processes that it has started."""
        for pid in (*children(self.process.pid), self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> CeleryWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
