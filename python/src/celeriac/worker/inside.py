"""A worker inside of another program, in threads: for tests. No process is started, no signal handled."""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from celeriac.errors import CeleriacError
from celeriac.transport import WorkerLink, open_worker_link
from celeriac.worker.clock import Clock
from celeriac.worker.courier import Courier
from celeriac.worker.evented import EventLoop
from celeriac.worker.journal import Journal
from celeriac.worker.orders import Orders
from celeriac.worker.promises import Promises, Records
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.shift import Shift
from celeriac.worker.surroundings import Surroundings
from celeriac.worker.telling import Teller
from celeriac.worker.threaded import SharedLedger, ThreadedExecutor, work_on
from celeriac.worker.wear import Wear

#: Seconds that the worker has to come up.
PATIENCE = 20.0


class WorkerStuck(CeleriacError):
    """A worker in threads did not come up in time, or a task in it does not end."""


class _Left(BaseException):
    """Nothing is left for the courier to do."""


class _Courier(Courier):
    def run(self) -> None:
        """See ``Courier.run``."""
        with suppress(_Left):
            super().run()


@contextmanager
def worker_inside(settings: WorkerSettings, *, patience: float = PATIENCE) -> Iterator[None]:
    """Run a worker meanwhile: plain tasks one at a time in a thread, ``async def`` tasks beside them.

    At the end what runs is waited for, up to ``patience`` seconds, and what waits stays in its queue. Remote control is
    not answered. A task that runs into its hard time limit fails; where it does not end then, the worker does. Raises
    ``BrokerUnavailable``; ``WorkerStuck``.
    """
    up = threading.Event()
    holder = uuid.uuid4().hex

    def connect() -> WorkerLink:
        return open_worker_link(replace(settings.needs(holder), siblings=0))

    def leave() -> None:
        # Ends the courier's thread; nothing ends the task's.
        raise _Left

    connect().close()
    journal = Journal(settings.places)
    # Nothing outlives this process that could tell what it had promised.
    promises = Promises(Records())
    surroundings = Surroundings(connect, up.set, leave, journal, os.getppid(), settings.hostname, promises)
    courier = _Courier(settings.prefetch, surroundings)
    loop = EventLoop(settings.async_concurrency)
    total = Counter[str]()
    executor = ThreadedExecutor(
        settings,
        courier,
        SharedLedger(journal, None, total),
        lambda _task_id: 0,
        orders=Orders.of(settings),
        teller=Teller(settings.hostname, Clock()),
        loop=loop,
    )
    shift = Shift(courier, executor.handle, Wear(None, None, total))
    tasks = threading.Thread(target=work_on, args=(shift,), name="tasks", daemon=True)
    courier.start()
    tasks.start()
    try:
        if not up.wait(patience):
            raise WorkerStuck(f"no worker is up after {patience:g} seconds")
        yield
    finally:
        courier.stop()
        courier.join(patience)
        tasks.join(patience)
        loop.close()
        stuck = courier.is_alive() or tasks.is_alive()
        if not stuck:
            courier.close()
    if stuck:
        raise WorkerStuck(f"a task does not end; it was waited for {patience:g} seconds")
