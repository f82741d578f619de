"""Modules with tasks that an application imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeriac import Celeriac
from celeriac.serving import worker_settings
from celeriac.worker.orders import Orders
from celeriac.worker.wear import memory

TASKS = """
from {package} import app

@app.task(name="{package}.found", rate_limit="6/m")
def found(): ...
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"shop_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("from celeriac import Celeriac\napp = Celeriac(broker='redis://nowhere')\n")
    (folder / "tasks.py").write_text(TASKS.format(package=name))
    (folder / "broken.py").write_text("import there_is_no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_discovered(package: str) -> None:
    app: Celeriac = __import__(package).app
    app.autodiscover_tasks([package, "json"])
    assert list(app.tasks) == [f"{package}.found"]
    app.autodiscover_tasks([package], "nothing")
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
        app.autodiscover_tasks([package], "broken")


def test_included_with_their_rates(package: str) -> None:
    app: Celeriac = __import__(package).app
    app.configure(include=[f"{package}.tasks"], task_default_rate_limit=8)
    settings = worker_settings(app, hostname="w@h", concurrency=2)
    assert settings.rates == {f"{package}.found": 0.05}
    app.task(name="other")(print)
    assert worker_settings(app, hostname="w@h", concurrency=2).rates["other"] == 4
    assert Orders.of(settings).rate_wait(f"{package}.found") == 0
    with pytest.raises(ModuleNotFoundError):
        worker_settings(Celeriac(broker="redis://nowhere", include=["no_such_module_here"]), hostname="w@h")


def test_memory_is_told() -> None:
    assert 10_000 < memory() < 10_000_000
