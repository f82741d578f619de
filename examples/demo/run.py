"""The demo: a worker in Python, a broker of its own, and tasks sent to it from Python, Node and PHP.

    python3 examples/demo/run.py                # an embedded Valkey
    python3 examples/demo/run.py rabbitmq       # a private RabbitMQ, if one is installed
    python3 examples/demo/run.py amqp://...     # a broker of yours; redis://... likewise

Needs no root. Makes an environment of its own under .cache/, and leaves nothing running, however it ends.
The exit code is 0 when every language that is here got the results that it should.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / folder) for folder in ("tools", "conformance/src")]

import parts  # noqa: E402 - these two folders are not installed
import setup  # noqa: E402
import venvs  # noqa: E402
from common import CACHE, LOGS, PHP, Failed, alone, relative, say, to_exit_code  # noqa: E402

from celeriac_conformance import brokers  # noqa: E402

OUT = CACHE / "demo-out"
WORKER_LOG = LOGS / "demo-worker.log"
READY_SECONDS, SENDER_SECONDS, STOP_SECONDS = 30.0, 60.0, 10.0
#: How the three results of a sender begin when all is well; the last task fails on purpose.
EXPECTED = ("{", "{", "TaskFailure: PIL.UnidentifiedImageError")


@dataclass(frozen=True)
class Urls:
    """Where tasks go and where results come from."""

    about: str
    broker: str
    backend: str


@dataclass(frozen=True)
class Row:
    """One line of the table; ``well`` tells whether it is as it should be."""

    sender: str
    task: str
    result: str
    milliseconds: str
    well: bool = True


# -- what is here


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


# -- brokers


@contextlib.contextmanager
def broker(wish: str) -> Iterator[Urls]:
    """What the command line asked for, running until the block ends."""
    if "://" in wish:
        yield Urls("your broker", wish, "rpc://" if wish.startswith("amqp") else wish)
    elif wish == "rabbitmq":
        with brokers.rabbitmq() as running:
            yield Urls("a private RabbitMQ, results by rpc", running.url, "rpc://")
    else:
        with embedded() as (about, url):
            yield Urls(about, url, url)


@contextlib.contextmanager
def embedded() -> Iterator[tuple[str, str]]:
    """A Valkey from a wheel; where no wheel fits, the Redis of this machine."""
    try:
        server = venvs.embedded_server(venvs.DEMO)
    except Failed as error:
        say(f"No embedded Valkey, trying redis-server: {str(error).splitlines()[0]}")
        with brokers.redis() as running:
            yield "a private Redis", running.url
        return
    (port,) = brokers.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="celeriac-demo-", ignore_cleanup_errors=True) as folder:
        command = [str(server), "--bind", brokers.HOST, "--port", str(port), "--save", "", "--appendonly", "no"]
        valkey = brokers.Broker("Redis", f"redis://{brokers.HOST}:{port}/0", command, Path(folder))
        try:
            valkey.start()
            yield "an embedded Valkey", valkey.url
        finally:
            valkey.stop()


# -- worker and senders


@contextlib.contextmanager
def worker(python: Path, environment: dict[str, str]) -> Iterator[None]:
    """A worker with two processes, ready for tasks, until the block ends."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with WORKER_LOG.open("wb") as log:
        command = [str(python), "-m", "celeriac", "-A", "demo_tasks", "worker", "-c", "2", "-l", "info"]
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        # Tasks could be sent already: they would wait in the queue. Then the first would show the worker's start.
        wait_until_ready(process)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    """Return when the worker says that it consumes; raises Failed with the end of its log when it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while " ready: " not in WORKER_LOG.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(WORKER_LOG.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"the worker did not become ready; the end of its log:\n{tail}")
        time.sleep(0.05)


def send(name: str, command: list[str], environment: dict[str, str]) -> list[Row]:
    """Run one sender and read the lines that it prints."""
    try:
        done = subprocess.run(
            command,
            cwd=HERE,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SENDER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [Row(name, "", f"not over after {SENDER_SECONDS:.0f} s", "", well=False)]
    rows: list[Row] = []
    for line in done.stdout.splitlines():
        task, result, milliseconds = [*line.split("\t"), "", ""][:3]
        well = len(rows) < len(EXPECTED) and result.startswith(EXPECTED[len(rows)])
        rows.append(Row(name, task, result.replace(f"{HERE}/", ""), milliseconds, well))
    if done.returncode or len(rows) != len(EXPECTED):
        trouble = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
        rows.append(Row(name, "", f"exit {done.returncode}: {trouble}", "", well=False))
    return rows


def table(rows: list[Row]) -> None:
    """Print who sent what, what came back, and how long that took."""
    lines = [("sender", "task", "result", "ms"), *((r.sender, r.task, r.result, r.milliseconds) for r in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    say("")
    for number, (sender, task, result, milliseconds) in enumerate(lines):
        mark = "  " if number == 0 or rows[number - 1].well else "! "
        say(f"{mark}{sender:<{widths[0]}}  {task:<{widths[1]}}  {result:<{widths[2]}}  {milliseconds:>{widths[3]}}")
    say("")


def demo(wish: str) -> int:
    """Everything from the environment to the table; the exit code."""
    began = time.monotonic()
    no_node = prepare()
    python = venvs.python(venvs.DEMO)
    OUT.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(broker(wish))
        environment = {
            **os.environ,
            "CELERIAC_BROKER": urls.broker,
            "CELERIAC_BACKEND": urls.backend,
            "CELERIAC_DEMO_OUT": str(OUT),
        }
        stack.enter_context(worker(python, environment))
        senders = (
            ("python", [str(python), "send.py"], None),
            ("node", ["node", "send.mjs"], no_node),
            ("php", ["php", "send.php"], php_missing(urls.broker)),
        )
        rows = [row for name, command, absent in senders if not absent for row in send(name, command, environment)]
    say(f"\nA Python worker with {urls.about}, from {sum(not absent for *_, absent in senders)} languages:")
    table(rows)
    for name, _, absent in senders:
        if absent:
            say(f"SKIPPED {name}: {absent}")
    say(f"Thumbnails in {relative(OUT)}/, the worker's log is {relative(WORKER_LOG)}, {time.monotonic() - began:.1f} s")
    if "://" in wish:
        say("The queue celeriac-demo, empty, stays on your broker.")
    return 0 if all(row.well for row in rows) else 1


def main(arguments: list[str]) -> int:
    """Read the command line; turn what goes wrong into a line and an exit code."""
    wish = arguments[0] if arguments else "valkey"
    if len(arguments) > 1 or not ("://" in wish or wish in ("valkey", "rabbitmq")):
        sys.exit("usage: run.py [valkey | rabbitmq | amqp://... | redis://...]")
    say("Getting ready (a second run is quicker)")
    return to_exit_code(lambda: demo(wish), brokers.BrokerError)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
