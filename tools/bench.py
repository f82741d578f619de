"""Install the peers in environments of their own and measure them and us: `make bench`, `make bench-full`.

python3 tools/bench.py quick                       # about five minutes, into .cache/bench
python3 tools/bench.py full --lines worker-redis   # one line, thoroughly
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import setup
import venvs
from common import (
    CACHE,
    CONFORMANCE_PACKAGE,
    PYTHON_PACKAGE,
    ROOT,
    alone,
    become,
    digest,
    once,
    quiet,
    relative,
    say,
    to_exit_code,
)

BENCHMARKS = ROOT / "benchmarks"
OUT = CACHE / "bench"
NPM = BENCHMARKS / "contestants" / "node"
#: Without these nothing can be measured; without the others, their contestants are left out.
NEEDED = ("rabbitmq", "redis")


def prepare() -> dict[str, str]:
    """Everything that is measured: environment -> the program that runs its contestants. Raises Failed."""
    missing = setup.run()
    setup.report(missing)
    if any(part in missing for part in NEEDED):
        sys.exit("error: both brokers are needed")
    with alone():
        for directory in (venvs.MEASURED, *venvs.PEERS.values()):
            venvs.ensure(directory)
            _compile(directory)
        if "node" not in missing:
            _npm()
    programs = {name: str(venvs.python(path)) for name, path in venvs.PEERS.items()}
    programs["celeriac"] = str(venvs.python(venvs.MEASURED))
    for name in ("node", "php"):
        program = shutil.which(name)
        if program and name not in missing:
            programs[name] = program
    return programs


def _compile(directory: Path) -> None:
    """Compile what was installed, as pip does and uv does not: or the first start of each would, and be measured so."""
    with once(directory / "compiled.stamp", digest(directory / "lock.stamp")) as needed:
        if needed:
            folders = [str(directory / "lib"), str(PYTHON_PACKAGE / "src")]
            command = [str(venvs.python(directory)), "-m", "compileall", "-q", *folders]
            quiet(command, what=f"{relative(directory)}: compileall")


def _npm() -> None:
    """Install the peers of Node. Not by ``npm ci``: it wants packages of other platforms, which the lock leaves out."""
    with once(NPM / "node_modules" / ".setup.stamp", digest(NPM / "package-lock.json")) as needed:
        if needed:
            quiet(["npm", "install", "--no-save", "--ignore-scripts"], what=f"{relative(NPM)}: npm install", cwd=NPM)


def _consumer() -> dict[str, str]:
    """Compile the consumer in C; the variable that names it. Without librabbitmq's headers it is left out."""
    source, program = BENCHMARKS / "contestants" / "c" / "consumer.c", CACHE / "bench-consumer"
    if not Path("/usr/include/amqp_tcp_socket.h").exists() or not shutil.which("cc"):
        say("SKIPPED librabbitmq: its headers, or cc, not found (remedy: apt-get install gcc librabbitmq-dev)")
        return {}
    with once(CACHE / "bench-consumer.stamp", digest(source)) as needed:
        if needed:
            words = ["cc", "-O2", "-Wall", "-Wextra", str(source), "-lrabbitmq", "-o", str(program)]
            quiet(words, what="benchmarks/contestants/c: cc")
    return {"CELERIAC_BENCH_CONSUMER": str(program)}


def run(arguments: list[str]) -> NoReturn:
    """Measure, as the process that was started."""
    programs = prepare()
    extra = _consumer()
    path = os.pathsep.join(str(folder) for folder in (BENCHMARKS, CONFORMANCE_PACKAGE / "src"))
    words = ["--out", str(OUT), "--programs", json.dumps(programs), *arguments]
    become([venvs.python(venvs.DEV), "-m", "bench", *words], PYTHONPATH=path, **extra)


if __name__ == "__main__":
    sys.exit(to_exit_code(lambda: run(sys.argv[1:])))
