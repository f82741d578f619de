"""The pool of threads: tasks that are not ``async def`` run on several threads of one process.

Each takes what comes next and carries it as far as it goes, as the main thread does in a process of its own. What
ends a task from outside is raised into its thread; where that does not end it, the process ends and is replaced.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from celeriac.execution import around
from celeriac.message import Message
from celeriac.task import Request, Runnable
from celeriac.worker.beside import GRACE, Beside
from celeriac.worker.executor import Executor, call
from celeriac.worker.grip import Grip
from celeriac.worker.interrupts import Overdue
from celeriac.worker.running import Running
from celeriac.worker.shift import Shift
from celeriac.worker.tally import Book, Ledger, Register

#: Seconds that interrupted tasks have to tidy up when the process has to leave at once.
FAREWELL = 1.0


class SharedLedger(Ledger):
    """A ledger that several threads write in."""

    def __init__(self, register: Register, book: Book | None, total: Counter[str]) -> None:
        super().__init__(register, book, total)
        self._writing = threading.Lock()

    def begin(self, message: Message, until: float) -> int | None:
        """See ``Ledger.begin``. A task that is interrupted at its limit may take its time to end."""
        with self._writing:
            return super().begin(message, until + GRACE)


class ThreadedExecutor(Executor):
    """An executor whose ``handle`` is called by several threads. Raises ``Overdue`` in the thread whose task is."""

    def _watched(self, running: Running, request: Request, task: Runnable, soft: float | None) -> object:
        """Call the task, which may be interrupted meanwhile: by its time limits, or by remote control."""

        def perform() -> Any:
            around.before(task, request)
            return call(task, running.message)

        grip = Grip()
        running.cancel = partial(grip.throw, Overdue)
        self._desk.begin_beside(running)
        try:
            return grip.call(perform, soft)
        finally:
            if not self._desk.beside.part(running):
                raise Overdue


class Threads:
    """So many threads on one shift. ``beside`` is where their tasks are found."""

    def __init__(self, count: int, shift: Shift, beside: Beside) -> None:
        self._count = count
        self._shift = shift
        self._beside = beside
        self._left: SimpleQueue[BaseException | None] = SimpleQueue()
        self._alive = 0

    def work(self) -> None:
        """Work until the end of the shift. Raises what a thread raised that should not have."""
        self.start()
        self.join()

    def start(self) -> None:
        """Begin."""
        for number in range(1, self._count + 1):
            self._alive += 1
            threading.Thread(target=self._live, name=f"task-{number}", daemon=True).start()

    def join(self) -> None:
        """Wait for the end of the shift."""
        while self._alive:
            if (error := self._left.get()) is not None:
                raise error
            self._alive -= 1

    def close(self) -> None:
        """Interrupt what still runs, and wait a moment for it; nothing more is told of it."""
        self._shift.over = True
        for running in self._beside.running():
            if running.cancel is not None:
                running.cancel()
        until = time.monotonic() + FAREWELL
        with suppress(Empty):
            while self._alive:
                self._left.get(timeout=max(0.0, until - time.monotonic()))
                self._alive -= 1

    def _live(self) -> None:
        try:
            work_on(self._shift)
        except BaseException as error:  # noqa: BLE001  # the main thread's to raise, or it would wait for ever
            self._left.put(error)
        else:
            self._left.put(None)


def work_on(shift: Shift) -> None:
    """Work until the end of the shift. A thread whose task another end was told of is free for the next."""
    while True:
        with suppress(Overdue):
            shift.work()
            return
