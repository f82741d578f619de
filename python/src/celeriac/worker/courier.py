"""The thread that owns a worker process's connection: takes messages in, carries outcomes out, in batches.

Outcomes gather while it is busy, so that the busier the worker is, the more share one round trip. Order
within a batch: results are stored and messages published, confirmed, before any delivery is settled.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import queue
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from celeriac.errors import BrokerUnavailable, PublishRefused, TransportError
from celeriac.transport import Delivery, Outgoing, WorkerLink
from celeriac.worker.executor import Outcome, Settlement

logger = logging.getLogger("celeriac.worker")

#: Seconds between heartbeats and housekeeping.
TICK = 1.0
#: Seconds before the first, and at most before a later, attempt to connect again.
RECONNECT_FIRST, RECONNECT_MOST = 1.0, 30.0


class Courier(threading.Thread):
    """Feeds ``inbox`` with deliveries (None is the end); ``report`` takes what came of them, from any thread.

    ``stop`` ends it in order: what is not begun goes back, what runs is waited for. ``abandon`` ends it at once: what
    runs goes back too.
    """

    def __init__(self, connect: Callable[[], WorkerLink], prefetch: int, on_ready: Callable[[], None]) -> None:
        super().__init__(name="courier", daemon=True)
        self.inbox: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._connect = connect
        self._prefetch = prefetch
        self._on_ready = on_ready
        self._link: WorkerLink | None = None
        self._outcomes: deque[Outcome] = deque()
        #: Deliveries of the connection that is up, by identity; an outcome for any other has nothing to settle.
        self._open: dict[int, Delivery] = {}
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._ticked = 0.0
        self._parent = os.getppid()
        #: Whether the thread ended by a defect rather than because it was told to.
        self.failed = False
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self._wake, False)

    # -- called from other threads and from signal handlers

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome; it is carried out soon, in the order of the reports."""
        self._outcomes.append(outcome)
        self._rouse()

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
            os.write(self._wake, b"!")

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
            self.inbox.put(None)

    def _attempt(self) -> None:
        try:
            self._step(self._connected())
        except TransportError as error:
            self._lost(error)

    def _step(self, link: WorkerLink) -> None:
        if self._stopping.is_set():
            self._recall()
        else:
            self._take_in(link)
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
        if os.getppid() != self._parent:
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
        while self._waiting and self._waiting[0][0] <= now:
            self.inbox.put(heapq.heappop(self._waiting)[2])
            link.consumer.hold(len(self._waiting))

    def _carry_out(self, link: WorkerLink) -> bool:
        """Carry out what has gathered; whether that was anything."""
        batch = list(self._outcomes)
        if not batch:
            return False
        documents = [document for outcome in batch for document in outcome.documents]
        outgoing = [message for outcome in batch for message in outcome.outgoing]
        if documents and link.store is not None:
            link.store.store(documents)
        refused = _publish(link, outgoing)
        if refused:
            batch = [_without_effect(outcome) if refused & set(outcome.outgoing) else outcome for outcome in batch]
        self._settle(link, batch)
        # Only now: what a lost connection interrupted is carried out again on the next.
        for _ in batch:
            self._outcomes.popleft()
        return True

    def _settle(self, link: WorkerLink, batch: Sequence[Outcome]) -> None:
        settled: dict[Settlement, list[Delivery]] = {settlement: [] for settlement in Settlement}
        over: list[Delivery] = []
        for outcome in batch:
            delivery = outcome.delivery
            if id(delivery) not in self._open:
                continue
            if outcome.settlement is not None:
                settled[outcome.settlement].append(delivery)
            if outcome.wait_until is not None:
                heapq.heappush(self._waiting, (outcome.wait_until.timestamp(), next(self._order), delivery))
                link.consumer.hold(len(self._waiting))
            elif outcome.over:
                over.append(delivery)
        link.consumer.settle(settled[Settlement.ACK], settled[Settlement.REJECT], settled[Settlement.REQUEUE])
        for delivery in over:
            del self._open[id(delivery)]

    def _sleep(self, link: WorkerLink) -> None:
        timeout = TICK
        if self._waiting:
            timeout = max(0.0, min(timeout, self._waiting[0][0] - time.time()))
        select.select([self._awake, *link.consumer.filenos()], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)

    # -- connection

    def _connected(self) -> WorkerLink:
        if self._link is None:
            self._link = self._connect()
            self._on_ready()
        return self._link

    def _lost(self, error: TransportError) -> None:
        """Forget the deliveries, which the broker hands out again, and connect anew."""
        logger.warning("%s", error)
        self._recall(settle=False)
        self._open.clear()
        self._close()
        if self._stopping.is_set() and self._outcomes:
            logger.error("%d tasks will be delivered again: their end could not be told", len(self._outcomes))
            self._outcomes.clear()
        delay = RECONNECT_FIRST
        while self._link is None and not self._stopping.is_set():
            logger.warning("Trying again in %g seconds", delay)
            self._stopping.wait(delay)
            with contextlib.suppress(BrokerUnavailable):
                self._connected()
            delay = min(2 * delay, RECONNECT_MOST)

    def _recall(self, *, settle: bool = True) -> None:
        """Take back what has not been begun."""
        recalled = [delivery for _, _, delivery in self._waiting]
        self._waiting.clear()
        with contextlib.suppress(queue.Empty):
            while (delivery := self.inbox.get_nowait()) is not None:
                recalled.append(delivery)
        if settle and self._link is not None and recalled:
            self._link.consumer.settle((), (), recalled)
        for delivery in recalled:
            self._open.pop(id(delivery), None)

    def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(TransportError, OSError):
                link.close()


def _publish(link: WorkerLink, outgoing: Sequence[Outgoing]) -> set[Outgoing]:
    """Publish all; those that the broker will never take. Raises what a new connection may mend."""
    if outgoing:
        try:
            link.publisher.publish(outgoing)
        except PublishRefused as error:
            logger.error("What a task wanted sent was refused, its message is rejected: %s", error)
            return set(error.refused)
    return set()


def _without_effect(outcome: Outcome) -> Outcome:
    """The outcome of a task whose follow-up messages could not be sent: it goes to the dead-letter queue."""
    return replace(outcome, settlement=Settlement.REJECT)
