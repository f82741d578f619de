"""A worker as its operators see it: logs for machines, readiness, an end within a deadline."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

from celeriac import Celeriac
from celeriac.transport import count_waiting
from tests.conftest import Broker
from tests.support.waiting import eventually
from tests.support.worker import Worker


def test_in_a_container(
    start_worker: Callable[..., Worker], app: Celeriac, broker: Broker, queue: str, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    worker = start_worker("--log-format", "json", "--soft-shutdown-timeout", "0.5", "--ready-file", str(ready))
    eventually(ready.exists, "the worker is ready")
    assert ready.read_text() == f"{worker.pid}\n"
    app.send_task("t.sleep", (60, "long"), task_id="the-long-one")
    worker.noted("long begins")
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    eventually(lambda: not ready.exists(), "the worker says that it leaves")
    assert worker.wait(15) == 0 and time.monotonic() - began < 10
    assert count_waiting(broker.url, queue) == 1, "what was cut short went back"
    lines = [json.loads(line) for line in worker.log.splitlines()]
    assert lines[0]["message"].startswith("celeriac worker ") and lines[0]["queues"] == queue
    (received,) = [line for line in lines if line.get("event") == "ready"]
    assert (received["task"], received["task_id"], received["level"]) == ("t.sleep", "the-long-one", "info")
    assert [line for line in lines if line["message"] == "Tasks still run after 0.5 s"]
