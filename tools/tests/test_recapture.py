"""`make capture` uses the Python that the vectors were made with, says what is missing, and hands on the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import common
import pytest
import recapture


def interpreter_that_prints(folder: Path, text: str) -> Path:
    """A python3.11 that says it is of some version."""
    folder.mkdir()
    path = folder / "python3.11"
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def other_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This runs on another version."""
    monkeypatch.setattr(sys, "executable", str(interpreter_that_prints(tmp_path / "own", "3 12")))


@pytest.mark.usefixtures("other_python")
def test_a_shim_that_runs_nothing_is_passed_over(tmp_path: Path) -> None:
    shim = interpreter_that_prints(tmp_path / "shims", "")
    real = interpreter_that_prints(tmp_path / "real", "3 11")
    assert recapture.interpreter(f"{shim.parent}:{tmp_path / 'nothing'}:{real.parent}") == str(real)


@pytest.mark.usefixtures("other_python")
def test_without_the_right_python_there_is_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(common.Failed, match=r"python3\.11 not found.*remedy: install python3\.11"):
        recapture.interpreter(str(tmp_path))


def test_a_missing_broker_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("recapture.setup.run", lambda parts: {"redis": "redis-server not found (remedy: get it)"})
    assert recapture.prepare() == 1
    assert capsys.readouterr().out == "error: redis: redis-server not found (remedy: get it)\n"


def test_the_capture_runs_on_brokers_of_its_own_and_its_exit_code_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def broker(name: str) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(url=f"{name}://private")

    told = tmp_path / "told"
    tool = tmp_path / "tool.py"
    tool.write_text(
        f"import os, pathlib, sys\npathlib.Path({str(told)!r}).write_text(' '.join("
        "[os.environ['CELERIAC_AMQP_URL'], os.environ['CELERIAC_REDIS_URL'], *sys.argv[1:]]))\nsys.exit(3)\n"
    )
    monkeypatch.setenv("CELERIAC_REDIS_URL", "redis://somebody-elses")
    monkeypatch.setattr("recapture.brokers.rabbitmq", lambda: broker("amqp"))
    monkeypatch.setattr("recapture.brokers.redis", lambda: broker("redis"))
    monkeypatch.setattr("recapture.venvs.python", lambda directory: Path(sys.executable))
    monkeypatch.setattr(recapture, "TOOL", tool)
    assert recapture.capture(["--check"]) == 3
    assert told.read_text() == "amqp://private redis://private --check"
