"""A26: what monitors know of our workers and their tasks. Flower's memory is Celery's, so Celery's is looked into."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from celeriac import Celeriac, TaskRevoked
from tests.conftest import Broker
from tests.support.celery import FOLDER, celery_python
from tests.support.waiting import PATIENCE
from tests.support.worker import Worker

pytestmark = pytest.mark.celery
TASKS = 10
StartWorker = Callable[..., Worker]


def test_a_monitor_of_celerys(broker: Broker, app: Celeriac, start_worker: StartWorker) -> None:
    """Node online; ten tasks with name, arguments, state and runtime; the button that ends a task ends it."""
    command = [celery_python(), str(FOLDER / "event_state.py"), broker.url, str(TASKS), "t.sleep"]
    worker = start_worker("-E", processes=2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None and monitor.stdout.readline() == "ready\n", monitor.communicate()
        added = [app.send_task("t.add", (i, i + 1)) for i in range(TASKS - 3)]
        named = app.send_task("t.add", (), {"x": "Grace ", "y": "Hopper"})
        failed = app.send_task("t.fail", ("sold out",))
        unwanted = app.send_task("t.sleep", (60, "unwanted"))
        out, err = monitor.communicate(timeout=50)
    assert monitor.returncode == 0, err
    known = json.loads(out)
    assert known["workers"][worker.node] == {"alive": True, "sw_ident": "py-celeriac"}
    tasks = {task["uuid"]: task for task in known["tasks"] if task["worker"] == worker.node}
    assert len(tasks) == TASKS
    for i, sent in enumerate(added):
        task = tasks[sent.id]
        assert (task["name"], task["args"], task["kwargs"]) == ("t.add", f"({i}, {i + 1})", "{}")
        assert (task["state"], task["result"], task["root_id"]) == ("SUCCESS", str(2 * i + 1), sent.id)
        assert 0 <= task["runtime"] < PATIENCE
    assert tasks[named.id]["kwargs"] == "{'x': 'Grace ', 'y': 'Hopper'}"
    assert (tasks[failed.id]["state"], tasks[failed.id]["exception"]) == ("FAILURE", "ValueError('sold out')")
    assert (tasks[unwanted.id]["name"], tasks[unwanted.id]["state"]) == ("t.sleep", "REVOKED")
    with pytest.raises(TaskRevoked):
        unwanted.get(timeout=PATIENCE)
