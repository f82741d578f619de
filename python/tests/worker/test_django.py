"""A5: the Django project of the examples, as its reader runs it: a web server, a worker, a database."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.support.waiting import eventually
from tests.support.worker import Worker

PROJECT = Path(__file__).resolve().parents[3] / "examples" / "django"
BEGUN, DONE, FAILED = (
    "Initialisation du statut du lot en base",
    "Modification du statut du lot en réussi",
    "Modification du statut du lot en échec",
)


@dataclass(frozen=True)
class Site:
    """The web server, its worker, and where the archives are."""

    url: str
    worker: Worker
    archives: Path

    def ask(self, path: str, *, post: bool = False) -> tuple[int, Any]:
        request = urllib.request.Request(f"{self.url}{path}", method="POST" if post else "GET")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def ended(self, lot: str) -> Any:
        def end() -> Any:
            found = self.ask(f"/lots/{lot}/")[1]
            return found if found["status"] in ("done", "failed") else None

        return eventually(end, "the lot is done, or has failed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(broker: Broker, queue: str, tmp_path: Path) -> Iterator[Site]:
    variables = {
        "ARCHIVES_DATA": str(tmp_path),
        "CELERIAC_BROKER": broker.url,
        "CELERIAC_BACKEND": broker.backend,
        "ARCHIVES_QUEUE": queue,
        "PYTHONPATH": str(PROJECT),
    }
    environment = {**os.environ, **variables}
    manage = [sys.executable, str(PROJECT / "manage.py")]
    subprocess.run([*manage, "migrate", "-v", "0"], env=environment, check=True, timeout=30)
    port = free_port()
    serving = [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"]
    with (
        (tmp_path / "web.log").open("w") as log,
        Worker(
            broker.url, broker.backend, queue, tmp_path / "notes", application="project.queue", environment=variables
        ) as worker,
        subprocess.Popen(serving, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            site = Site(f"http://127.0.0.1:{port}", worker, tmp_path / "archives")
            eventually(lambda: _listens(port), "the web server listens")
            yield site
        finally:
            server.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_project(site: Site) -> None:
    status, ordered = site.ask("/archives/1990/", post=True)
    assert status == 202
    lot = site.ended(ordered["lot"])
    assert lot == {"year": "1990", "status": "done", "file": "1990.zip", "error": ""}
    names = zipfile.ZipFile(io.BytesIO((site.archives / "1990.zip").read_bytes())).namelist()
    assert names == [f"1990-{month:02}.txt" for month in range(1, 13)]
    site.worker.logged(DONE)
    assert site.worker.log.index(BEGUN) < site.worker.log.index(DONE)

    assert site.ask("/archives/1991/?refuse", post=True)[0] == 409
    status, ordered = site.ask("/archives/199O/", post=True)
    assert status == 202
    lot = site.ended(ordered["lot"])
    assert (lot["status"], lot["error"]) == ("failed", "invalid literal for int() with base 10: '199O'")
    site.worker.logged(FAILED)
    # What was rolled back was not sent: the worker has begun two lots by the time the later one has ended.
    assert site.worker.log.count(BEGUN) == 2
    site.worker.stop()
