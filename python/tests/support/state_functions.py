"""What the tests of states run on both sides, as plain functions: neither Celery's package nor ours is imported."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def wait_for(gate: str, text: str) -> None:
    """Until the file says so: a reader has seen the state."""
    while not Path(gate).exists() or text not in Path(gate).read_text():
        time.sleep(0.02)


def states(task: Any, gate: str) -> str:
    """Go through all states; the file ``gate`` says when to go on."""
    attempt = f"{task.request.retries}:"
    wait_for(gate, f"{attempt}STARTED")
    task.update_state(state="PROGRESS", meta={"done": 1})
    wait_for(gate, f"{attempt}PROGRESS")
    if task.request.retries == 0:
        raise OSError("once")
    return "done"


OPTIONS: dict[str, Any] = {
    "name": "s.states",
    "bind": True,
    "track_started": True,
    "autoretry_for": (OSError,),
    "retry_kwargs": {"countdown": 1},
}
