"""Start a contestant: the adapter and the role that the job names."""

from __future__ import annotations

import importlib
import os
import sys

import job


def main() -> None:
    """Call the role. What ``work`` gives is the command of the peer's own worker, which takes this process's place."""
    asked = job.current()
    command = getattr(importlib.import_module(asked.adapter), asked.role)(asked)
    if command:
        os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main()
