"""The thread that owns a worker process's connection: takes messages in, carries outcomes out, in batches.

Outcomes gather while it is busy, so that the busier the worker is, the more share one round trip. Order
within a batch: messages are published, confirmed, and results stored before any delivery is settled.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from celeriac.errors import TransportError
from celeriac.events import Event
from celeriac.lifecycle_events import Revoked
from celeriac.message import Message
from celeriac.transport import Delivery, Source, WorkerLink
from celeriac.worker.beside import Beside
from celeriac.worker.carrying import Outcomes
from celeriac.worker.holding import Holding
from celeriac.worker.interrupts import Overdue
from celeriac.worker.journal import Journal
from celeriac.worker.liaison import Liaison
from celeriac.worker.mouth import Mouth
from celeriac.worker.outcome import Outcome
from celeriac.worker.promises import Promises
from celeriac.worker.running import Running
from celeriac.worker.waking import Bell

logger = logging.getLogger("celeriac.worker")

#: Seconds between heartbeats and housekeeping.
TICK = 1.0
#: Seconds for which outcomes gather at most while other tasks run: they share a round trip.
GATHER = 0.002
#: Seconds to wait for what the node knows before the first message is taken.
GREETING_SECONDS = 5.0
#: Seconds before the first, and at most before a later, attempt to connect again.
RECONNECT_FIRST, RECONNECT_MOST = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the courier needs of the process around it.

    ``connect`` makes a connection, ``ready`` is called whenever one is up, ``leave`` ends the process at once after a
    hard time limit. ``supervisor`` is the process without which this one has no business here, ``node`` the worker's
    name, ``liaison`` this process's end of the channel to the node, if there is remote control.
    """

    connect: Callable[[], WorkerLink]
    ready: Callable[[], None]
    leave: Callable[[], None]
    journal: Journal
    supervisor: int
    node: str
    promises: Promises
    liaison: Liaison | None = None


class Courier(threading.Thread):
    """Feeds ``inbox`` with deliveries, and calls to make; None is the end. ``report`` takes what came of them.

    ``stop`` ends it in order: what is not begun goes back, what runs is waited for. ``abandon`` ends it at once: what
    runs goes back too.
    """

    def __init__(self, prefetch: int, surroundings: Surroundings) -> None:
        super().__init__(name="courier", daemon=True)
        #: What runs on the event loop, or on threads.
        self.beside = Beside()
        self._holding = Holding(prefetch, self.beside)
        self.inbox = self._holding.inbox
        self._mouth = Mouth(surroundings.node)
        self._around = surroundings
        self._link: WorkerLink | None = None
        self._outcomes = Outcomes(self._holding, surroundings.promises)
        self._ticked = 0.0
        #: What runs. Whoever takes it out decides how the task ended.
        self._running: deque[Running] = deque()
        #: The outcome of what remote control has ended.
        self._ending: Outcome | None = None
        #: The queues to consume, and whether the consumer has still to be told.
        self._queues: list[Mapping[str, Any]] = []
        self._moved = False
        #: Whether the thread ended by a defect rather than because it was told to.
        self.failed = False
        #: Whether it sleeps until something happens, and so has to be told.
        self._asleep = False
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._over = threading.Event()
        self._bell = Bell()
        #: What signals are to be written to.
        self.wake_fd = self._bell.fd

    # -- called from other threads and from signal handlers

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome; it is carried out soon, in the order of the reports."""
        if outcome.news:
            outcome = replace(outcome, place=self._mouth.reserve())
        self._outcomes.put(outcome)
        if self._over.is_set():
            self._outcomes.drop()
        # While more is to be run, one that is awake finds them by itself, many at once.
        if self._asleep or self.inbox.empty():
            self._bell.ring()

    def promise(self, delivery: Delivery, message: Message) -> None:
        """See ``Desk.promise``."""
        self._around.promises.make(delivery, message)

    def begin(self, running: Running) -> None:
        """A task starts. Unless ``lift`` is called before its limit, carry out its outcome and end the process."""
        self._running.append(running)
        if running.limit is not None:
            self._bell.ring()

    def lift(self) -> None:
        """The task has ended. Raises ``Overdue`` when that came too late: another end of it was told already."""
        try:
            self._running.pop()
        except IndexError:
            raise Overdue from None

    def begin_beside(self, running: Running) -> None:
        """A task starts beside the main thread; ``beside.part`` when it has ended."""
        self.beside.join(running)
        # Its delivery is out of the way of others now; or its limit is the next that there is to wait for.
        if running.outside or running.limit is not None:
            self._bell.ring()

    def came_due(self, delivery: Delivery) -> bool:
        """Whether a delivery was handled before and put off."""
        return self._holding.came_due(delivery)

    def tell(self, news: Iterable[Event]) -> None:
        """Tell monitors, soon."""
        if self._mouth.take(news):
            self._bell.ring()

    def stop(self) -> None:
        """End in order."""
        self._stopping.set()
        self._bell.ring()

    def abandon(self) -> None:
        """End at once."""
        self._abandoned.set()
        self.stop()

    def close(self) -> None:
        """Give back what wakes it: it has ended, and nobody calls it any more."""
        self._bell.close()

    # -- the thread

    def run(self) -> None:
        """Work until told to stop. Called by ``start``."""
        try:
            self._greet()
            while not self._finished():
                self._attempt()
        except Exception:
            self.failed = True
            logger.critical("The connection thread failed; this process ends", exc_info=True)
        finally:
            self._close()
            self._over.set()
            self._outcomes.drop()
            self.inbox.put(None)

    def _attempt(self) -> None:
        try:
            self._step(self._connected())
        except TransportError as error:
            self._lost(error)

    def _step(self, link: WorkerLink) -> None:
        if self._stopping.is_set():
            link.consumer.cancel()
        taken = self._holding.take_in(link.consumer)
        self._tell_held(link)
        if self._stopping.is_set():
            self._holding.recall(link.consumer)
        elif self._moved:
            self._moved = False
            link.consumer.consume([Source(**queue) for queue in self._queues])
        self._enforce_limit(link)
        self._enforce_end(link)
        self._gather(taken)
        carried = self._carry_out(link)
        self._mouth.speak(link.post)
        self._tick(link)
        # What was settled made room: take in again before sleeping.
        if not carried and not self._finished():
            self._sleep(link)

    def _tick(self, link: WorkerLink) -> None:
        if time.monotonic() - self._ticked < TICK:
            return
        self._ticked = time.monotonic()
        link.consumer.tick()
        self.beside.recount()
        if self._around.liaison is not None:
            self._around.liaison.hear(self)
            self._around.liaison.tick(self)
        if os.getppid() != self._around.supervisor:
            logger.warning("The supervisor is gone; this process ends")
            self._stopping.set()

    def _finished(self) -> bool:
        if self._abandoned.is_set():
            return True
        # What was told to end and has not yet may still take the whole process with it.
        return self._stopping.is_set() and not self._holding and not self._outcomes and not self.beside.busy

    def _carry_out(self, link: WorkerLink) -> bool:
        """Carry out what has gathered; whether that was anything."""
        carried = self._outcomes.carry_out(link)
        if carried:
            self._tell_held(link)
        return carried

    def _tell_held(self, link: WorkerLink) -> None:
        if not self._stopping.is_set():
            self._holding.tell(link.consumer)

    def _enforce_limit(self, link: WorkerLink | None) -> None:
        for one in self.beside.exceeded():
            if self.beside.oust(one):
                self.report(one.exceeded())
        running = self._foremost
        if running is not None and running.until <= time.monotonic() and self._claim(running):
            self._end_with(link, running.exceeded())

    def _claim(self, running: Running) -> bool:
        """Take out what runs, that and nothing else; False when it has just ended."""
        try:
            self._running.remove(running)
        except ValueError:
            return False
        return True

    def _enforce_end(self, link: WorkerLink | None) -> None:
        if self._ending is not None:
            self._end_with(link, self._ending)
        elif self.beside.stuck():
            logger.error("A cancelled task does not end; this process does")
            self._leave(link)

    def _end_with(self, link: WorkerLink | None, outcome: Outcome) -> None:
        """Carry out the outcome of the task that runs, and end the process: nothing else ends the task."""
        self.report(outcome)
        self._leave(link)

    def _leave(self, link: WorkerLink | None) -> None:
        """Tell what there is to tell, and end the process."""
        # The task runs on until the process ends, so that is not put off for a broker that is away.
        if link is not None:
            with contextlib.suppress(TransportError):
                link.consumer.cancel()
                self._holding.recall(link.consumer)
                self._carry_out(link)
                self._mouth.speak(link.post)
        # The thread that would make them is held up by the task.
        for call in self._holding.calls():
            call()
        self._around.journal.end_all()
        self._close()
        self._around.leave()

    def _gather(self, taken: int) -> None:
        """Let outcomes gather while the executor has more to do; it wakes us when it has not.

        Of several deliveries that were just taken in, the first outcome would wake us for nothing.
        """
        if (taken > 1 or self._outcomes) and not self.inbox.empty() and not self._stopping.is_set():
            self._doze(GATHER)

    def _sleep(self, link: WorkerLink) -> None:
        timeout = min(TICK, self._holding.next_turn - time.time(), self._limit_at() - time.monotonic())
        self._around.journal.note_next(self.inbox.qsize())
        self._asleep = True
        # What was reported just before we said that we sleep has woken nobody.
        if not self._outcomes:
            self._doze(timeout, link.consumer.filenos())
        self._asleep = False

    def _limit_at(self) -> float:
        running = self._foremost
        limit = math.inf if running is None else running.until
        return min(limit, self.beside.next_at()) if self.beside.busy else limit

    def _doze(self, timeout: float, filenos: Iterable[int] = ()) -> None:
        """Sleep until something happens, and see which signals have come: the main thread may be deaf to them."""
        watched = [(fileno, select.POLLIN) for fileno in filenos]
        liaison = self._around.liaison
        if liaison is not None:
            watched.append((liaison.channel.fileno(), liaison.channel.interest))
        ready = self._bell.sleep(timeout, watched)
        if liaison is not None and liaison.channel.fileno() in ready:
            liaison.hear(self)
        if self._bell.terminations > 0:
            self._stopping.set()
        if self._bell.terminations > 1:
            self._abandoned.set()

    # -- what remote control asks for

    def _greet(self) -> None:
        """Wait for what the node knows, so that nothing runs that was revoked; not for long."""
        liaison = self._around.liaison
        if liaison is None:
            return
        liaison.greet()
        until = time.monotonic() + GREETING_SECONDS
        while not liaison.informed and not self._stopping.is_set() and time.monotonic() < until:
            self._doze(until - time.monotonic())

    @property
    def running(self) -> list[Running]:
        """See ``Bench.running``."""
        return [*self._running, *self.beside.running()]

    @property
    def _foremost(self) -> Running | None:
        """What the main thread runs."""
        with contextlib.suppress(IndexError):
            return self._running[0]
        return None

    def held(self) -> tuple[list[Delivery], list[tuple[float, Delivery]]]:
        """See ``Bench.held``."""
        return self._holding.listed(running.delivery for running in self.running)

    def consume(self, queues: Iterable[Mapping[str, Any]]) -> None:
        """See ``Bench.consume``."""
        self._queues = list(queues)
        self._moved = True

    def end(self, event: Revoked, wanted: Callable[[Message], bool]) -> list[str]:
        """See ``Bench.end``."""
        ended = []
        for one in self.beside.wanted(wanted):
            if self.beside.oust(one):
                self.report(one.settle(event))
                ended.append(one.message.id)
        running = self._foremost
        if running is not None and wanted(running.message) and self._claim(running):
            self._ending = running.settle(event)
            ended.append(running.message.id)
        return ended

    # -- connection

    def _connected(self) -> WorkerLink:
        if self._link is None:
            self._link = self._around.connect()
            self._link.consumer.recover()
            self._holding.begin()
            self._moved = bool(self._queues)
            self._around.ready()
        return self._link

    def _lost(self, error: TransportError) -> None:
        """Forget the deliveries, which the broker hands out again, and connect anew."""
        logger.warning("%s", error)
        self._holding.forget()
        self._close()
        if self._stopping.is_set():
            self._outcomes.drop()
        delay = RECONNECT_FIRST
        while self._link is None and not self._stopping.is_set():
            logger.warning("Trying again in %g seconds", delay)
            again = time.monotonic() + delay
            while time.monotonic() < again and not self._stopping.is_set():
                self._doze(min(again, self._limit_at()) - time.monotonic())
                self._enforce_limit(None)
                self._enforce_end(None)
            if self._stopping.is_set():
                return
            try:
                self._connected()
            except TransportError as still:
                logger.warning("%s", still)
            delay = min(2 * delay, RECONNECT_MOST)

    def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            # What could not be given back is recovered by whoever bears this process's name next.
            with contextlib.suppress(TransportError, OSError):
                link.close()
