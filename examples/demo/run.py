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
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import stage  # noqa: E402 - this folder is not installed; it puts those of the next line on the path
from common import CACHE, LOGS, Failed, relative, say, to_exit_code  # noqa: E402

OUT = CACHE / "demo-out"
WORKER_LOG = LOGS / "demo-worker.log"
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


@contextlib.contextmanager
def broker(wish: str) -> Iterator[Urls]:
    """What the command line asked for, running until the block ends."""
    if "://" in wish:
        yield Urls("your broker", wish, "rpc://" if wish.startswith("amqp") else wish)
    elif wish == "rabbitmq":
        with stage.rabbitmq() as url:
            yield Urls("a private RabbitMQ, results by rpc", url, "rpc://")
    else:
        with stage.embedded() as (about, url):
            yield Urls(about, url, url)


def send(name: str, command: list[str], environment: dict[str, str]) -> list[Row]:
    """Run one sender and read the lines that it prints."""
    try:
        done = stage.program(command, HERE, environment)
    except Failed as error:
        return [Row(name, "", str(error), "", well=False)]
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
    no_node = stage.prepare()
    python = stage.interpreter()
    OUT.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(broker(wish))
        environment = {
            **os.environ,
            "CELERIAC_BROKER": urls.broker,
            "CELERIAC_BACKEND": urls.backend,
            "CELERIAC_DEMO_OUT": str(OUT),
        }
        # Tasks could be sent already: they would wait in the queue. Then the first would show the worker's start.
        command = [str(python), "-m", "celeriac", "-A", "demo_tasks", "worker", "-c", "2", "-l", "info"]
        stack.enter_context(stage.background(command, HERE, environment, WORKER_LOG, " ready: "))
        senders = (
            ("python", [str(python), "send.py"], None),
            ("node", ["node", "send.mjs"], no_node),
            ("php", ["php", "send.php"], stage.php_missing(urls.broker)),
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
    return to_exit_code(lambda: demo(wish), stage.BrokerError)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
