"""What a worker process notes in memory that it shares with the supervisor, to be read there after its death.

So a task that kills its process is recognised when it comes again.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator

#: A task's id is noted by so many of its bytes: with what stands before it, it makes one text.
ID_BYTES = 240
#: Tasks whose deaths are remembered; the oldest is forgotten first.
REMEMBERED = 512
#: Stands in the place of a number of deaths for a task that was ended, with its process, because it was overdue.
OVERDUE = 255
#: How an entry of the journal begins: the monotonic time at which the task has to be over.
UNTIL = struct.Struct("d")


class Slots:
    """Short texts in memory shared with processes that are forked later. One process writes.

    A text is either there as a whole or not at all, at whatever instant its writer is killed: its length, which makes
    it valid, is written last.
    """

    def __init__(self, count: int, width: int) -> None:
        self._width = width + 1
        self._memory = mmap.mmap(-1, count * self._width)
        self._free = list(reversed(range(count)))

    def put(self, text: bytes) -> int | None:
        """Keep a text; the number of its slot, or None when it is too long or all slots are taken."""
        if not self._free or not 0 < len(text) < self._width:
            return None
        slot = self._free.pop()
        start = slot * self._width
        self._memory[start + 1 : start + 1 + len(text)] = text
        self._memory[start] = len(text)
        return slot

    def clear(self, slot: int) -> None:
        """Give a slot free."""
        self._memory[slot * self._width] = 0
        self._free.append(slot)

    def wipe(self) -> None:
        """No text is there any more, and none is put in again."""
        self._free.clear()
        for start in range(0, len(self._memory), self._width):
            self._memory[start] = 0

    def replace(self, slot: int, position: int, byte: int) -> None:
        """Change one byte of a text, at once."""
        self._memory[slot * self._width + 1 + position] = byte

    @property
    def used(self) -> bool:
        """Whether a text has ever been put in."""
        return any(self._memory[:])

    def __iter__(self) -> Iterator[bytes]:
        """The texts that are there."""
        for start in range(0, len(self._memory), self._width):
            length = self._memory[start]
            if length:
                yield self._memory[start + 1 : start + 1 + length]


class Journal:
    """What one process runs, up to ``places`` at a time. It writes, the supervisor reads once it is dead."""

    def __init__(self, places: int = 1) -> None:
        self._running = Slots(places, UNTIL.size + ID_BYTES)
        self._next = mmap.mmap(-1, 1)

    def begin(self, task_id: str, until: float = math.inf) -> int | None:
        """Note a task that runs now, until its hard limit at the most; what to call ``end`` with."""
        return self._running.put(UNTIL.pack(until) + _key(task_id))

    def end(self, slot: int | None) -> None:
        """It has come to an end."""
        if slot is not None:
            self._running.clear(slot)

    def end_all(self) -> None:
        """The process ends, and none of its tasks is to blame."""
        self._running.wipe()

    def note_next(self, count: int) -> None:
        """So many tasks are next."""
        self._next[0] = min(count, 255)

    def hands(self) -> tuple[int, int]:
        """How many tasks run, and how many are next, as the process said last."""
        return len(self.running()), self._next[0]

    @property
    def used(self) -> bool:
        """Whether the process has begun any task."""
        return self._running.used

    def running(self) -> list[bytes]:
        """What ran last without coming to an end, as ``Deaths`` knows it."""
        return [entry[UNTIL.size :] for entry in self._running]

    def overdue(self, now: float) -> list[bytes]:
        """What runs beyond its hard limit. One look while the process lives may be wrong: it may be writing."""
        entries = [entry for entry in self._running if len(entry) > UNTIL.size]
        return [entry[UNTIL.size :] for entry in entries if UNTIL.unpack_from(entry)[0] < now]


class Deaths:
    """How often a process died while it ran a task. Written by the supervisor, read by all processes."""

    def __init__(self) -> None:
        self._slots = Slots(REMEMBERED, ID_BYTES + 1)
        self._known: dict[bytes, tuple[int, int]] = {}

    def count_one(self, key: bytes) -> int:
        """Count a death; how many it are now."""
        slot, deaths = self._known.pop(key, (None, 0))
        deaths = min(deaths + 1, OVERDUE - 1)
        self._note(key, slot, deaths)
        return deaths

    def condemn(self, key: bytes) -> None:
        """Note that the task was ended because it was overdue."""
        self._note(key, self._known.pop(key, (None, 0))[0], OVERDUE)

    def _note(self, key: bytes, slot: int | None, deaths: int) -> None:
        if slot is not None:
            self._slots.replace(slot, 0, deaths)
        else:
            if len(self._known) >= REMEMBERED:
                self._slots.clear(self._known.pop(next(iter(self._known)))[0])
            slot = self._slots.put(bytes([deaths]) + key)
        if slot is not None:
            self._known[key] = (slot, deaths)

    def of(self, task_id: str) -> int:
        """Deaths that this task caused, as far as is known, or OVERDUE."""
        key = _key(task_id)
        return next((text[0] for text in self._slots if text[1:] == key), 0)


def _key(task_id: str) -> bytes:
    return task_id.encode("utf-8", "surrogatepass")[:ID_BYTES]
