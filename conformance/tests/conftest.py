"""Shared parts of the tests: running the command line, and Redis and RabbitMQ where the environment names them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from celeriac_conformance import cases, cli, requirements
from celeriac_conformance.brokers import ENV_AMQP, ENV_REDIS
from celeriac_conformance.cases import Case
from celeriac_conformance.requirements import Specification

HERE = Path(__file__).parent
PARTS = {"rabbitmq": ENV_AMQP, "redis": ENV_REDIS}


def url_of(part: str) -> str:
    """The URL of a broker; without one the test is skipped, or fails where CELERIAC_REQUIRE names the part."""
    variable = PARTS[part]
    url = os.environ.get(variable, "")
    if not url:
        message = (
            f"SKIPPED {part}: set {variable}, or run under `python -m celeriac_conformance.brokers --{part} -- ...`"
        )
        if part in os.environ.get("CELERIAC_REQUIRE", "").split(","):
            pytest.fail(message)
        pytest.skip(message)
    return url


@pytest.fixture
def redis_url() -> str:
    return url_of("redis")


@pytest.fixture
def amqp_url() -> str:
    return url_of("rabbitmq")


@pytest.fixture(scope="session")
def specification() -> Specification:
    return requirements.load()


def fake(name: str) -> list[str]:
    """The command of a fake testee."""
    return [sys.executable, str(HERE / "fakes.py"), name]


def reference(mutant: str = "") -> list[str]:
    """The command of the reference testee, or of one of its mutants."""
    return [sys.executable, str(HERE.parent / "mutants" / "testee.py"), *([mutant] if mutant else [])]


@dataclass
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def library(specification: Specification) -> list[Case]:
    return cases.load(specification)


@pytest.fixture
def suite(
    specification: Specification, library: list[Case], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Finished]:
    """Run ``celeriac-conformance`` in this process, from its arguments to its exit code; the library is read once."""
    read_specification, read_cases = requirements.load, cases.load
    monkeypatch.setattr(requirements, "load", lambda path=None: read_specification(path) if path else specification)
    monkeypatch.setattr(cases, "load", lambda of: library if of is specification else read_cases(of))

    def run(*arguments: str, testee: Sequence[str] = ()) -> Finished:
        monkeypatch.setattr(sys, "argv", ["celeriac-conformance", *arguments, *(["--", *testee] if testee else [])])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code: object = 0
            try:
                cli.main()
            except SystemExit as ended:
                code = ended.code
        return Finished(int(str(code or 0)), out.getvalue(), err.getvalue())

    return run
