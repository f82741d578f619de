"""A private broker and a worker on it, as their user starts them, and what a soak asks of them."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from celeriac import Celeriac
from celeriac.transport import count_waiting
from celeriac.transport.amqp_link import Link
from tests.soak.evidence import FILE, Evidence
from tests.support.brokers import private_broker
from tests.support.waiting import eventually

PACKAGE = Path(__file__).resolve().parents[2]
QUEUE = "soak"
#: A virtual host that no other broker has: what is confirmed there, this broker has confirmed.
HOST = f"soak-{uuid.uuid4()}"
#: How the launcher starts each broker, and what it is told besides so that a broker survives its restart.
OPTIONS: dict[str, dict[str, Any]] = {"rabbitmq": {"hosts": (HOST,)}, "redis": {}}
LASTING: dict[str, dict[str, Any]] = {"rabbitmq": {}, "redis": {"persistent": True}}
#: Seconds for a warm shutdown, and for a client's connection: on a machine that does much else.
STOP_SECONDS, CONNECT_SECONDS = 120, 30

#: Told what is going on, in a line.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """A running broker, and the folder of what is written beside it."""

    name: str
    broker: Any
    folder: Path

    @property
    def url(self) -> str:
        """Where clients and workers find the broker."""
        url = str(self.broker.url)
        return f"{url.removesuffix('/')}{HOST}" if self.name == "rabbitmq" else url

    @property
    def backend(self) -> str:
        """The backend that goes with it."""
        return "rpc://" if self.name == "rabbitmq" else self.url

    @property
    def file(self) -> Path:
        """Where the tasks leave their evidence."""
        return self.folder / "evidence"

    def client(self, backend: str | None = None) -> Celeriac:
        """An application that sends; without a backend, nobody waits for results."""
        return Celeriac(
            "soak",
            broker=self.url,
            backend=backend,
            task_default_queue=QUEUE,
            broker_connection_timeout=CONNECT_SECONDS,
        )

    def declare_quorum(self) -> None:
        """Have the queue replicated and on disk, before anybody declares it otherwise."""
        with closing(Link(self.url)) as link:
            channel: Any = link.channel()
            channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})

    def left(self) -> int:
        """Messages that wait in the queue, or that Redis' books show as held."""
        waiting = count_waiting(self.url, QUEUE) or 0
        if self.name == "rabbitmq":
            return waiting
        with closing(redis.Redis.from_url(self.url)) as client:
            return waiting + int(client.hlen("unacked"))


@contextmanager
def bench(name: str, folder: Path, *, lasting: bool = False) -> Iterator[tuple[Bench, Evidence]]:
    """A broker of one's own and the evidence of the tasks on it. A ``lasting`` one can be restarted."""
    with ExitStack() as opened:
        broker = opened.enter_context(private_broker(name, **OPTIONS[name], **(LASTING[name] if lasting else {})))
        folder.mkdir(parents=True, exist_ok=True)
        made = Bench(name, broker, folder)
        evidence = opened.enter_context(closing(Evidence(made.file)))
        try:
            yield made, evidence
        finally:
            for log in broker.directory.rglob("*.log"):
                shutil.copy(log, folder)


class Service:
    """``celeriac worker``, and the processes it consists of. ``memory`` limits the address space of each, in bytes."""

    def __init__(
        self, on: Bench, processes: int, *options: str, backend: str | None, memory: int | None = None
    ) -> None:
        command = [sys.executable, "-m", "celeriac", "-A", "tests.soak.tasks", "-b", on.url]
        command += ["--backend", backend] if backend else []
        command += ["worker", "-Q", QUEUE, "-c", str(processes), "-l", "warning", *options]

        def limit() -> None:
            if memory is not None:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

        self.log = on.folder / "worker.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=PACKAGE,
                env={**os.environ, FILE: str(on.file)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=limit,
            )

    @property
    def children(self) -> list[int]:
        """Process ids of those that run tasks."""
        pid = self.process.pid
        with suppress(FileNotFoundError, ProcessLookupError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def resident(self) -> int:
        """Bytes of memory that its processes have written to, each page that they share counted once.

        Not what is mapped of files: how much of that counts depends on who else on the machine has mapped the same.
        """
        return sum(_written(pid) for pid in (self.process.pid, *self.children))

    def stop(self) -> None:
        """Warm shutdown, which has to go well."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        assert code == 0, f"the worker ended with {code}:\n{self.log.read_text()[-2000:]}"

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        children = self.children
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))


def reached(evidence: Evidence, number: int, timeout: float) -> None:
    """Wait until the task of this number has run."""

    def has_run() -> bool:
        evidence.read()
        return number in evidence.runs

    eventually(has_run, f"task {number} runs", timeout=timeout)
