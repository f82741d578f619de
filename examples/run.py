"""Run an example on a broker of its own, and compare what it prints with its README.

    python3 examples/run.py pipeline
    python3 examples/run.py canvas rabbitmq     # RabbitMQ as broker, if one is installed; results stay in Redis
    python3 examples/run.py --all               # what CI runs

Needs no root. Makes an environment of its own under .cache/, and leaves nothing running, however it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import stage
from common import LOGS, Failed, relative, say, to_exit_code

HERE = Path(__file__).resolve().parent
#: Ids are other ones each time.
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
READY, SENDS, SERVES = " ready: ", "Beat sends the schedule", "Quit the server"
Words = tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """A folder, what runs in the background with what it says then, and the programs that are run one after the other.

    In their words ``{last}`` is what the program before printed last, ``{port}`` a free port, ``{data}`` a new folder.
    """

    background: tuple[tuple[Words, str], ...]
    programs: tuple[Words, ...]
    before: tuple[Words, ...] = ()
    needs: tuple[str, ...] = ()


def celeriac(*words: str) -> Words:
    """A command of celeriac's."""
    return ("python", "-m", "celeriac", "-A", *words, "-l", "info")


EXAMPLES: Mapping[str, Example] = {
    "pipeline": Example(
        background=tuple(
            (celeriac(service, "worker", "-Q", service, "-c", "1"), READY) for service in ("service_a", "service_b")
        ),
        programs=(("node", "start.mjs"), ("php", "read.php", "{last}")),
        needs=("node", "php"),
    ),
    "canvas": Example(
        background=((celeriac("shop_tasks", "worker", "-c", "2"), READY),), programs=(("python", "order.py"),)
    ),
    "testing": Example(
        background=(), programs=(("python", "-m", "pytest", "-qq", "-rp", "-o", "console_output_style=classic"),)
    ),
    "beat": Example(
        background=(
            (celeriac("clock", "worker", "-E", "-c", "1"), READY),
            (celeriac("clock", "beat", "-s", "{data}/beat.json"), SENDS),
        ),
        programs=(("python", "watch.py"),),
    ),
    "django": Example(
        before=(("python", "manage.py", "migrate", "-v", "0"),),
        background=(
            (celeriac("project.queue", "worker", "-c", "1"), READY),
            (("python", "manage.py", "runserver", "--noreload", "{port}"), SERVES),
        ),
        programs=(("python", "order.py", "http://127.0.0.1:{port}"),),
    ),
}


def expected(name: str) -> str:
    """The last block in the example's README that is in no language: what its programs print."""
    text = (HERE / name / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [str(block) for language, block in blocks if not language][-1]


def run(name: str, urls: Mapping[str, str]) -> bool:
    """Run one example; whether it printed what its README says."""
    example = EXAMPLES[name]
    printed: list[str] = []
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="celeriac-example-"))
        environment = {**os.environ, **urls, "ARCHIVES_DATA": data}
        names = {"port": str(stage.free_ports(1)[0]), "data": data}

        def command(words: Words) -> list[str]:
            filled = [word.format(**names, last=printed[-1] if printed else "") for word in words]
            return [str(stage.interpreter()) if word == "python" else word for word in filled]

        def program(words: Words) -> None:
            done = stage.program(command(words), HERE / name, environment)
            if done.returncode:
                raise Failed(f"{name}: {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
            printed.extend(done.stdout.splitlines())

        for words in example.before:
            program(words)
        for number, (words, ready) in enumerate(example.background):
            log = LOGS / f"example-{name}-{number}.log"
            stack.enter_context(stage.background(command(words), HERE / name, environment, log, ready))
        for words in example.programs:
            say(f"$ {' '.join(command(words)).replace(str(stage.interpreter()), 'python')}")
            begun = len(printed)
            program(words)
            say("\n".join(printed[begun:]))
    return ID.sub("ID", "\n".join(printed)) == ID.sub("ID", expected(name).rstrip("\n"))


def run_all(names: list[str], broker: str) -> int:
    """Run these examples; the exit code."""
    absent = {"node": stage.prepare()}
    failed = []
    with contextlib.ExitStack() as stack:
        _, redis = stack.enter_context(stage.embedded())
        url = stack.enter_context(stage.rabbitmq()) if broker == "rabbitmq" else redis
        absent["php"] = stage.php_missing(url) or stage.php_missing(redis)
        for name in names:
            say(f"\n== {name} ({relative(HERE / name)})")
            missing = [f"{part}: {absent[part]}" for part in EXAMPLES[name].needs if absent[part]]
            if missing:
                say(f"SKIPPED {'; '.join(missing)}")
            elif not run(name, {"CELERIAC_BROKER": url, "CELERIAC_BACKEND": redis}):
                say(f"! this is not what {relative(HERE / name / 'README.md')} shows")
                failed.append(name)
    say(f"\n{len(names) - len(failed)} of {len(names)} as they should be; logs of the workers: {relative(LOGS)}")
    return 1 if failed else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run an example on a broker of its own.")
    parser.add_argument("name", nargs="?", choices=EXAMPLES, help="which one")
    parser.add_argument("broker", nargs="?", default="redis", choices=("redis", "rabbitmq"), help="[default: redis]")
    parser.add_argument("--all", action="store_true", help="all of them")
    given = parser.parse_args()
    if given.all is bool(given.name):
        parser.error("name an example, or --all")
    names = list(EXAMPLES) if given.all else [given.name]
    return to_exit_code(lambda: run_all(names, given.broker), stage.BrokerError)


if __name__ == "__main__":
    sys.exit(main())
