"""The brokers of a run, and how contestants are started on them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import amqp
import redis

from bench import processes
from bench.model import Contestant, ContestantError, LeftOut, Line
from bench.patience import STUCK, UNLIMITED, Limit, Patience

REPOSITORY = Path(__file__).resolve().parents[2]
CONTESTANTS = REPOSITORY / "benchmarks" / "contestants"
VARIABLE = "CELERIAC_BENCH_JOB"
#: Seconds that a job which is not a worker may take.
JOB_SECONDS = 120.0
#: How each language starts the adapter that the job names.
STARTERS: Mapping[str, tuple[str, ...]] = {
    "python": ("python/run.py",),
    "node": ("node/run.mjs",),
    "php": ("php/run.php",),
    "c": (),
}


@dataclass(frozen=True)
class Stage:
    """Private brokers with the pids of their servers, the programs by environment, where logs go, and for how long."""

    amqp_url: str
    redis_url: str
    amqp_pid: int
    redis_pid: int
    programs: Mapping[str, str]
    logs: Path
    limit: Limit = UNLIMITED

    def of(self, contestant: Contestant) -> Stage:
        """The same for one contestant: what it waits for is said with its name."""
        limit = replace(self.limit, say=lambda text: self.limit.say(f"    {contestant.name}: {text}"))
        return replace(self, limit=limit)

    def broker_cpu(self) -> float:
        """Seconds of CPU that both brokers have used."""
        return processes.cpu([*processes.tree(self.amqp_pid), *processes.tree(self.redis_pid)])

    def clear(self, queue: str) -> None:
        """Leave nothing of what was before."""
        with self._redis() as client:
            client.flushdb()
        for name in (queue, f"{queue}.replies"):
            with self._channel() as channel:
                channel.queue_delete(name)

    def waiting(self, broker: str, queue: str) -> int:
        """Messages in a queue of Celery's."""
        if broker == "redis":
            with self._redis() as client:
                return int(client.llen(queue))
        with self._channel() as channel:
            return int(channel.queue_declare(queue, durable=True, auto_delete=False).message_count)

    def stored(self, results: str, queue: str) -> int:
        """Results that were stored: replies in the queue for them, or keys as Celery names them."""
        if results == "rpc":
            return self.waiting("amqp", f"{queue}.replies")
        with self._redis() as client:
            return sum(1 for _ in client.scan_iter("celery-task-meta-*", count=10_000))

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=STUCK)

    def _channel(self) -> AbstractContextManager[Any]:
        return _Channel(self.amqp_url)


class _Channel:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = amqp.Connection(
            f"{parts.hostname}:{parts.port}", connect_timeout=STUCK, read_timeout=STUCK, write_timeout=STUCK
        )

    def __enter__(self) -> Any:
        self._connection.connect()
        return self._connection.channel()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def job(stage: Stage, line: Line, contestant: Contestant, role: str, **more: Any) -> dict[str, Any]:
    """The job that a contestant is started with."""
    urls = {"amqp": stage.amqp_url, "redis": stage.redis_url}
    result_urls = {"none": None, "rpc": "rpc://", "redis": stage.redis_url}
    return {
        "adapter": contestant.adapter,
        "role": role,
        "queue": "bench",
        "broker": line.broker,
        "broker_url": urls[line.broker],
        "results": line.results,
        "result_url": result_urls[line.results],
        "options": {**contestant.options, **line.conditions.get("options", {})},
        **more,
    }


def command(stage: Stage, environment: str, language: str) -> list[str]:
    """How a contestant of a language is started in an environment."""
    program = stage.programs.get(environment)
    if program is None:
        raise LeftOut(f"no environment {environment} on this machine")
    return [program, *(str(CONTESTANTS / word) for word in STARTERS[language])]


def surroundings(asked: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables of a contestant."""
    # Its own modules, wherever the peer's command line starts from.
    return {VARIABLE: json.dumps(asked), "PYTHONPATH": str(CONTESTANTS / "python"), "PYTHONDONTWRITEBYTECODE": ""}


def perform(stage: Stage, contestant: Contestant, asked: Mapping[str, Any], *, fill: bool = False) -> dict[str, Any]:
    """Run a job that ends by itself; its answer. Raises ``ContestantError``."""
    environment = contestant.fill_environment if fill else contestant.environment
    language = "python" if fill and contestant.fill == "filler" else contestant.language
    with (
        open_log(stage, f"{contestant.name}-{asked['role']}") as log,
        subprocess.Popen(
            command(stage, environment, language),
            cwd=tempfile.gettempdir(),
            env={**os.environ, **surroundings(asked)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        try:
            written = _output(process, Patience(stage.limit, lambda: tail(log), JOB_SECONDS), asked["role"])
        finally:
            processes.end(process)
    lines = written.decode(errors="replace").splitlines()
    if process.returncode or not lines:
        raise ContestantError(f"{asked['role']} ended with {process.returncode}: {tail(log)}")
    return _answer(lines[-1])


def _output(process: subprocess.Popen[bytes], patience: Patience, role: str) -> bytes:
    """All that a process writes until it ends."""
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=0.5)[0]
        patience.go_on(0, f"{role} is not over")


def _answer(line: str) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ContestantError(f"no answer, but {line[:200]!r}")
    return answer


def open_log(stage: Stage, name: str) -> IO[bytes]:
    """The file that a contestant's output goes to, anew."""
    stage.logs.mkdir(parents=True, exist_ok=True)
    return (stage.logs / f"{name.replace(' ', '-').replace('/', '-')}.log").open("wb")


def tail(log: IO[bytes]) -> str:
    """The end of what a contestant has written, without the folders of this machine: others read the report."""
    text = Path(log.name).read_text(errors="replace")
    for folder in (str(REPOSITORY), sys.base_prefix):
        text = text.replace(folder + os.sep, "")
    return " | ".join(text.splitlines()[-3:])[-400:]
