"""Workers of ours and of real Celery on one broker: each is asked by the other's command line."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from celeriac import Celeriac
from celeriac.cli import main
from tests.conftest import Broker
from tests.support.celery import CeleryWorker, celery, celery_asks
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

pytestmark = pytest.mark.celery
REPLIES = "10"
StartWorker = Callable[..., Worker]


@pytest.fixture
def witness(broker: Broker, tmp_path: Path) -> Iterator[CeleryWorker]:
    """A worker of Celery's with a queue of its own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    with CeleryWorker(broker.url, name, f"{name}@celery", tmp_path / "celery.log") as worker:
        yield worker
    broker.remove(name)


def cli(broker: Broker, *words: str) -> Result:
    return CliRunner().invoke(main, ["-b", broker.url, "--backend", broker.backend, *words])


def test_a_mixed_company(broker: Broker, app: Celeriac, witness: CeleryWorker, start_worker: StartWorker) -> None:
    ours = [start_worker().node, start_worker().node]
    company = sorted([*ours, witness.node])
    whom = ("-d", ",".join(company), "-t", REPLIES)
    status = cli(broker, "status", *whom)
    assert status.exit_code == 0
    assert status.output.splitlines() == [*(f"{node}: OK" for node in company), "", "3 nodes online."]
    for command in ("active", "stats", "registered", "scheduled", "reserved", "active_queues", "conf", "report"):
        found = cli(broker, "inspect", command, "--json", *whom)
        assert (found.exit_code, sorted(json.loads(found.output))) == (0, company), command
    theirs = celery(broker.url, "inspect", "-j", "-t", REPLIES, "-d", ",".join(company), "ping")
    assert theirs.returncode == 0 and sorted(json.loads(theirs.stdout.splitlines()[0])) == company
    unknown = cli(broker, "result", str(uuid.uuid4()), "--timeout", "0.5")
    assert unknown.exit_code == 4 and "unknown to this backend" in unknown.output
    app.send_task("t.add", (1, 2), queue="nobody-reads-this")
    assert cli(broker, "queues", "-Q", "nobody-reads-this").output == "nobody-reads-this: 1 waiting\n"
    assert cli(broker, "purge", "-f", "-Q", "nobody-reads-this").output == "nobody-reads-this: 1 messages deleted\n"
    broker.remove("nobody-reads-this")
    assert (
        cli(broker, "call", "t.add", "-a", "[2, 3]", "-Q", app.conf.task_default_queue, "--wait", "20").output == "5\n"
    )


def test_celery_asks_us(broker: Broker, app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    assert celery_asks(broker.url, worker.node, "inspect ping") == {"ok": "pong"}
    running = app.send_task("t.sleep", (60, "asked"))
    worker.noted("asked begins")
    (active,) = celery_asks(broker.url, worker.node, "inspect active")
    assert (active["id"], active["name"]) == (running.id, "t.sleep")
    assert celery_asks(broker.url, worker.node, "inspect stats")["total"] == {"t.sleep": 1}
    assert "t.add" in celery_asks(broker.url, worker.node, "inspect registered")
    assert running.id in celery_asks(broker.url, worker.node, "inspect query_task", running.id)
    found = celery(broker.url, "control", "-t", REPLIES, "-d", worker.node, "terminate", "SIGKILL", running.id)
    assert found.returncode == 0 and f"terminate: {running.id}" in found.stdout, worker.log
    worker.logged(f"Task t.sleep[{running.id}] terminated")


def test_we_ask_celery(broker: Broker, app: Celeriac, witness: CeleryWorker) -> None:
    queue = witness.node.partition("@")[0]
    with app.events(["task.#"]) as events:
        sent = app.send_task("c.add", (2, 3), queue=queue)
        types: list[str] = []

        def told() -> bool:
            types.extend(event.type for event in events.receive(0.5) if event.uuid == sent.id)
            return "task-succeeded" in types

        eventually(told, "Celery's worker tells of the task")
    assert types == ["task-received", "task-started", "task-succeeded"]
    whom = ("-d", witness.node, "-t", REPLIES)
    stats = json.loads(cli(broker, "inspect", "stats", "--json", *whom).output)[witness.node]
    assert stats["total"] == {"c.add": 1}
    assert cli(broker, "control", "rate_limit", "c.add", "10/m", *whom).output.endswith("set successfully\n")
    assert cli(broker, "control", "add_consumer", f"{queue}-more", *whom).exit_code == 0

    def consumed() -> list[str]:
        queues = json.loads(cli(broker, "inspect", "active_queues", "--json", *whom).output)[witness.node]
        return [entry["name"] for entry in queues]

    # Celery replies before it has begun.
    eventually(lambda: consumed() == [queue, f"{queue}-more"], "it consumes both")
    task_id = str(uuid.uuid4())
    assert cli(broker, "control", "revoke", task_id, *whom).exit_code == 0
    assert task_id in json.loads(cli(broker, "inspect", "revoked", "--json", *whom).output)[witness.node]
    assert cli(broker, "control", "shutdown", "-d", witness.node).exit_code == 0
    assert witness.process.wait(PATIENCE) == 0
    # Not before: a worker of Celery's that loses a queue connects anew.
    broker.remove(f"{queue}-more")
