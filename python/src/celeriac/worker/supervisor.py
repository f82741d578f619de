"""Starts the worker processes, passes signals on to them, and starts anew what has died."""

from __future__ import annotations

import contextlib
import gc
import itertools
import logging
import math
import os
import signal
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from celeriac import signals
from celeriac.errors import TransportError
from celeriac.execution.builtin import with_builtins
from celeriac.transport import open_post, open_worker_link, requests_to
from celeriac.waiting import block, next_signal
from celeriac.worker import coroner
from celeriac.worker.channel import Channel
from celeriac.worker.clock import Clock
from celeriac.worker.coroner import Coroner
from celeriac.worker.journal import Journal
from celeriac.worker.node import ORDER_SIGNAL, Node
from celeriac.worker.process import EXIT_COLD, EXIT_LIMIT, EXIT_OK, EXIT_RENEW, READY_SIGNAL, Place
from celeriac.worker.process import run as run_process
from celeriac.worker.promises import Records
from celeriac.worker.readiness import NOTIFY_SOCKET, Readiness
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.sizing import Sizing
from celeriac.worker.tally import Tally

if TYPE_CHECKING:
    from celeriac.worker.exporter import Exporter

logger = logging.getLogger("celeriac.worker")

SIGNALS = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, READY_SIGNAL, ORDER_SIGNAL})
#: Seconds between two looks for tasks that are overdue.
WATCH_SECONDS = 1.0
#: Seconds that processes have to leave after the second signal.
COLD_SECONDS = 5
#: Number of the process that speaks for the worker; those that run tasks count from 1.
NODE = 0
#: Seconds that it has to say goodbye.
NODE_SECONDS = 3
#: Numbers of processes beside these, which a worker may have: what sends periodic tasks, what serves metrics.
BEAT, EXPORTER = -1, -2
#: What the log calls those that run no tasks.
HELPERS = {NODE: "for remote control", BEAT: "for beat", EXPORTER: "for metrics"}


class Supervisor:
    """Runs ``settings.concurrency`` processes until it is told to stop.

    SIGTERM or SIGINT: warm shutdown, running tasks are finished. The second: cold, they go back to their queues.
    ``helpers`` are run in processes of their own beside those, by their numbers; each gives its exit code.
    """

    def __init__(self, settings: WorkerSettings, helpers: Mapping[int, Callable[[], int]] | None = None) -> None:
        self._settings = settings
        self._helpers = {**({NODE: self._run_node} if settings.control else {}), **(helpers or {})}
        self._children: dict[int, tuple[int, float]] = {}
        self._due: dict[int, float] = {}
        self._journals: dict[int, Journal] = {}
        #: What each process, by its number, acknowledged before it ran it, and why the last one of the number ended.
        self._records: defaultdict[int, Records] = defaultdict(Records)
        self._reasons: dict[int, str] = {}
        #: Numbers of which a process did not end in order. What it held is given back at the end, too: its successor
        #: may have been told to stop before it could.
        self._died: set[int] = set()
        #: Numbers of which a process was started for that alone, so that none is for ever.
        self._mourning: set[int] = set()
        self._name = uuid.uuid4().hex
        self._coroner = Coroner()
        self._asked = 0
        self._announced = False
        #: When overdue tasks were looked for last, and when something is due (both monotonic).
        self._watched = 0.0
        self._alarm = math.inf
        #: Whether tasks ran on for too long after the first signal, and went back to their queues for that.
        self._overtime = False
        #: Both ends of the channel between the node and each process; whoever is started inherits them.
        self._channels: dict[int, tuple[Channel, Channel]] = {}
        self._line = Channel.pair()
        self._sizing = Sizing(settings, time.monotonic())
        #: Numbers of processes that were told to leave because fewer are wanted, and of those that have.
        self._leaving: set[int] = set()
        self._gone: list[int] = []
        #: What the node knows of it.
        self._told = self._sizing.state
        self._clock = Clock()
        ready_file = None if settings.ready_file is None else Path(settings.ready_file)
        self._readiness = Readiness(settings.concurrency, ready_file, os.environ.get(NOTIFY_SOCKET), most=settings.most)
        self._tally: Tally | None = None
        self._exporter: Exporter | None = None
        if settings.metrics_port is not None:
            # A web server of the standard library, with all that it needs: only for those who want one.
            from celeriac.worker.exporter import Exporter

            self._tally = Tally(with_builtins(settings.tasks), settings.most)
            self._exporter = Exporter(settings.metrics_host, settings.metrics_port, self._tally, self._readiness)
            self._helpers[EXPORTER] = self._exporter.run

    def run(self) -> int:
        """Block until every process has ended; the exit code.

        Raises ``BrokerUnavailable`` if there is no broker; ``InvalidCall`` if another worker has this one's node name,
        as far as the broker can tell: RabbitMQ can (CT-NODE-001).
        """
        try:
            self._probe()
            if self._settings.control:
                self._channels = {number: Channel.pair() for number in range(1, self._settings.most + 1)}
            self._supervise()
        finally:
            for end in itertools.chain(self._line, *self._channels.values()):
                end.close()
            if self._exporter is not None:
                self._exporter.close()
        return EXIT_COLD if self._asked > 1 and not self._overtime else EXIT_OK

    def _supervise(self) -> None:
        # So that none is lost between two waits.
        previous = block(SIGNALS)
        # The collector writes into all that it looks at: each process would have a copy of what it inherited.
        gc.freeze()
        try:
            for number in (*self._helpers, *range(1, self._settings.concurrency + 1)):
                self._start(number)
            while self._workers() or (self._due and not self._asked):
                came = next_signal(SIGNALS, min(WATCH_SECONDS, self._alarm - time.monotonic()))
                if came is not None:
                    self._on_signal(came)
                if time.monotonic() >= self._alarm:
                    self._on_alarm()
                self._watch()
            self._recover()
            signals.worker_shutdown.send(self._settings.hostname)
            self._end_node()
        finally:
            gc.unfreeze()
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)

    def _workers(self) -> list[int]:
        """Process ids of those that run tasks."""
        return [pid for pid, (number, _) in self._children.items() if number > NODE]

    def _end_node(self) -> None:
        """End the process that speaks for the worker: the last to leave, so that it answers until then."""
        for farewell in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._children:
                os.kill(pid, farewell)
            until = time.monotonic() + NODE_SECONDS
            while self._children and (left := until - time.monotonic()) > 0:
                next_signal({signal.SIGCHLD}, left)
                self._reap()

    def _probe(self) -> None:
        settings = self._settings
        open_worker_link(replace(settings.needs(), queues=())).close()
        if settings.control:
            subscription = requests_to(settings.hostname)
            open_post(settings.broker, subscription, connect_timeout=settings.connect_timeout).close()

    def _recover(self) -> None:
        """Give back what processes held when they died, and no successor has given back."""
        settings = self._settings
        try:
            for number in self._died:
                link = open_worker_link(replace(settings.needs(self._holder(number)), backend=None, queues=()))
                with contextlib.closing(link):
                    link.consumer.recover()
        except TransportError as error:
            logger.error("What dead processes held goes back to its queue later: %s", error)

    def _holder(self, number: int) -> str:
        """Name of a process and of those that take over from it, no other worker's anywhere."""
        return f"{self._name}.{number}"

    def _start(self, number: int) -> int:
        journal = self._journals[number] = Journal(self._settings.places)
        channel = self._channels[number][1] if number in self._channels else None
        place = Place(
            number=number,
            holder=self._holder(number),
            supervisor=os.getpid(),
            journal=journal,
            deaths=self._coroner.deaths,
            records=self._records[number],
            reason=self._reasons.get(number, ""),
            channel=channel,
            clock=self._clock,
            readiness=self._readiness,
            tally=self._tally,
        )
        settings = replace(self._settings, concurrency=self._sizing.wanted)
        pid = os.fork()
        if pid == 0:
            os._exit(_child(self._helpers.get(number, lambda: run_process(settings, place))))
        self._children[pid] = (number, time.monotonic())
        return pid

    def _run_node(self) -> int:
        ends = {number: pair[0] for number, pair in self._channels.items()}
        settings = replace(self._settings, concurrency=self._sizing.wanted, autoscale=self._sizing.bounds)
        return Node(settings, ends, self._line[0], self._clock, os.getppid()).run()

    def _on_signal(self, number: int) -> None:
        handlers: dict[int, Callable[[], None]] = {
            signal.SIGCHLD: self._reap,
            signal.SIGTERM: self._shut_down,
            signal.SIGINT: self._shut_down,
            signal.SIGQUIT: self._kill,
            READY_SIGNAL: self._on_ready,
            ORDER_SIGNAL: self._on_order,
        }
        handlers[number]()

    def _on_ready(self) -> None:
        if self._readiness and not self._announced:
            self._announced = True
            signals.worker_ready.send(self._settings.hostname)

    # -- how many there are

    def _on_order(self) -> None:
        for order in self._line[1].receive():
            self._sizing.take(order)
        self._fit()

    def _scale(self, now: float) -> None:
        """Have as many processes as the work wants, where that is to be so."""
        if self._sizing.bounds is not None:
            hands = [self._journals[number].hands() for number in self._there()]
            window = self._settings.prefetch - 1
            full = all(running and waiting >= window for running, waiting in hands)
            self._sizing.look(now, sum(map(sum, hands)), full=full and len(hands) == self._sizing.wanted)
        self._fit()

    def _there(self) -> dict[int, int]:
        """Processes that run tasks and were not told to leave: number and process id."""
        there = {number: pid for pid, (number, _) in self._children.items() if number > NODE}
        return {number: pid for number, pid in there.items() if number not in self._leaving}

    def _fit(self) -> None:
        """Start processes, or tell some to leave, until there are as many as are wanted."""
        if self._asked:
            return
        there, wanted = self._there(), self._sizing.wanted
        coming = [number for number in self._due if number > NODE]
        more = wanted - len(there) - len(coming)
        taken = {*there, *coming, *self._leaving}
        free = (number for number in range(1, self._settings.most + 1) if number not in taken)
        for number in itertools.islice(free, max(0, more)):
            self._start(number)
        # Those that have nothing to do first, and of them those that came last.
        idle_first = sorted(there, key=lambda number: (bool(self._journals[number].running()), -number))
        for number in idle_first[: max(0, -more)]:
            self._leaving.add(number)
            os.kill(there[number], signal.SIGTERM)
        if self._told != self._sizing.state or self._gone:
            self._told = self._sizing.state
            logger.info("Processes wanted: %d", wanted)
            self._line[1].send({**self._told, "gone": self._gone})
            self._gone = []

    # -- the end

    def _shut_down(self) -> None:
        self._asked += 1
        warm = self._asked == 1
        logger.info("%s shutdown, processes: %d", "Warm" if warm else "Cold", len(self._workers()))
        self._due.clear()
        self._readiness.leave()
        # What runs sends nothing new from now on; whoever speaks for the worker leaves last.
        for pid, (number, _) in self._children.items():
            # One that leaves already would take another signal for the second.
            if (number > NODE and not (warm and number in self._leaving)) or number == BEAT:
                os.kill(pid, signal.SIGTERM)
        patience = (self._settings.soft_shutdown_timeout or math.inf) if warm else COLD_SECONDS
        self._alarm = time.monotonic() + patience

    def _kill(self) -> None:
        self._asked = max(2, self._asked + 1)
        for pid in self._workers():
            os.kill(pid, signal.SIGKILL)

    def _on_alarm(self) -> None:
        self._alarm = math.inf
        if self._asked > 1:
            self._kill()
        elif self._asked:
            logger.warning("Tasks still run after %g s", self._settings.soft_shutdown_timeout)
            self._overtime = True
            self._shut_down()
        else:
            self._start_due()

    def _watch(self) -> None:
        """End processes that tasks hold beyond their hard limits; have as many processes as the work wants."""
        now = time.monotonic()
        if now < self._watched + WATCH_SECONDS:
            return
        self._watched = now
        journals = {pid: self._journals[number] for pid, (number, _) in self._children.items()}
        for pid in self._coroner.condemn(journals, now):
            os.kill(pid, signal.SIGKILL)
        self._scale(now)

    def _reap(self) -> None:
        # One SIGCHLD may stand for several deaths.
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            # The application may have children of its own.
            number, started = self._children.pop(pid, (None, 0.0))
            if number in self._leaving and status == EXIT_OK and not self._records[number]:
                self._leaving.discard(number)
                self._gone.append(number)
                continue
            if number is not None and number > NODE and os.waitstatus_to_exitcode(status) != EXIT_RENEW:
                self._readiness.down(number)
                if status:
                    self._died.add(number)
            if number is None:
                continue
            self._leaving.discard(number)
            self._reasons[number] = coroner.reason(os.waitstatus_to_exitcode(status))
            if not self._asked:
                self._replace(number, pid, status, time.monotonic() - started)
            elif number not in self._mourning and self._records[number]:
                self._mourn(number)

    def _mourn(self, number: int) -> None:
        """Start one more process, which tells what became of tasks that its predecessor took with it, and leaves."""
        self._mourning.add(number)
        os.kill(self._start(number), signal.SIGTERM)

    def _replace(self, number: int, pid: int, status: int, lived: float) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code == EXIT_RENEW:
            self._start(number)
            return
        delay = 0 if code == EXIT_LIMIT else self._coroner.delay(number, lived, self._journals[number])
        why = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        who = HELPERS.get(number, number)
        logger.error("Process %s (pid %d) ended: %s; starting it anew in %d s", who, pid, why, delay)
        self._coroner.blame(pid, self._journals[number])
        self._due[number] = time.monotonic() + delay
        self._start_due()

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            self._start(number)
        self._alarm = min(self._due.values(), default=math.inf)


def _child(work: Callable[[], int]) -> int:
    try:
        return work()
    except BaseException:
        logger.critical("The process failed", exc_info=True)
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        logging.shutdown()
