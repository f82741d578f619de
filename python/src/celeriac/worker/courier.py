"""What sees to a worker process's connection: takes messages in, carries outcomes out, in batches.

A thread of its own does while tasks run, and for one that runs tasks and nothing else (``Courier.next``) that one
itself in between. Outcomes gather meanwhile, so that the busier the worker is, the more share one round trip. Order
within a batch: messages are published, confirmed, and results stored before any delivery is settled.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Iterable

from celeriac.errors import TransportError
from celeriac.events import Document
from celeriac.message import Message
from celeriac.transport import Delivery, WorkerLink
from celeriac.worker.carrying import Outcomes
from celeriac.worker.helm import Helm
from celeriac.worker.holding import Item
from celeriac.worker.mouth import Mouth
from celeriac.worker.outcome import Outcome
from celeriac.worker.running import Running
from celeriac.worker.surroundings import Surroundings
from celeriac.worker.waking import Bell
from celeriac.worker.workbench import Workbench

logger = logging.getLogger("celeriac.worker")

#: Seconds between heartbeats and housekeeping.
TICK = 1.0
#: Seconds for which outcomes gather at most while other tasks run: they share a round trip.
GATHER = 0.002
#: Seconds to wait for what the node knows before the first message is taken.
GREETING_SECONDS = 5.0
#: Seconds before the first, and at most before a later, attempt to connect again.
RECONNECT_FIRST, RECONNECT_MOST = 1.0, 30.0


class Courier(threading.Thread):
    """Feeds ``inbox`` with deliveries, and calls to make; None is the end. ``report`` takes what came of them.

    ``stop`` ends it in order: what is not begun goes back, what runs is waited for. ``abandon`` ends it at once: what
    runs goes back too.
    """

    def __init__(self, prefetch: int, surroundings: Surroundings) -> None:
        super().__init__(name="courier", daemon=True)
        self._bench = Workbench(prefetch, self.report)
        #: What runs on the event loop, or on threads.
        self.beside = self._bench.beside
        self._holding = self._bench.holding
        self.inbox = self._holding.inbox
        self._mouth = Mouth(surroundings.node)
        self._around = surroundings
        self._link: WorkerLink | None = None
        self._outcomes = Outcomes(self._holding, surroundings.promises)
        self._ticked = self._seen_to = 0.0
        #: How many deliveries came last.
        self._taken = 0
        #: Whether the thread ended by a defect rather than because it was told to.
        self.failed = False
        #: Who sees to the connection, what went wrong with it in the other thread, and whether that has nothing to do.
        self._helm = Helm()
        self._failure: Exception | None = None
        self._idle = self._attended = False
        #: Whether who sees to it sleeps until something happens, and so has to be told; and lets outcomes gather.
        self._asleep = self._gathering = False
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
            outcome.place = self._mouth.reserve()
        self._outcomes.put(outcome)
        if self._over.is_set():
            self._outcomes.drop()
        # Who is awake finds them by itself, and while more is to be run, many at once.
        if self._asleep and not (self._gathering and not self.inbox.empty()):
            self._bell.ring()
        # The thread that reports it goes on when it is settled, so it cannot see to that.
        if outcome.settled is not None:
            self._helm.call()

    def promise(self, delivery: Delivery, message: Message) -> None:
        """See ``Desk.promise``."""
        self._around.promises.make(delivery, message)

    def begin(self, running: Running) -> None:
        """A task starts. Unless ``lift`` is called before its limit, carry out its outcome and end the process."""
        self._bench.foreground.begin(running)
        if running.limit is not None and self._asleep:
            self._bell.ring()

    def lift(self) -> None:
        """The task has ended. Raises ``Overdue`` when that came too late: another end of it was told already."""
        self._bench.foreground.lift()

    def begin_beside(self, running: Running) -> None:
        """A task starts beside the main thread; ``beside.part`` when it has ended."""
        self.beside.join(running)
        # Its delivery is out of the way of others now; or its limit is the next that there is to wait for.
        if running.outside or running.limit is not None:
            self._bell.ring()

    def came_due(self, delivery: Delivery) -> bool:
        """Whether a delivery was handled before and put off."""
        return self._holding.came_due(delivery)

    def tell(self, news: Iterable[Document]) -> None:
        """Tell monitors, soon."""
        if self._mouth.take(news) and self._asleep:
            self._bell.ring()

    def stop(self) -> None:
        """End in order."""
        self._stopping.set()
        self._bell.ring()
        self._helm.call()

    def abandon(self) -> None:
        """End at once."""
        self._abandoned.set()
        self.stop()

    def close(self) -> None:
        """Give back what wakes it: it has ended, and nobody calls it any more."""
        self._bell.close()

    # -- the thread that runs tasks

    def next(self) -> Item:
        """What is to be run or called next; None is the end. For one thread, which sees to the connection meanwhile."""
        if self.inbox.empty() or self._is_late():
            self._see_to_it()
        if self._abandoned.is_set():
            return None
        self._idle = True
        # It may have fallen asleep over a long task, and hands over what there is to see to.
        if self._asleep and self.inbox.empty():
            self._bell.ring()
        item = self.inbox.get()
        self._idle = False
        return item

    @property
    def attended(self) -> bool:
        """Whether that thread sees to the connection, and is not to be interrupted at it."""
        return self._attended

    def _is_late(self) -> bool:
        """Whether outcomes have waited for long enough."""
        return time.monotonic() - self._seen_to > GATHER and bool(self._outcomes)

    def _see_to_it(self) -> None:
        """See to the connection, until there is something to run; not where the other thread does."""
        if self._stopping.is_set() or not self._helm.take():
            return
        self._attended = True
        try:
            while self._link is not None and not self._stopping.is_set():
                # Of a task that came alone somebody may wait for the end.
                if self._taken == 1:
                    self._hand_in(self._link)
                self._taken = self._take_in(self._link)
                # Outcomes gather while there is something to run; who waits for them waits no longer than that.
                if not self.inbox.empty() and not self._is_late():
                    break
                if not self._hand_in(self._link) and self.inbox.empty():
                    self._sleep(self._link)
        except Exception as error:  # noqa: BLE001  # the other thread's to deal with
            self._failure = error
        finally:
            self._attended = False
            self._helm.leave()
            if self._failure is not None or self._stopping.is_set():
                self._helm.call()

    # -- the courier's own

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
            self._heed_failure()
            self._step(self._connected())
        except TransportError as error:
            self._lost(error)

    def _heed_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _step(self, link: WorkerLink) -> None:
        self._gather(self._take_in(link))
        # What was settled made room: take in again before sleeping.
        if not self._hand_in(link) and not self._finished():
            self._rest(link)

    def _rest(self, link: WorkerLink) -> None:
        if self._idle and self.inbox.empty() and not self._stopping.is_set():
            self._helm.hand_over(lambda: self.inbox.put(_look))
        else:
            self._sleep(link)

    # -- what both do

    def _take_in(self, link: WorkerLink) -> int:
        """Take in what has come, and do what is due; how many came."""
        if self._stopping.is_set():
            link.consumer.cancel()
        taken = self._holding.take_in(link.consumer)
        self._tell_held(link)
        if self._stopping.is_set():
            self._holding.recall(link.consumer)
        else:
            self._bench.move(link.consumer)
        self._enforce_end(link)
        return taken

    def _hand_in(self, link: WorkerLink) -> bool:
        """Carry out what has gathered; whether that was anything."""
        carried = self._carry_out(link)
        self._mouth.speak(link.post)
        self._tick(link)
        self._seen_to = time.monotonic()
        return carried

    def _tick(self, link: WorkerLink) -> None:
        if time.monotonic() - self._ticked < TICK:
            return
        self._ticked = time.monotonic()
        link.consumer.tick()
        self.beside.recount()
        if self._around.liaison is not None:
            self._around.liaison.hear(self._bench)
            self._around.liaison.tick(self._bench)
        self._follow_supervisor()

    def _follow_supervisor(self) -> None:
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

    def _enforce_end(self, link: WorkerLink | None) -> None:
        """End the process where nothing else ends a task."""
        self._bench.enforce_limits(time.monotonic())
        if self._bench.ending is not None:
            self.report(self._bench.ending)
            self._leave(link)
        elif self.beside.stuck():
            logger.error("A cancelled task does not end; this process does")
            self._leave(link)

    def _leave(self, link: WorkerLink | None) -> None:
        """Tell what there is to tell, and end the process."""
        # The task runs on until the process ends, so that is not put off for a broker that is away.
        if link is not None:
            with contextlib.suppress(TransportError):
                link.consumer.cancel()
                self._holding.recall(link.consumer)
                self._outcomes.carry_out_all(link)
                self._mouth.speak(link.post)
        # The thread that would make them is held up by the task.
        for call in self._holding.calls():
            call()
        self._around.journal.end_all()
        self._close()
        self._around.leave()

    def _gather(self, taken: int) -> None:
        """Let outcomes gather while the executor has more to do, of several that just came, too; the last wakes us."""
        self._gathering = self._asleep = True
        if (taken > 1 or self._outcomes) and not self.inbox.empty() and not self._stopping.is_set():
            self._doze(GATHER)
        self._gathering = self._asleep = False

    def _sleep(self, link: WorkerLink) -> None:
        self._around.journal.note_next(self.inbox.qsize())
        self._asleep = True
        # What was handed in just before we said that we sleep has woken nobody.
        if not self._outcomes and not self._mouth:
            timeout = min(TICK, self._holding.next_turn - time.time(), self._bench.limit_at() - time.monotonic())
            self._doze(timeout, link.consumer.filenos())
        self._asleep = False
        self._seen_to = time.monotonic()

    def _doze(self, timeout: float, filenos: Iterable[int] = ()) -> None:
        """Sleep until something happens, and see which signals have come: the main thread may be deaf to them."""
        watched = [(fileno, select.POLLIN) for fileno in filenos]
        liaison = self._around.liaison
        if liaison is not None:
            watched.append((liaison.channel.fileno(), liaison.channel.interest))
        ready = self._bell.sleep(timeout, watched)
        if liaison is not None and liaison.channel.fileno() in ready:
            liaison.hear(self._bench)
        if self._bell.terminations > 0:
            self._stopping.set()
        if self._bell.terminations > 1:
            self._abandoned.set()

    def _greet(self) -> None:
        """Wait for what the node knows, so that nothing runs that was revoked; not for long."""
        liaison = self._around.liaison
        if liaison is None:
            return
        liaison.greet()
        until = time.monotonic() + GREETING_SECONDS
        while not liaison.informed and not self._stopping.is_set() and time.monotonic() < until:
            self._doze(until - time.monotonic())

    # -- connection

    def _connected(self) -> WorkerLink:
        if self._link is None:
            self._link = self._around.connect()
            self._link.consumer.recover()
            self._bench.begin()
            self._outcomes.begin()
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
            self._wait_out(delay)
            if self._stopping.is_set():
                return
            try:
                self._connected()
            except TransportError as still:
                logger.warning("%s", still)
            delay = min(2 * delay, RECONNECT_MOST)

    def _wait_out(self, seconds: float) -> None:
        """Wait, while what runs goes on."""
        again = time.monotonic() + seconds
        self._asleep = True
        while time.monotonic() < again and not self._stopping.is_set():
            self._doze(min(again, self._bench.limit_at()) - time.monotonic())
            self._enforce_end(None)
            self._follow_supervisor()
        self._asleep = False

    def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            # What could not be given back is recovered by whoever bears this process's name next.
            with contextlib.suppress(TransportError, OSError):
                link.close()


def _look() -> None:
    """What is called to have the thread that runs tasks look around."""
