"""Where the tests run their tasks: in the test itself, or on a worker that the test starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shop import app

from celeriac import Celeriac

pytest_plugins = ["celeriac.contrib.pytest"]


@pytest.fixture
def eager() -> Iterator[None]:
    """Tasks run where they are sent: without a broker, and without a wait."""
    app.configure(task_always_eager=True)
    yield
    app.configure(task_always_eager=False)


@pytest.fixture(scope="session")
def celeriac_app() -> Celeriac:
    """What ``celeriac_worker`` runs, on the broker and the backend that the environment names."""
    return app
