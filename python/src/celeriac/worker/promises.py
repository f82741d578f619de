"""What a process has acknowledged before it ran it: when it dies, nobody else will tell that it came to nothing.

Kept in memory that it shares with the supervisor and with the process that takes its place, which tells it.
"""

from __future__ import annotations

import json
import logging
import mmap
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace

from celeriac.errors import CeleriacError
from celeriac.message import Message
from celeriac.serialization import JSON
from celeriac.transport import Delivery
from celeriac.wire import Wire

logger = logging.getLogger("celeriac.worker")

#: Bytes that the records of one process may take together. The system gives memory only to those in use.
ROOM = 16 << 20
#: Records take this many bytes, or a multiple that is a power of two, so that what is given free fits the next.
SMALLEST = 512
#: What stands before a record: how many bytes there is room for, and how many of them it takes; 0: it is free.
EXTENT = struct.Struct("II")
_NO_CONTENT = Wire(b"", JSON, "utf-8", {}, {})


class Records:
    """Byte strings in memory that is shared with processes forked later. One process writes at a time.

    A record is either there as a whole or not at all, at whatever instant its writer is killed: its length is written
    last. All that is known of them stands in the memory itself, for whoever comes next.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._memory = mmap.mmap(-1, room)

    def add(self, record: bytes) -> int | None:
        """Keep a record, which is not empty; where it is, or None when there is no room for it."""
        end = 0
        for start, room, taken in self._extents():
            if not taken and room >= len(record):
                return self._write(start, room, record)
            end = start + EXTENT.size + room
        room = SMALLEST
        while room < len(record):
            room *= 2
        return self._write(end, room, record) if end + EXTENT.size + room <= len(self._memory) else None

    def _write(self, start: int, room: int, record: bytes) -> int:
        self._memory[start + EXTENT.size : start + EXTENT.size + len(record)] = record
        EXTENT.pack_into(self._memory, start, room, len(record))
        return start

    def remove(self, start: int) -> None:
        """Forget the record that is there."""
        EXTENT.pack_into(self._memory, start, EXTENT.unpack_from(self._memory, start)[0], 0)

    def _extents(self) -> Iterator[tuple[int, int, int]]:
        start = 0
        while start + EXTENT.size <= len(self._memory):
            room, taken = EXTENT.unpack_from(self._memory, start)
            if not room:
                return
            yield start, room, taken
            start += EXTENT.size + room

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(taken for _, _, taken in self._extents())

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """All there are, and where."""
        for start, _, taken in self._extents():
            if taken:
                yield start, self._memory[start + EXTENT.size : start + EXTENT.size + taken]


class Promises:
    """Those of one process, in ``records``. Made by threads that run tasks, kept by the one that tells of them."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._making = threading.Lock()
        self._open: dict[int, tuple[Delivery, int]] = {}

    def make(self, delivery: Delivery, message: Message) -> None:
        """A task begins whose message is acknowledged. All is noted but its arguments: it will not run again."""
        # In JSON, whatever it came in: a signature, for one, would have to be made anew.
        kept = replace(message, args=(), kwargs={}, content_type=JSON, content_encoding="utf-8", compression=None)
        try:
            record = json.dumps({"queue": delivery.queue, "message": kept.to_neutral()}).encode()
        except (CeleriacError, ValueError) as error:
            logger.warning("Should its process die, nobody will tell of task %s: %s", ascii(message.id), error)
            return
        with self._making:
            place = self._records.add(record)
        if place is None:
            logger.warning("Should its process die, nobody will tell of task %s: no room", ascii(message.id))
            return
        self._open[id(delivery)] = (delivery, place)

    def keep(self, delivery: Delivery) -> None:
        """The end of a task has been told; of one that nothing was promised for, too."""
        if self._open and (known := self._open.pop(id(delivery), None)) is not None:
            self._records.remove(known[1])

    def inherited(self) -> list[tuple[Delivery, Message]]:
        """What a process before this one promised, and did not live to keep. It is now this one's to keep."""
        left = []
        for place, record in self._records:
            known = json.loads(record)
            # Delivered before, so that it is asked how it died.
            delivery = Delivery(_NO_CONTENT, None, known["queue"], redelivered=True)
            self._open[id(delivery)] = (delivery, place)
            left.append((delivery, Message.from_neutral(known["message"])))
        return left
