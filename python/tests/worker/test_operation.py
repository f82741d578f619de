"""A worker as its operators see it: logs for machines, readiness, an end within a deadline."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from celeriac import Celeriac
from celeriac.transport import count_waiting
from tests.conftest import Broker
from tests.support.waiting import eventually
from tests.support.worker import PACKAGE, Worker


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
    assert worker.wait() == 0 and time.monotonic() - began < 30
    assert count_waiting(broker.url, queue) == 1, "what was cut short went back"
    lines = [json.loads(line) for line in worker.log.splitlines()]
    assert lines[0]["message"].startswith("celeriac worker ") and lines[0]["queues"] == queue
    (received,) = [line for line in lines if line.get("event") == "ready"]
    assert (received["task"], received["task_id"], received["level"]) == ("t.sleep", "the-long-one", "info")
    assert [line for line in lines if line["message"] == "Tasks still run after 0.5 s"]


def scraped(url: str) -> dict[str, float]:
    """The numbers that a worker serves, of tasks and of itself."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples if "le" not in sample.labels]
        return {" ".join((sample.name, *sample.labels.values())): sample.value for sample in samples}


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_metrics(start_worker: Callable[..., Worker], app: Celeriac, broker: Broker) -> None:
    worker = start_worker("--metrics-port", "0", processes=2)
    worker.logged("Metrics are at ")
    url = worker.log.split("Metrics are at ", 1)[1].split("/metrics", 1)[0]
    assert (status(f"{url}/ready"), status(f"{url}/nothing")) == (200, 404)
    sent = [app.send_task("t.add", (1, number)) for number in range(20)]
    sent += [app.send_task("t.fail", ("no",)), app.send_task("t.retry", (2,)), app.send_task("t.a_sleep", (0.01,))]
    for result in sent:
        result.get(timeout=20, propagate=False)
    app.send_task("t.sleep", (60,), {"name": "long"})
    worker.noted("long begins")
    expected = {
        "celeriac_task_received_total t.add": 20,
        "celeriac_task_succeeded_total t.add": 20,
        "celeriac_task_runtime_seconds_count t.add": 20,
        "celeriac_task_failed_total t.fail": 1,
        "celeriac_task_retried_total t.retry": 2,
        "celeriac_task_succeeded_total t.retry": 1,
        "celeriac_task_succeeded_total t.a_sleep": 1,
        "celeriac_worker_active_tasks": 1,
        "celeriac_worker_ready": 1,
    }
    found = scraped(url)
    assert {name: found[name] for name in expected} == expected
    # A killed process takes no number with it.
    for pid in worker.children:
        os.kill(pid, signal.SIGKILL)
    worker.logged(" ready: ", 4)
    assert scraped(url)["celeriac_task_succeeded_total t.add"] == 20
    app.send_task("t.sleep", (60,), {"name": "second"})
    worker.noted("second begins")
    worker.signal(signal.SIGTERM)
    eventually(lambda: status(f"{url}/ready") == 503, "the worker says that it leaves")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 3


def test_a_port_that_is_taken(redis_url: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "celeriac", "-b", redis_url, "worker", "--metrics-port", str(port)]
        done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert f"error: metrics cannot be served at 127.0.0.1:{port}: " in done.stderr


def test_traces(start_worker: Callable[..., Worker], broker: Broker, queue: str) -> None:
    worker = start_worker(application="tests.support.traced_tasks")
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with Celeriac("test", broker=broker.url, backend=broker.backend, task_default_queue=queue) as client:
        steps = client.signature("traced.add", (1, 2)) | client.signature("traced.add", (3,), queue=queue)
        assert steps.apply_async(headers={"traceparent": f"00-{trace}-{span}-01"}).get(timeout=20) == 6
    worker.stop()
    first, second = (note.split() for note in worker.notes)
    assert [first[0], first[2], first[3]] == [trace, span, "run/traced.add"]
    assert [second[0], second[2], second[3]] == [trace, first[1], "run/traced.add"], "the second step follows the first"
