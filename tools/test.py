"""Set up, then run the steps of the table below under one private RabbitMQ and one private Redis.

    python3 tools/test.py                   # everything: what CI runs
    python3 tools/test.py --only check      # a group of steps, or some: --only node,php
    python3 tools/test.py --list

The output of each step is shown whole when it ends; the last lines are a table and the counts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import setup
import third_party
from common import CACHE, CONFORMANCE_PACKAGE, NODE, PHP, PYTHON_PACKAGE, ROOT, answer, say, to_exit_code
from parts import required
from steps import Runner, Step, choose, summary
from venvs import DEV, WITNESS, python

TOOLS, SUITE, EXAMPLES = ROOT / "tools", CONFORMANCE_PACKAGE / "src", ROOT / "examples"
sys.path.insert(0, str(SUITE))
from celeriac_conformance import brokers  # noqa: E402 - its folder has to be on the path first

PY = python(DEV)
BIN = DEV / "bin"
REPORTS = CACHE / "reports"
ADAPTERS = CONFORMANCE_PACKAGE / "adapters"
BROKERS = {"rabbitmq": brokers.ENV_AMQP, "redis": brokers.ENV_REDIS}
#: For tests that hold an implementation against a worker of real Celery.
REAL_CELERY = {"CELERIAC_CELERY_PYTHON": str(python(WITNESS))}
#: What npm scripts build anew and others import meanwhile.
DIST = "clients/node/dist"
Words = tuple[str | Path, ...]
Names = tuple[str, ...]


def with_interpreters() -> str:
    """PATH for tox: pyenv hides its interpreters behind shims; those of others are on PATH already."""
    root = answer(["pyenv", "root"]) if shutil.which("pyenv") else None
    folders = sorted(Path(root).glob("versions/3.1[0-3].*/bin")) if root else []
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])


def absent_interpreters() -> dict[str, str]:
    """Supported Pythons that this machine does not have, as parts that steps may need."""
    path = TOX_ENVIRONMENT["PATH"]
    absent = [name for name in INTERPRETERS if not answer([shutil.which(name, path=path) or name, "--version"])]
    return {name: f"not found (remedy: install {name})" for name in absent}


def tox(interpreter: str) -> Step:
    """The Python tests on one interpreter, in a folder of its own: two of these may run at once."""
    name = interpreter.replace("python3.", "py3")
    command = (BIN / "tox", "run", "-e", name, "--workdir", CACHE / "tox" / name)
    return Step(name=f"tox-{name}", group="tox", command=command, needs=(interpreter,), env=TOX_ENVIRONMENT)


def pytest(
    name: str,
    folder: str,
    *words: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    needs: Names = (),
    holds: str = "",
) -> Step:
    """A folder of pytest tests, with its closing line and a JUnit report."""
    command: Words = (PY, "-m", "pytest", "-q", f"--junitxml={REPORTS / f'{name}.xml'}", folder, *words)
    return Step(name=name, group="unit", command=command, cwd=cwd, env=env or {}, needs=needs, holds=holds)


def each(option: str, *cases: str) -> Words:
    """The option once for each of the cases."""
    return tuple(word for case in cases for word in (option, case))


#: The deadline of a step of a case. Every wait is for a condition, so a long one costs nothing where all is well, and a
#: busy machine can be silent for seconds.
PATIENCE = ("--timeout", "15")
#: What ours have to be: a SHOULD that is not met fails as well.
STRICT = ("--strict",)


def suite(name: str, *testee: str | Path, needs: Names = (), holds: str = "", options: Words = ()) -> Step:
    """The conformance suite against one implementation."""
    command: Words = (BIN / "celeriac-conformance", "run", "--out", REPORTS / name, *PATIENCE, *options, "--", *testee)
    return Step(name=name, group="suite", command=command, needs=(*BROKERS, *needs), holds=holds)


def check(name: str, *command: str | Path, cwd: Path = ROOT, needs: Names = (), holds: str = "") -> Step:
    """A gate that needs no broker: style, types, layers, documents."""
    return Step(name=name, group="check", command=command, cwd=cwd, needs=needs, holds=holds)


def types(name: str, folder: Path, *words: str, path: Sequence[Path] = ()) -> Step:
    """Mypy over a folder; ``path`` holds the modules that its scripts import by name."""
    command: Words = (BIN / "mypy", *words)
    return Step(name=name, group="check", command=command, cwd=folder, env={"MYPYPATH": ":".join(map(str, path))})


KNOWN_FAILING = ("--known-failing", ADAPTERS / "celery" / "known-failing.toml")
#: Where time decides whether Celery passes no expectation could hold on every machine: how long it takes to unpack a
#: bomb, all of it, and whether its main process settles a message before one of its pool has sent the retry.
UNDECIDED = ("worker/absurd/bomb*", "worker/retry/sent-before-settled")
#: A new worker for each message that ends one takes minutes in all: three runs at once in place of one.
POISON = {
    "suite-celery-poison": ("worker/poison", "worker/missing", "worker/absurd"),
    "suite-celery-broken": ("worker/bodies", "worker/mistyped", "worker/envelope"),
}
#: Where a result never comes, a durable case waits for most of a minute: minutes in all, apart from `make test`.
DURABLE = "suite-celery-durable"
CELERY_RUNS: dict[str, Words] = {
    **{name: (*KNOWN_FAILING, *each("--only", *cases), *each("--skip", *UNDECIDED)) for name, cases in POISON.items()},
    "suite-celery": (
        *KNOWN_FAILING,
        *each("--skip", "durable", *UNDECIDED, *(case for cases in POISON.values() for case in cases)),
    ),
}
CI_FILES = (
    ("workflows", "github-workflows", (".github/workflows/ci.yml", "conformance/ci/github.yml")),
    ("action", "github-actions", ("conformance/action.yml",)),
    ("gitlab", "gitlab-ci", ("conformance/ci/gitlab.yml",)),
)
SHELL_SCRIPTS = (".ci/run",)
MATRIX = ("matrix", "--config", CONFORMANCE_PACKAGE / "matrix.yaml", "--out", REPORTS / "matrix.json")
INTERPRETERS = ("python3.10", "python3.11", "python3.12", "python3.13")
#: The interpreter of .venv, which the step `python` tests.
OWN = f"python3.{sys.version_info.minor}"
TOX_ENVIRONMENT = {"PATH": with_interpreters(), "UV_PYTHON_DOWNLOADS": "never"}
#: What no step of those that stand apart takes, on a machine that does much else.
HALF_AN_HOUR = 1800
#: The tests of the other pool, which hold much of those of the first one again.
THREADS = "tests/worker/test_threads.py"
PYTHON_FOLDERS = ("python", "conformance", "spec", "tools", "examples", "benchmarks")

TABLE = (
    check("lint", BIN / "ruff", "check", *PYTHON_FOLDERS),
    check("format", BIN / "ruff", "format", "--check", *PYTHON_FOLDERS),
    types("types-python", PYTHON_PACKAGE),
    types("types-conformance", CONFORMANCE_PACKAGE),
    types("types-tools", TOOLS, "--strict", ".", path=(SUITE,)),
    types("types-examples", EXAMPLES, "--strict", "run.py", path=(TOOLS, SUITE)),
    types("types-demo", EXAMPLES / "demo", "--strict", ".", path=(EXAMPLES, TOOLS, SUITE)),
    types("types-testing", EXAMPLES / "testing", "--strict", "."),
    types("types-benchmarks", ROOT / "benchmarks", "--config-file", "mypy.ini", path=(SUITE,)),
    check("shell", BIN / "shellcheck", *SHELL_SCRIPTS),
    check("locks", PY, "tools/lock.py", "--check"),
    *(
        check(f"ci-{kind}", BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        for kind, schema, files in CI_FILES
    ),
    check("spec-gate", PY, "spec/tools/check"),
    check("node-check", "npm", "run", "check", cwd=NODE, needs=("node",), holds=DIST),
    check("php-check", PHP / "tools" / "check", cwd=PHP, needs=("php",)),
    Step(name="demo", group="demo", command=(sys.executable, "examples/demo/run.py"), holds=DIST),
    Step(name="examples", group="demo", command=(sys.executable, "examples/run.py", "--all"), holds=DIST),
    # The longest ones first, so that they do not end alone. A part of the mutants is among the tests of `conformance`.
    Step(
        name="mutants",
        group="suite",
        command=(BIN / "celeriac-conformance", "mutants", "--out", REPORTS / "kill-rate.json"),
        needs=tuple(BROKERS),
        seconds=HALF_AN_HOUR,
        apart=True,
    ),
    Step(
        name="matrix-full",
        group="suite",
        command=(sys.executable, TOOLS / "matrix_full.py"),
        needs=(*BROKERS, "node", "php"),
        holds=DIST,
        seconds=HALF_AN_HOUR,
        apart=True,
    ),
    replace(
        suite(
            DURABLE, python(WITNESS), ADAPTERS / "celery" / "testee.py", options=(*KNOWN_FAILING, "--only", "durable")
        ),
        seconds=HALF_AN_HOUR,
        apart=True,
    ),
    *(
        Step(
            name=f"suite-{name}",
            group="suite",
            command=(sys.executable, TOOLS / "third_party.py", name, REPORTS / f"suite-{name}"),
            needs=(*BROKERS, "node"),
            seconds=HALF_AN_HOUR,
            apart=True,
        )
        for name in third_party.RUNS
    ),
    *(
        suite(name, python(WITNESS), ADAPTERS / "celery" / "testee.py", options=options)
        for name, options in CELERY_RUNS.items()
    ),
    pytest("conformance", "tests", cwd=CONFORMANCE_PACKAGE),
    # Those that start workers of real Celery apart, so that no step is long.
    # Hundreds of workers are started and killed, one after the other.
    pytest("python-worker", "tests/worker", "-m", "not celery", f"--ignore={THREADS}", cwd=PYTHON_PACKAGE),
    pytest("python-threads", THREADS, cwd=PYTHON_PACKAGE),
    pytest("python-celery", "tests/worker", "-m", "celery", cwd=PYTHON_PACKAGE, env=REAL_CELERY),
    pytest("python", "tests/unit", "tests/contract", cwd=PYTHON_PACKAGE, env=REAL_CELERY),
    # A small one; `make soak` runs it for hours.
    pytest("soak", "tests/soak", cwd=PYTHON_PACKAGE),
    pytest("scenarios", "tests/scenarios", cwd=PYTHON_PACKAGE, env=REAL_CELERY, needs=("node", "php"), holds=DIST),
    pytest("spec", "spec/tools/tests"),
    pytest("tools", "tools/tests"),
    pytest("benchmarks", "benchmarks/tests"),
    Step(name="node", group="unit", command=("npm", "test"), cwd=NODE, needs=("node",), holds=DIST, env=REAL_CELERY),
    Step(name="php", group="unit", command=(PHP / "tools" / "test",), cwd=PHP, needs=("php",)),
    suite("suite-python", PY, ADAPTERS / "python" / "testee.py", options=STRICT),
    suite("suite-node", "node", ADAPTERS / "node" / "testee.mjs", needs=("node",), holds=DIST, options=STRICT),
    suite("suite-php", "php", ADAPTERS / "php" / "testee.php", needs=("php",), options=STRICT),
    Step(
        name="matrix",
        group="matrix",
        command=(BIN / "celeriac-conformance", *MATRIX),
        needs=(*BROKERS, "node", "php"),
        holds=DIST,
        env={"CELERIAC_PYTHON": str(PY), "CELERY_PYTHON": str(python(WITNESS))},
    ),
    *(tox(interpreter) for interpreter in INTERPRETERS if interpreter != OWN),
)


def run(chosen: Sequence[Step], missing: Mapping[str, str], jobs: int) -> int:
    """Run the steps on brokers of their own, if any of them is more than a check; the exit code."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        if any(step.group != "check" for step in chosen):
            chosen = with_brokers(chosen, missing, stack)
        results = Runner({**missing, **absent_interpreters()}, jobs).run(chosen)
    return summary(results, time.monotonic() - began)


def with_brokers(steps: Sequence[Step], missing: Mapping[str, str], stack: contextlib.ExitStack) -> list[Step]:
    """The steps with the URLs of private brokers in their environment, but for what that names already.

    Each step has a virtual host and a database of its own: what one tells all workers is not heard by others.
    """
    launchers = {"rabbitmq": lambda: brokers.rabbitmq([step.name for step in steps]), "redis": brokers.redis}
    urls = {
        variable: stack.enter_context(launchers[part]()).url
        for part, variable in BROKERS.items()
        if part not in missing and not os.environ.get(variable)
    }
    return [replace(step, env={**step.env, **places(urls, step.name, number)}) for number, step in enumerate(steps)]


def places(urls: Mapping[str, str], host: str, database: int) -> dict[str, str]:
    """The URLs of a virtual host and a database on the brokers of these URLs, by variable."""
    ends = {brokers.ENV_AMQP: host, brokers.ENV_REDIS: str(database)}
    return {variable: url[: url.index("/", len("redis://")) + 1] + ends[variable] for variable, url in urls.items()}


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Set up what is missing and run the project's tests.")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="steps or groups of steps [default: all]")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="steps at once [default: 1]")
    parser.add_argument("--list", action="store_true", help="name the steps, and do nothing")
    options = parser.parse_args()
    if options.list:
        for step in TABLE:
            say(f"{step.group:<7} {step.name:<18} {'needs ' + ', '.join(step.needs) if step.needs else ''}".rstrip())
        return 0
    chosen = choose(TABLE, options.only)
    required()

    def work() -> int:
        missing = setup.run()
        return setup.report(missing) or run(chosen, missing, options.jobs)

    return to_exit_code(work, brokers.BrokerError)


if __name__ == "__main__":
    sys.exit(main())
