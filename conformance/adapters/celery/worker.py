"""A session whose worker is real ``celery worker``.

Each runs in a process forked from one that has loaded Celery and done nothing else (multiprocessing's fork server):
what is malformed ends some hundred workers in a run, and loading is most of what a new one takes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

POOL = os.environ.get("CONF_CELERY_POOL", "prefork")  # what Celery itself defaults to
#: No task of a case runs as long as this when its worker is closed.
SHUTDOWN_SECONDS = 15

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("celery.bin.celery", "celery.bin.worker", "celery.apps.worker", "celery.worker.components"),
        *("celery.worker.consumer", "celery.worker.strategy", "celery.worker.control", "celery.app.trace"),
        *("celery.app.amqp", "celery.app.events", "celery.app.log", "celery.fixups.django"),
        *("celery.backends.redis", "celery.backends.rpc", "celery.loaders.app", "celery.concurrency.prefork"),
        *("kombu.transport.pyamqp", "kombu.transport.redis"),
    ]
)


class Worker:
    """The process; its end is reported, not hidden."""

    def __init__(self, request: dict[str, Any], evidence: int, write: Callable[[dict[str, Any]], None]) -> None:
        self.session, self.closing, self.write = request["session"], False, write
        options = request["options"]
        name = ["-n", options.get("node", f"{self.session}@%h"), "-P", POOL, "-c", str(options.get("concurrency", 1))]
        quiet = ["-l", "warning", "--without-gossip", "--without-mingle"]
        quiet += ["-E"] if options.get("events") else [] if "node" in options else ["--without-heartbeat"]
        environment = {"CONF_QUEUE": request["queue"], "CONF_BROKER_URL": request["broker_url"]}
        environment |= {"CONF_RESULT_URL": request["result_url"] or ""}
        environment["CONF_ARGUMENTS"] = json.dumps({"x-queue-type": "quorum"} if options.get("quorum") else {})
        ready, say_ready = os.pipe()
        words = ["celery", "-A", "tasks", "worker", *name, *quiet]
        self.process = FORKS.Process(target=_run, args=(words, environment, _Passed(say_ready), _Passed(evidence)))
        self.process.start()
        os.close(say_ready)
        self.end = threading.Thread(target=self.report_end, daemon=True)
        self.end.start()
        said = os.read(ready, 6)
        os.close(ready)
        if not said:  # the end of the pipe: it never became ready
            self.closing = True
            self.end.join()
            raise RuntimeError(f"celery worker ended with exit code {self.process.exitcode}")

    def report_end(self) -> None:
        """Wait for the worker's end, and say so when nobody asked for it."""
        self.process.join()
        if not self.closing:
            why = f"celery worker ended with exit code {self.process.exitcode}"
            self.write({"event": "down", "session": self.session, "why": why})

    def close(self) -> None:
        """End the session in order."""
        self.closing = True
        self.process.terminate()
        self.end.join(SHUTDOWN_SECONDS)
        if self.end.is_alive():  # seen after a task was stopped at its hard limit: nothing runs any more
            self.process.kill()
            self.end.join()


class _Passed:
    """A file descriptor on its way to another process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (DupFd(self.number),)


def _arrived(passed: Any) -> int:
    number: int = passed.detach()
    return number


def _run(words: list[str], environment: dict[str, str], ready: int, evidence: int) -> None:
    """Be ``celery worker``."""
    from celery.bin.celery import main

    os.chdir(Path(__file__).parent)
    os.environ.update(environment, CONF_READY_FD=str(ready), CONF_EVIDENCE_FD=str(evidence))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = words
    main()
