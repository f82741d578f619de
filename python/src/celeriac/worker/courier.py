"""The thread that owns a worker process's connection: takes messages in, carries outcomes out, in batches.

Outcomes gather while it is busy, so that the busier the worker is, the more share one round trip. Order
within a batch: messages are published, confirmed, and results stored before any delivery is settled.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import os
import queue
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from celeriac.errors import TransportError
from celeriac.transport import Delivery, WorkerLink
from celeriac.worker.carrying import gather, send, store, tell
from celeriac.worker.interrupts import Overdue
from celeriac.worker.journal import Journal
from celeriac.worker.outcome import Outcome, Settlement

logger = logging.getLogger("celeriac.worker")

#: Seconds between heartbeats and housekeeping.
TICK = 1.0
#: Seconds before the first, and at most before a later, attempt to connect again.
RECONNECT_FIRST, RECONNECT_MOST = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the courier needs of the process around it.

    ``connect`` makes a connection, ``ready`` is called whenever one is up, ``leave`` ends the process at once after a
    hard time limit. ``supervisor`` is the process without which this one has no business here.
    """

    connect: Callable[[], WorkerLink]
    ready: Callable[[], None]
    leave: Callable[[], None]
    journal: Journal
    supervisor: int


class Courier(threading.Thread):
    """Feeds ``inbox`` with deliveries, and calls to make; None is the end. ``report`` takes what came of them.

    ``stop`` ends it in order: what is not begun goes back, what runs is waited for. ``abandon`` ends it at once: what
    runs goes back too.
    """

    def __init__(self, prefetch: int, surroundings: Surroundings) -> None:
        super().__init__(name="courier", daemon=True)
        self.inbox: queue.SimpleQueue[Delivery | Callable[[], None] | None] = queue.SimpleQueue()
        self._prefetch = prefetch
        self._around = surroundings
        self._link: WorkerLink | None = None
        self._outcomes: deque[Outcome] = deque()
        #: Deliveries of the connection that is up, by identity; an outcome for any other has nothing to settle.
        self._open: dict[int, Delivery] = {}
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._ticked = 0.0
        #: The hard time limit of what runs, and what to do then. Whoever takes it out decides how the task ended.
        self._limit: deque[tuple[float, Callable[[], Outcome]]] = deque()
        #: Whether the thread ended by a defect rather than because it was told to.
        self.failed = False
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._over = threading.Event()
        self._terminations = 0
        self._awake, self.wake_fd = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self.wake_fd, False)

    # -- called from other threads and from signal handlers

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome; it is carried out soon, in the order of the reports."""
        self._outcomes.append(outcome)
        if self._over.is_set():
            self._drop_outcomes()
        self._rouse()

    def limit(self, seconds: float, outcome: Callable[[], Outcome]) -> None:
        """Unless ``lift`` is called within so many seconds, carry out this outcome and end the process."""
        self._limit.append((time.monotonic() + seconds, outcome))
        self._rouse()

    def lift(self) -> None:
        """What was limited has ended. Raises ``Overdue`` when that came too late."""
        try:
            self._limit.pop()
        except IndexError:
            raise Overdue from None

    def stop(self) -> None:
        """End in order."""
        self._stopping.set()
        self._rouse()

    def abandon(self) -> None:
        """End at once."""
        self._abandoned.set()
        self.stop()

    def _rouse(self) -> None:
        # A full pipe wakes as well as one more byte would.
        with contextlib.suppress(BlockingIOError):
            os.write(self.wake_fd, b"\0")

    # -- the thread

    def run(self) -> None:
        """Work until told to stop. Called by ``start``."""
        try:
            while not self._finished():
                self._attempt()
        except Exception:
            self.failed = True
            logger.critical("The connection thread failed; this process ends", exc_info=True)
        finally:
            self._close()
            self._over.set()
            self._drop_outcomes()
            self.inbox.put(None)

    def _attempt(self) -> None:
        try:
            self._step(self._connected())
        except TransportError as error:
            self._lost(error)

    def _step(self, link: WorkerLink) -> None:
        if self._stopping.is_set():
            link.consumer.cancel()
        self._take_in(link)
        if self._stopping.is_set():
            self._recall(link)
        self._enforce_limit(link)
        carried = self._carry_out(link)
        self._tick(link)
        # What was settled made room: take in again before sleeping.
        if not carried and not self._finished():
            self._sleep(link)

    def _tick(self, link: WorkerLink) -> None:
        if time.monotonic() - self._ticked < TICK:
            return
        self._ticked = time.monotonic()
        link.consumer.tick()
        if os.getppid() != self._around.supervisor:
            logger.warning("The supervisor is gone; this process ends")
            self._stopping.set()

    def _finished(self) -> bool:
        if self._abandoned.is_set():
            return True
        return self._stopping.is_set() and not self._open and not self._outcomes

    def _take_in(self, link: WorkerLink) -> None:
        room = self._prefetch - len(self._open) + len(self._waiting)
        for delivery in link.consumer.receive(room):
            self._open[id(delivery)] = delivery
            self.inbox.put(delivery)
        now = time.time()
        due = 0
        while self._waiting and self._waiting[0][0] <= now:
            self.inbox.put(heapq.heappop(self._waiting)[2])
            due += 1
        if due:
            link.consumer.hold(len(self._waiting))

    def _carry_out(self, link: WorkerLink) -> bool:
        """Carry out what has gathered; whether that was anything."""
        batch = list(self._outcomes)
        if not batch:
            return False
        batch = send(link, batch)
        # What a lost connection interrupts is carried out again on the next, but for what was sent already.
        for position, outcome in enumerate(batch):
            self._outcomes[position] = outcome
        store(link, batch)
        calls = [call for outcome in (*batch, *gather(link, batch)) for call in outcome.calls]
        self._settle(link, batch)
        for outcome in batch:
            self._outcomes.popleft()
            tell(outcome, id(outcome.delivery) in self._open)
        for call in calls:
            self.inbox.put(call)
        return True

    def _settle(self, link: WorkerLink, batch: Sequence[Outcome]) -> None:
        settled: dict[Settlement, list[Delivery]] = {settlement: [] for settlement in Settlement}
        over: list[Delivery] = []
        held = len(self._waiting)
        for outcome in batch:
            delivery = outcome.delivery
            if id(delivery) not in self._open:
                continue
            if outcome.settlement is not None:
                settled[outcome.settlement].append(delivery)
            if outcome.wait_until is not None:
                heapq.heappush(self._waiting, (outcome.wait_until.timestamp(), next(self._order), delivery))
            elif outcome.over:
                over.append(delivery)
        link.consumer.settle(settled[Settlement.ACK], settled[Settlement.REJECT], settled[Settlement.REQUEUE])
        for delivery in over:
            del self._open[id(delivery)]
        if len(self._waiting) != held and not self._stopping.is_set():
            link.consumer.hold(len(self._waiting))

    def _enforce_limit(self, link: WorkerLink | None) -> None:
        try:
            if self._limit[0][0] > time.monotonic():
                return
            _, outcome = self._limit.pop()
        except IndexError:
            # Nothing runs under a limit, or it has just ended.
            return
        self.report(outcome())
        # The task runs on until the process ends, so that is not put off for a broker that is away.
        if link is not None:
            with contextlib.suppress(TransportError):
                link.consumer.cancel()
                self._recall(link)
                self._carry_out(link)
        # The thread that would make them is held up by the task.
        for call in self._calls():
            call()
        self._around.journal.end()
        self._close()
        self._around.leave()

    def _sleep(self, link: WorkerLink) -> None:
        timeout = TICK
        if self._waiting:
            timeout = min(timeout, self._waiting[0][0] - time.time())
        timeout = min(timeout, self._limit_at() - time.monotonic())
        self._doze(timeout, link.consumer.filenos())

    def _limit_at(self) -> float:
        with contextlib.suppress(IndexError):
            return self._limit[0][0]
        return math.inf

    def _doze(self, timeout: float, filenos: Iterable[int] = ()) -> None:
        """Sleep until something happens, and see which signals have come: the main thread may be deaf to them."""
        poll = select.poll()
        for fileno in (self._awake, *filenos):
            poll.register(fileno, select.POLLIN)
        poll.poll(max(0.0, timeout) * 1000)
        with contextlib.suppress(BlockingIOError):
            self._terminations += os.read(self._awake, 4096).count(signal.SIGTERM)
        if self._terminations > 0:
            self._stopping.set()
        if self._terminations > 1:
            self._abandoned.set()

    # -- connection

    def _connected(self) -> WorkerLink:
        if self._link is None:
            self._link = self._around.connect()
            self._link.consumer.recover()
            self._around.ready()
        return self._link

    def _lost(self, error: TransportError) -> None:
        """Forget the deliveries, which the broker hands out again, and connect anew."""
        logger.warning("%s", error)
        self._take_back()
        self._close()
        # Nothing of it can be settled any more.
        self._open.clear()
        if self._stopping.is_set() and self._outcomes:
            self._drop_outcomes()
        delay = RECONNECT_FIRST
        while self._link is None and not self._stopping.is_set():
            logger.warning("Trying again in %g seconds", delay)
            again = time.monotonic() + delay
            while time.monotonic() < again and not self._stopping.is_set():
                self._doze(min(again, self._limit_at()) - time.monotonic())
                self._enforce_limit(None)
            if self._stopping.is_set():
                return
            try:
                self._connected()
            except TransportError as still:
                logger.warning("%s", still)
            delay = min(2 * delay, RECONNECT_MOST)

    def _drop_outcomes(self) -> None:
        if self._outcomes:
            logger.error("%d tasks will be delivered again: their end could not be told", len(self._outcomes))
        with contextlib.suppress(IndexError):
            while True:
                tell(self._outcomes.popleft(), False)

    def _recall(self, link: WorkerLink) -> None:
        """Give back what has not been begun."""
        recalled = self._take_back()
        if recalled:
            link.consumer.settle((), (), recalled)
            for delivery in recalled:
                self._open.pop(id(delivery), None)

    def _take_back(self) -> list[Delivery]:
        taken = [delivery for _, _, delivery in self._waiting]
        self._waiting.clear()
        calls: list[Callable[[], None]] = []
        with contextlib.suppress(queue.Empty):
            while (item := self.inbox.get_nowait()) is not None:
                if isinstance(item, Delivery):
                    taken.append(item)
                else:
                    calls.append(item)
        for call in calls:
            self.inbox.put(call)
        return taken

    def _calls(self) -> list[Callable[[], None]]:
        """Take the calls that wait out of the inbox, which holds nothing else any more."""
        calls: list[Callable[[], None]] = []
        with contextlib.suppress(queue.Empty):
            while (item := self.inbox.get_nowait()) is not None:
                if not isinstance(item, Delivery):
                    calls.append(item)
        return calls

    def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            # What could not be given back is recovered by whoever bears this process's name next.
            with contextlib.suppress(TransportError, OSError):
                link.close()
