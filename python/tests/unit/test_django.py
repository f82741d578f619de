"""The bridge to Django without a broker: where it may be called, and what a task leaves behind. The rest: worker/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3] / "examples" / "django"
#: What Celery's guide puts into the package of a project, so that web processes have the application.
AS_CELERYS_GUIDE = "from .queue import app as queue_app\n\n__all__ = ('queue_app',)\n"
LISTED = "from project.queue import app; print(*app.tasks)"
SET_UP = "import django; django.setup(); "
CONNECTED = """
from django.db import connection
from celeriac import current_request
from project.queue import app

@app.task(name="left")
def touch():
    connection.ensure_connection()

from celeriac.contrib.django import autodiscover_tasks
autodiscover_tasks(app)
touch()
print(connection.connection is not None)
current_request.set(object())
touch()
print(connection.connection is not None)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path / "site", ignore=shutil.ignore_patterns("data", "__pycache__")))


def run(project: Path, *words: str) -> str:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "ARCHIVES_DATA": str(project / "data")}
    done = subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", ["", AS_CELERYS_GUIDE], ids=["ours", "as Celery's guide has it"])
def test_tasks_are_found_wherever_the_application_is_imported(project: Path, package: str) -> None:
    (project / "project" / "__init__.py").write_text(package)
    for words in (LISTED, SET_UP + LISTED):
        assert run(project, "-c", words) == "task_generate_archive_files\n"
    assert "no issues" in run(project, "manage.py", "check")


def test_a_worker_drops_connections_that_are_too_old(project: Path) -> None:
    """CONN_MAX_AGE is 0 here: as old as a task. What the program itself calls is left alone."""
    assert run(project, "-c", CONNECTED) == "True\nFalse\n"
