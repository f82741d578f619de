"""The unit templates: systemd takes them, and the command takes the options in them."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from celeriac.cli import main

UNITS = sorted((Path(__file__).resolve().parents[3] / "examples" / "systemd").glob("*.service"))


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(unit)
    return parser["Service"]


def test_there_are_two() -> None:
    assert [unit.name for unit in UNITS] == ["celeriac-beat@.service", "celeriac-worker@.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_command_line_is_one_of_ours(unit: Path) -> None:
    _, _, _, name, *options = shlex.split(service(unit)["ExecStart"])
    command = main.commands[name]
    command.make_context(name, options, resilient_parsing=False)


def test_a_worker_has_time_to_stop_in_order() -> None:
    worker = service(UNITS[1])
    words = shlex.split(worker["ExecStart"])
    assert float(words[words.index("--soft-shutdown-timeout") + 1]) < float(worker["TimeoutStopSec"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="SKIPPED systemd-analyze: not installed here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_it(unit: Path, tmp_path: Path) -> None:
    # What it starts has to exist where it is checked.
    text = unit.read_text().replace("/srv/%i/.venv/bin/celeriac", "/bin/true")
    copy = tmp_path / unit.name.replace("@", "@shop")
    copy.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=30, check=False)
    complaints = [line for line in done.stderr.splitlines() if copy.name in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
