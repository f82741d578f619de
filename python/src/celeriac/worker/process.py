"""One worker process: the executor in its main thread, the courier beside it, signals between them."""

from __future__ import annotations

import logging
import os
import signal
from types import FrameType

from celeriac.transport import WorkerLink, open_worker_link
from celeriac.worker.courier import Courier
from celeriac.worker.executor import Executor
from celeriac.worker.settings import WorkerSettings

logger = logging.getLogger("celeriac.worker")

EXIT_OK = 0
EXIT_DEFECT = 1
EXIT_COLD = 3


class ColdShutdown(BaseException):
    """Raised inside a running task by the second signal; no task can mistake it for an error of its own."""


def run(settings: WorkerSettings, number: int) -> int:
    """Work until told to stop; the exit code of the process.

    SIGTERM: finish the running task, give back the rest. A second one: give back the running task too and leave.
    """

    def connect() -> WorkerLink:
        return open_worker_link(
            settings.broker, settings.backend, settings.queues, settings.prefetch, settings.result_expires
        )

    def ready() -> None:
        logger.info("%s ready: process %d consumes %s", settings.hostname, number, ", ".join(settings.queues))

    courier = Courier(connect, settings.prefetch, ready)
    executor = Executor(settings, courier.report)
    _install_handlers(courier)
    courier.start()
    try:
        while (delivery := courier.inbox.get()) is not None:
            executor.handle(delivery)
    except ColdShutdown:
        courier.abandon()
        courier.join()
        return EXIT_COLD
    courier.join()
    return EXIT_DEFECT if courier.failed else EXIT_OK


def _install_handlers(courier: Courier) -> None:
    asked = 0

    def on_terminate(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise ColdShutdown
        courier.stop()

    signal.signal(signal.SIGTERM, on_terminate)
    # Ctrl-C reaches the whole process group; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(EXIT_COLD))
    # The supervisor has them blocked; what came in the meantime is handled now.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
