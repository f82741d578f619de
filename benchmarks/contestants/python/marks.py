"""The task that everybody runs, and the evidence that it leaves: how many ran, when the first and when the last.

Every thread of every process has a file of its own, 24 bytes of memory shared with the harness, so that a mark costs
a fraction of a microsecond, the same for each contestant, and no two of them disturb each other.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from pathlib import Path

import job

#: Tasks that ran, monotonic nanoseconds of the first and of the last.
RECORD = struct.Struct("=QQQ")
FOLDER = Path(job.current().marks)
_local = threading.local()


class _Slot:
    def __init__(self) -> None:
        path = FOLDER / f"{os.getpid()}-{threading.get_native_id()}"
        path.write_bytes(bytes(RECORD.size))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), RECORD.size)
        self.count = 0
        self.first = 0


def _forget() -> None:
    global _local  # a forked process has to have files of its own
    _local = threading.local()


os.register_at_fork(after_in_child=_forget)


def noop(_payload: object = None) -> None:
    """Do nothing, and say so."""
    now = time.monotonic_ns()
    try:
        slot = _local.slot
    except AttributeError:
        slot = _local.slot = _Slot()
        slot.first = now
    slot.count += 1
    RECORD.pack_into(slot.memory, 0, slot.count, slot.first, now)
