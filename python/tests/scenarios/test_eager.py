"""A6: the tasks of the Django project where they are sent; there is no broker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.worker.test_django import BEGUN, DONE, FAILED, PROJECT

TASKS = """
import logging
from archives.tasks import app, task_generate_archive_files as generate

logging.basicConfig(level="INFO", format="%(message)s")
app.configure(task_always_eager=True)
for year in ("1990", "199O"):
    result = generate.delay(year)
    print(result.state, result.get() if result.successful() else result.result["exc_message"])
"""


def test_a6_always_eager(tmp_path: Path) -> None:
    nowhere = {"CELERIAC_BROKER": "amqp://guest:guest@127.0.0.1:1//", "ARCHIVES_DATA": str(tmp_path)}
    environment = {**os.environ, **nowhere, "DJANGO_SETTINGS_MODULE": "project.settings", "PYTHONPATH": str(PROJECT)}

    def python(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=40, check=True)

    python(str(PROJECT / "manage.py"), "migrate", "-v", "0")
    done = python("-c", "import django; django.setup()\n" + TASKS)
    assert done.stdout.splitlines() == [
        "SUCCESS 1990.zip",
        "FAILURE [\"invalid literal for int() with base 10: '199O'\"]",
    ]
    said = [line for line in done.stderr.splitlines() if line in (BEGUN, DONE, FAILED)]
    assert said == [BEGUN, DONE, BEGUN, FAILED]
    assert (tmp_path / "archives" / "1990.zip").exists()
