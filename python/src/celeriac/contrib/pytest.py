"""Fixtures for pytest: a real worker, in threads of the test's own process.

# conftest.py
pytest_plugins = ["celeriac.contrib.pytest"]

@pytest.fixture(scope="session")
def celeriac_app():
    app.configure(broker_url="redis://localhost/9", result_backend="redis://localhost/9")
    return app

# test_shop.py
def test_add(celeriac_worker):
    assert add.delay(2, 3).get(timeout=10) == 5
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import pytest

from celeriac.client import Celeriac
from celeriac.serving import worker_settings
from celeriac.worker import node_name
from celeriac.worker.inside import PATIENCE, worker_inside


def running_worker(
    app: Celeriac, queues: Sequence[str] = (), *, patience: float = PATIENCE
) -> AbstractContextManager[None]:
    """Run a worker of this application meanwhile, of these queues (none: its default one), in this process.

    Plain tasks run one at a time in a thread, ``async def`` tasks beside them. What waits at the end stays where it is.
    Raises ``BrokerUnavailable``, and ``WorkerStuck`` for a worker or task that takes longer than ``patience`` seconds.
    """
    settings = worker_settings(
        app,
        hostname=node_name(None, socket.gethostname(), uuid.uuid4().hex[:8]),
        queues=tuple(queues) or (app.conf.task_default_queue,),
        concurrency=1,
    )
    return worker_inside(settings, patience=patience)


@pytest.fixture(scope="session")
def celeriac_app() -> Celeriac:
    """The application under test; yours returns it. This one has CELERIAC_BROKER and CELERIAC_BACKEND, and no tasks."""
    return Celeriac(f"tests of {os.getpid()}")


@pytest.fixture
def celeriac_worker(celeriac_app: Celeriac) -> Iterator[Celeriac]:
    """A worker of ``celeriac_app`` that runs during the test. Its value is the application."""
    with running_worker(celeriac_app):
        yield celeriac_app
