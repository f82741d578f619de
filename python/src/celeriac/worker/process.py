"""One worker process: the executor in its main thread or on several, the courier beside it, signals between them."""

from __future__ import annotations

import logging
import os
import signal
from collections import Counter
from dataclasses import dataclass

from celeriac import signals
from celeriac.execution.ending import ColdShutdown
from celeriac.transport import WorkerLink, open_worker_link
from celeriac.worker.channel import Channel
from celeriac.worker.clock import Clock
from celeriac.worker.courier import Courier
from celeriac.worker.evented import EventLoop
from celeriac.worker.executor import Executor
from celeriac.worker.interrupts import Overdue, Terminations
from celeriac.worker.journal import Deaths, Journal
from celeriac.worker.liaison import Liaison
from celeriac.worker.orders import Orders
from celeriac.worker.promises import Promises, Records
from celeriac.worker.readiness import Readiness
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.shift import Shift
from celeriac.worker.surroundings import Surroundings
from celeriac.worker.tally import Ledger, Tally
from celeriac.worker.telling import Teller
from celeriac.worker.threaded import SharedLedger, ThreadedExecutor, Threads
from celeriac.worker.wear import Wear

logger = logging.getLogger("celeriac.worker")

EXIT_OK = 0
EXIT_DEFECT = 1
EXIT_COLD = 3
#: Tells the supervisor that all processes consume.
READY_SIGNAL = signal.SIGUSR1
#: A task ran into its hard time limit; all is told, and the supervisor starts the next process.
EXIT_LIMIT = 4
#: The process has run for long enough (``Wear``); the supervisor starts the next one.
EXIT_RENEW = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands: its number, the name it holds messages under, its supervisor's pid and books.

    ``channel`` leads to the node, None without remote control; ``clock``, ``readiness`` and ``tally`` are the
    worker's.
    """

    number: int
    holder: str
    supervisor: int
    journal: Journal
    deaths: Deaths
    records: Records
    #: Why the process before this one ended.
    reason: str
    channel: Channel | None
    clock: Clock
    readiness: Readiness
    tally: Tally | None


def run(settings: WorkerSettings, place: Place) -> int:
    """Work until told to stop; the exit code of the process. Called with the supervisor's signals blocked.

    SIGTERM: finish the running task, give back the rest. A second one: give back the running task too and leave.
    """

    def connect() -> WorkerLink:
        return open_worker_link(settings.needs(place.holder))

    def ready() -> None:
        logger.info("%s ready: process %d consumes %s", settings.hostname, place.number, ", ".join(settings.queues))
        if place.readiness.up(place.number):
            os.kill(place.supervisor, READY_SIGNAL)

    def leave() -> None:
        settings.tracing.flush()
        os._exit(EXIT_LIMIT)

    signals.worker_process_init.send(None)
    liaison = None if place.channel is None else Liaison(place.number, place.channel, settings)
    promises = Promises(place.records)
    surroundings = Surroundings(
        connect, ready, leave, place.journal, place.supervisor, settings.hostname, promises, liaison
    )
    courier = Courier(settings.window, surroundings)
    loop = EventLoop(settings.async_concurrency)
    book = None if place.tally is None else place.tally.book(place.number)
    total = Counter[str]() if liaison is None else liaison.total
    make_executor, make_ledger = (ThreadedExecutor, SharedLedger) if settings.threads else (Executor, Ledger)
    executor = make_executor(
        settings,
        courier,
        make_ledger(place.journal, book, total),
        place.deaths.of,
        orders=Orders.of(settings) if liaison is None else liaison.orders,
        teller=Teller(settings.hostname, place.clock),
        loop=loop,
    )
    wear = Wear(settings.max_tasks, settings.max_memory, total)
    shift = Shift(courier, executor.handle, wear, None if settings.threads else courier.next)
    threads = Threads(settings.threads, shift, courier.beside) if settings.threads else None
    # Before the courier looks whether there is anything to do: it may be told to stop at once.
    for delivery, message in promises.inherited():
        executor.mourn(delivery, message, place.reason)
    terminations = Terminations(courier)
    try:
        # Started first, it keeps the signals blocked: they are for this thread.
        courier.start()
        with terminations.heard():
            _install_handlers(courier, terminations)
            work = shift.work if threads is None else threads.work
            work()
    except ColdShutdown:
        courier.abandon()
        courier.join()
        return EXIT_COLD
    except Overdue:
        courier.join()
        return EXIT_LIMIT
    finally:
        if threads is not None:
            threads.close()
        loop.close()
        settings.tracing.flush()
        settings.end_of_process()
    courier.join()
    if courier.failed:
        return EXIT_DEFECT
    return EXIT_RENEW if shift.renewed else EXIT_OK


def _install_handlers(courier: Courier, terminations: Terminations) -> None:
    signal.signal(signal.SIGTERM, terminations.on_signal)
    # Handlers wait until the task lets Python run; the courier hears of the signal at once.
    signal.set_wakeup_fd(courier.wake_fd, warn_on_full_buffer=False)
    # Ctrl-C reaches the whole process group; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(EXIT_COLD))
    # What came in the meantime is handled now.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
