"""Beat as its user starts it: ``python -m celeriac -A tests.support.tasks beat``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.tasks import NOTES
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import PACKAGE


def environment(queue: str, notes: Path, schedule: Mapping[str, Any]) -> dict[str, str]:
    """Settings of an application that sends this schedule to that queue."""
    return {
        "CELERIAC_BEAT_SCHEDULE": json.dumps(schedule),
        "CELERIAC_TASK_DEFAULT_QUEUE": queue,
        "CELERIAC_BEAT_LOCK_TIMEOUT": "1.5",
        NOTES: str(notes),
    }


class BeatProcess:
    """The running command; ``log`` is the file that it writes to."""

    def __init__(self, broker: str, lock: str, folder: Path, variables: Mapping[str, str], *options: str) -> None:
        self._log = folder / "log"
        folder.mkdir()
        command = [sys.executable, "-m", "celeriac", "-A", "tests.support.tasks", "-b", broker, "beat", "-l", "info"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--lock", lock, "-s", str(folder / "beat.json"), *options],
                cwd=PACKAGE,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def logged(self, text: str) -> None:
        """Wait until the log says this."""
        eventually(lambda: text in self.log, f"the log says {text!r}: {self.log}")

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> BeatProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
