"""What examples are run on: an environment with celeriac, the Node SDK, brokers of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / folder) for folder in ("tools", "conformance/src")]

import parts  # noqa: E402 - these two folders are not installed
import setup  # noqa: E402
import venvs  # noqa: E402
from common import LOGS, PHP, Failed, alone, say  # noqa: E402

from celeriac_conformance import brokers  # noqa: E402

READY_SECONDS, STOP_SECONDS, PROGRAM_SECONDS = 30.0, 10.0, 120.0
BrokerError = brokers.BrokerError


def node_missing() -> str | None:
    """Why Node cannot take part, with the remedy."""
    return parts.absences(part for part in parts.PARTS if part.name == "node").get("node")


def php_missing(broker: str) -> str | None:
    """Why PHP cannot take part with this kind of broker, with the remedy."""
    version, extensions, amqplib = parts.php_facts()
    if version is None:
        return "php not found (apt-get install php-cli php-redis)"
    if parts.numbers(version) < parts.PHP_FLOOR:
        return f"php {version} is too old, 8.2 is needed"
    if broker.startswith("redis") and "redis" not in extensions:
        return "php's extension redis is not loaded (apt-get install php-redis)"
    if broker.startswith("amqp") and not amqplib and not (PHP / "vendor" / "php-amqplib").exists():
        return "php-amqplib not found (apt-get install php-amqplib)"
    return None


def prepare() -> str | None:
    """Make the environment with celeriac and the Node SDK ready, side by side; why Node cannot take part, if so."""
    absent = node_missing()
    if not venvs.can_create():
        raise Failed(venvs.CANNOT_CREATE)
    with alone(), ThreadPoolExecutor(1) as pool:
        node = None if absent else pool.submit(setup.node)
        venvs.ensure(venvs.DEMO)
        if node:
            node.result()
    return absent


def interpreter() -> Path:
    """The Python of that environment."""
    return venvs.python(venvs.DEMO)


@contextlib.contextmanager
def rabbitmq() -> Iterator[str]:
    """URL of a private RabbitMQ, if one is installed."""
    with brokers.rabbitmq() as running:
        yield running.url


@contextlib.contextmanager
def embedded() -> Iterator[tuple[str, str]]:
    """A Valkey from a wheel, what to call it and its URL; where no wheel fits, the Redis of this machine."""
    try:
        server = venvs.embedded_server(venvs.DEMO)
    except Failed as error:
        say(f"No embedded Valkey, trying redis-server: {str(error).splitlines()[0]}")
        with brokers.redis() as running:
            yield "a private Redis", running.url
        return
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="celeriac-demo-", ignore_cleanup_errors=True) as folder:
        command = [str(server), "--bind", brokers.HOST, "--port", str(port), "--save", "", "--appendonly", "no"]
        valkey = brokers.Broker("Redis", f"redis://{brokers.HOST}:{port}/0", command, Path(folder))
        try:
            valkey.start()
            yield "an embedded Valkey", valkey.url
        finally:
            valkey.stop()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses."""
    return brokers.free_ports(count)


def program(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with what it wrote. Raises Failed when it takes too long."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"not over after {PROGRAM_SECONDS:.0f} s: {' '.join(command)}") from None


@contextlib.contextmanager
def background(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, ready: str
) -> Iterator[None]:
    """A program that runs until the block ends, once it has written ``ready`` into its log.

    Raises Failed with the end of its log when it does not.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, log, ready)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, ready: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while ready not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"{log.stem} did not become ready; the end of its log:\n{tail}")
        time.sleep(0.05)
