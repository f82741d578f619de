"""Set up, then run the steps of the table below under one private RabbitMQ and one private Redis.

    python3 tools/test.py                   # everything: what CI runs
    python3 tools/test.py --only check      # a group of steps, or some: --only node,php
    python3 tools/test.py --list

The output of each step is shown whole when it ends; the last lines are a table and the counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import setup
from common import CACHE, CONFORMANCE_PACKAGE, NODE, PHP, PYTHON_PACKAGE, ROOT, Failed, answer, say
from parts import required
from steps import Runner, Step, choose, summary
from venvs import DEV, WITNESS, python

PY = python(DEV)
BIN = DEV / "bin"
REPORTS = CACHE / "reports"
ADAPTERS = CONFORMANCE_PACKAGE / "adapters"
BROKERS = ("rabbitmq", "redis")
#: The brokers and the parts an inner call inherits from the outer one, which has set everything up.
INNER = "CELERIAC_TEST_MISSING"


def pytest(name: str, folder: str, *, cwd: Path = ROOT) -> Step:
    """A folder of pytest tests, with its closing line and a JUnit report."""
    junit = f"--junitxml={REPORTS / f'{name}.xml'}"
    return Step(name=name, group="unit", command=(PY, "-m", "pytest", "-q", junit, folder), cwd=cwd)


def suite(name: str, *testee: str | Path, needs: tuple[str, ...] = (), options: tuple[str | Path, ...] = ()) -> Step:
    """The conformance suite against one implementation."""
    command = (BIN / "celeriac-conformance", "run", "--out", REPORTS / name, *options, "--", *testee)
    return Step(name=name, group="suite", command=command, needs=(*BROKERS, *needs))


def check(name: str, *command: str | Path, cwd: Path = ROOT, needs: tuple[str, ...] = ()) -> Step:
    """A gate that needs no broker: style, types, layers, documents."""
    return Step(name=name, group="check", command=command, cwd=cwd, needs=needs)


KNOWN_FAILING = ("--known-failing", ADAPTERS / "celery" / "known-failing.toml")
WORKFLOW = ".github/workflows/ci.yml"
SHELL_SCRIPTS = (".ci/run",)
MATRIX = ("matrix", "--config", CONFORMANCE_PACKAGE / "matrix.yaml", "--out", REPORTS / "matrix.json")
TOX = ("run-parallel", "--parallel", "2", "--parallel-no-spinner")
PYTHON_FOLDERS = ("python", "conformance", "spec", "tools", "examples")

TABLE = (
    check("lint", BIN / "ruff", "check", *PYTHON_FOLDERS),
    check("format", BIN / "ruff", "format", "--check", *PYTHON_FOLDERS),
    check("types-python", BIN / "mypy", cwd=PYTHON_PACKAGE),
    check("types-conformance", BIN / "mypy", cwd=CONFORMANCE_PACKAGE),
    check("types-tools", BIN / "mypy", "--strict", ".", cwd=ROOT / "tools"),
    check("shell", BIN / "shellcheck", *SHELL_SCRIPTS),
    check("locks", PY, "tools/lock.py", "--check"),
    check("workflow", BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW),
    check("spec-gate", PY, "spec/tools/check"),
    check("node-check", "npm", "run", "check", cwd=NODE, needs=("node",)),
    check("php-check", PHP / "tools" / "check", cwd=PHP, needs=("php",)),
    pytest("python", "tests", cwd=PYTHON_PACKAGE),
    pytest("conformance", "tests", cwd=CONFORMANCE_PACKAGE),
    pytest("spec", "spec/tools/tests"),
    pytest("tools", "tools/tests"),
    Step(name="node", group="unit", command=("npm", "test"), cwd=NODE, needs=("node",)),
    Step(name="php", group="unit", command=(PHP / "tools" / "test",), cwd=PHP, needs=("php",)),
    suite("suite-python", PY, ADAPTERS / "python" / "testee.py"),
    suite("suite-node", "node", ADAPTERS / "node" / "testee.mjs", needs=("node",)),
    suite("suite-php", "php", ADAPTERS / "php" / "testee.php", needs=("php",)),
    suite("suite-celery", python(WITNESS), ADAPTERS / "celery" / "testee.py", options=KNOWN_FAILING),
    Step(
        name="matrix",
        group="matrix",
        command=(BIN / "celeriac-conformance", *MATRIX),
        needs=(*BROKERS, "node", "php"),
        env={"CELERIAC_PYTHON": str(PY), "CELERY_PYTHON": str(python(WITNESS))},
    ),
    Step(name="tox", group="tox", command=(BIN / "tox", *TOX), seconds=420),
)


def environment() -> dict[str, str]:
    """The environment of every step: the interpreters of pyenv on PATH for tox, no downloads of Python by uv."""
    folders = [str(folder) for folder in interpreters()]
    path = os.pathsep.join([*folders, str(BIN), os.environ["PATH"]])
    return {"PATH": path, "UV_PYTHON_DOWNLOADS": "never", "PYTHONUNBUFFERED": "1"}


def interpreters() -> list[Path]:
    """Folders of Python 3.10 to 3.13 that pyenv holds and its shims hide; other ones are on PATH already."""
    root = answer(["pyenv", "root"]) if shutil.which("pyenv") else None
    return sorted(Path(root).glob("versions/3.1[0-3].*/bin")) if root else []


def outer(options: argparse.Namespace) -> int:
    """Set everything up, then become the brokers' launcher with the inner call as its command."""
    required()
    try:
        missing = setup.run()
    except Failed as error:
        say(f"error: {error}")
        return 1
    if setup.report(missing):
        return 1
    os.environ[INNER] = "\n".join(f"{name}\t{reason}" for name, reason in missing.items())
    arguments = ["--only", options.only, "--jobs", str(options.jobs)]
    inner_call = [str(PY), str(Path(__file__)), *arguments]
    chosen = choose(TABLE, options.only)
    flags = [f"--{name}" for name in BROKERS if name not in missing]
    if any(step.group != "check" for step in chosen) and flags:
        inner_call = [str(PY), "-m", "celeriac_conformance.brokers", *flags, "--", *inner_call]
    return os.execv(inner_call[0], inner_call)


def inner(options: argparse.Namespace) -> int:
    """Run the chosen steps; the exit code."""
    missing = dict(line.split("\t", 1) for line in os.environ.pop(INNER).splitlines())
    REPORTS.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment())
    began = time.monotonic()
    results = Runner(missing, options.jobs).run(choose(TABLE, options.only))
    return summary(results, time.monotonic() - began)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Set up what is missing and run the project's tests.")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="steps or groups of steps [default: all]")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="steps at once, 1 or 2 [default: 1]")
    parser.add_argument("--list", action="store_true", help="name the steps, and do nothing")
    options = parser.parse_args()
    if options.list:
        for step in TABLE:
            say(f"{step.group:<7} {step.name:<18} {'needs ' + ', '.join(step.needs) if step.needs else ''}".rstrip())
        return 0
    return inner(options) if INNER in os.environ else outer(options)


if __name__ == "__main__":
    sys.exit(main())
