"""Start a contestant: the adapter and the role that the job names."""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path

import job


def main() -> None:
    """Call the role. What ``work`` gives is the command of the peer's own worker, which takes this process's place."""
    asked = job.current()
    command = getattr(importlib.import_module(asked.adapter), asked.role)(asked)
    if command:
        # Until here the peer was only asked for its command line, for which it was imported once already.
        Path(asked.marks, job.BEGAN).write_text(str(time.monotonic_ns()))
        os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main()
