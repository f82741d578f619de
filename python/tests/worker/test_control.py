"""Remote control of a worker that runs, by its own client and command line."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from celeriac import Celeriac, Message, TaskRevoked, Wire
from celeriac.cli import main
from celeriac.control import REQUEST_EXCHANGE
from celeriac.transport import Outgoing, open_client_link, open_post
from tests.conftest import Broker, Shop
from tests.support.proxy import Proxy
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

#: Seconds that replies may take on a loaded machine; a known number of nodes is not waited for longer than it takes.
REPLIES = 10.0
StartWorker = Callable[..., Worker]


def ask(app: Celeriac, worker: Worker, method: str, **arguments: Any) -> Any:
    """What one worker replies."""
    replies = app.control.ask(method, destination=[worker.node], timeout=REPLIES, **arguments)
    assert list(replies) == [worker.node], replies
    return replies[worker.node]


def cli(broker: Broker, *words: str) -> Result:
    return CliRunner().invoke(main, ["-b", broker.url, "--backend", broker.backend, *words])


def test_ping(shop: Shop) -> None:
    assert ask(shop.app, shop.worker, "ping") == {"ok": "pong"}
    assert shop.app.control.ping(destination=["nobody@nowhere"], timeout=0.5) == {}
    pattern = f"{shop.worker.node[:-1]}?"
    (found,) = shop.app.control.broadcast("ping", pattern=pattern, matcher="glob", reply=True, timeout=REPLIES, limit=1)
    assert found.node == shop.worker.node
    assert shop.app.control.broadcast("ping", pattern="x.*", matcher="pcre", reply=True, timeout=0.5) == []
    assert shop.app.control.broadcast("ping") == []


def test_tasks_are_shown_where_they_are(shop: Shop) -> None:
    running = shop.app.send_task("t.sleep", (PATIENCE, "shown"))
    shop.worker.noted("shown begins")
    later = shop.app.send_task("t.add", (1, 2), countdown=3600)
    next_one = shop.app.send_task("t.add", (3, 4))
    (active,) = ask(shop.app, shop.worker, "active")
    assert (active["id"], active["name"], active["args"]) == (running.id, "t.sleep", [PATIENCE, "shown"])
    assert active["worker_pid"] in shop.worker.children and abs(active["time_start"] - time.time()) < 60
    # What is set aside for later is looked at when the running task is done: until then it is reserved.
    reserved = eventually(lambda: ask(shop.app, shop.worker, "reserved"), "the next tasks are taken")
    assert {task["id"] for task in reserved} <= {later.id, next_one.id}
    found = ask(shop.app, shop.worker, "query_task", ids=[running.id, "nobody"])
    assert [found[task_id][0] for task_id in found] == ["active"]
    revoked = ask(shop.app, shop.worker, "revoke", task_id=running.id, terminate=True)
    assert revoked == {"ok": f"terminate: {running.id}"}
    with pytest.raises(TaskRevoked, match="terminated"):
        running.get(timeout=PATIENCE)
    assert next_one.get(timeout=PATIENCE) == 7
    scheduled = eventually(lambda: ask(shop.app, shop.worker, "scheduled"), "the later task waits")
    assert [entry["request"]["id"] for entry in scheduled] == [later.id]
    ask(shop.app, shop.worker, "revoke", task_id=later.id)


def test_what_is_revoked_does_not_run(shop: Shop) -> None:
    task_id = str(uuid.uuid4())
    shop.app.control.revoke(task_id, destination=[shop.worker.node], timeout=REPLIES)
    revoked = shop.app.send_task("t.note", ("revoked",), task_id=task_id)
    with pytest.raises(TaskRevoked, match="revoked"):
        revoked.get(timeout=PATIENCE)
    assert "revoked" not in shop.worker.notes
    assert task_id in ask(shop.app, shop.worker, "revoked")


def test_what_begins_with_the_right_stamp_does_not_run(shop: Shop) -> None:
    tenant = uuid.uuid4().hex
    ask(shop.app, shop.worker, "revoke_by_stamped_headers", headers={"tenant": tenant})
    message = Message.create(
        task="t.note",
        id=uuid.uuid4().hex,
        args=("stamped",),
        origin="test",
        stamped_headers=["tenant"],
        stamps={"tenant": tenant},
    )
    link = open_client_link(shop.broker.url)
    link.publisher.publish([Outgoing(message.build(), shop.queue)])
    link.close()
    shop.worker.logged(f"Task {message} revoked")
    assert "stamped" not in shop.worker.notes


def test_a_running_task_is_not_stopped_unless_that_is_asked_for(shop: Shop) -> None:
    running = shop.app.send_task("t.sleep", (2, "goes on"))
    shop.worker.noted("goes on begins")
    ask(shop.app, shop.worker, "revoke", task_id=running.id)
    assert running.get(timeout=PATIENCE) == "goes on"


def test_counts(shop: Shop) -> None:
    before = ask(shop.app, shop.worker, "stats")
    shop.app.send_task("t.add", (1, 2)).get(timeout=PATIENCE)
    after = ask(shop.app, shop.worker, "stats")
    assert after["total"]["t.add"] == before["total"].get("t.add", 0) + 1
    assert (after["pid"], after["pool"]["processes"]) == (shop.worker.pid, shop.worker.children)
    assert "t.add" in ask(shop.app, shop.worker, "registered")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("no_such_method", {}),
        ("ping", {"unknown": 1}),
        ("revoke", {"task_id": 5}),
        ("rate_limit", {"task_name": "t.nobody", "rate_limit": "1/m"}),
        ("pool_grow", {"n": 200}),
        ("autoscale", {"max": 2, "min": 1}),
    ],
)
def test_what_does_not_fit_is_answered_with_an_error(shop: Shop, method: str, arguments: dict[str, Any]) -> None:
    assert list(ask(shop.app, shop.worker, method, **arguments)) == ["error"]
    assert ask(shop.app, shop.worker, "ping") == {"ok": "pong"}


def test_what_is_malformed_hurts_nobody(shop: Shop) -> None:
    bodies = (b"", b"ping", b"[]", b'{"method": 5}', b'{"method": "ping", "reply_to": "x"}', b"[" * 5000)
    reply_to = {"exchange": "no.such.exchange", "routing_key": "x"}
    good = json.dumps({"method": "ping", "arguments": {}, "ticket": "t", "reply_to": reply_to}).encode()
    patterned = json.dumps({"method": "ping", "pattern": "(", "matcher": "pcre"}).encode()
    post = open_post(shop.broker.url)
    for body in (*bodies, good, patterned):
        post.send(REQUEST_EXCHANGE, "", Wire(body, "application/json", "utf-8", {}, {"delivery_mode": 2}))
    post.send(REQUEST_EXCHANGE, "", Wire(b"x", "application/x-python-serialize", "binary", {"clock": "x"}, {}))
    post.close()
    assert ask(shop.app, shop.worker, "ping") == {"ok": "pong"}
    assert shop.app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3


def test_time_limits_and_rates(shop: Shop) -> None:
    assert "ok" in ask(shop.app, shop.worker, "time_limit", task_name="t.sleep", hard=1)
    with pytest.raises(Exception, match="TimeLimitExceeded"):
        shop.app.send_task("t.sleep", (PATIENCE, "limited")).get(timeout=PATIENCE)
    assert "ok" in ask(shop.app, shop.worker, "time_limit", task_name="t.sleep")
    assert "ok" in ask(shop.app, shop.worker, "rate_limit", task_name="t.note", rate_limit="1/s")
    results = [shop.app.send_task("t.note", (f"rated {number}",)) for number in range(3)]
    began = time.monotonic()
    for result in results:
        result.get(timeout=PATIENCE)
    assert time.monotonic() - began > 1.5
    assert "ok" in ask(shop.app, shop.worker, "rate_limit", task_name="t.note", rate_limit=0)


def test_queues_come_and_go(shop: Shop) -> None:
    other = f"{shop.queue}-other"
    try:
        assert ask(shop.app, shop.worker, "add_consumer", queue=other) == {"ok": f"add consumer {other}"}
        assert shop.app.send_task("t.add", (1, 2), queue=other).get(timeout=PATIENCE) == 3
        names = [queue["name"] for queue in ask(shop.app, shop.worker, "active_queues")]
        assert names == [shop.queue, other]
        ask(shop.app, shop.worker, "cancel_consumer", queue=other)
        waiting = shop.app.send_task("t.add", (3, 4), queue=other)
        assert shop.app.send_task("t.add", (5, 6)).get(timeout=PATIENCE) == 11
        assert waiting.state == "PENDING"
    finally:
        shop.broker.remove(other)


def test_two_without_a_name_live_side_by_side(app: Celeriac, start_worker: StartWorker) -> None:
    nodes = [start_worker().node, start_worker().node]
    assert app.control.ping(destination=nodes, timeout=REPLIES) == {node: {"ok": "pong"} for node in nodes}


def test_named(app: Celeriac, start_worker: StartWorker) -> None:
    name = f"mail-{uuid.uuid4().hex[:8]}"
    worker = start_worker("-n", f"{name}@%h")
    assert worker.node == f"{name}@{os.uname().nodename}"
    assert ask(app, worker, "ping") == {"ok": "pong"}


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_name_that_is_taken(broker: Broker, start_worker: StartWorker) -> None:
    """Redis cannot tell whose a name is: there both workers would answer."""
    worker = start_worker("-n", f"taken-{uuid.uuid4().hex[:8]}@%h")
    second = cli(broker, "-A", "tests.support.tasks", "worker", "-n", worker.node)
    assert second.exit_code == 2
    assert "every worker needs a node name of its own" in second.output


def test_shutdown(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    running = app.send_task("t.sleep", (2, "finished"))
    worker.noted("finished begins")
    app.control.shutdown(destination=[worker.node])
    app.control.shutdown(destination=[worker.node])
    assert worker.wait() == 0
    assert running.get(timeout=PATIENCE) == "finished"


def test_revoked_is_remembered_over_a_restart(app: Celeriac, start_worker: StartWorker, tmp_path: Path) -> None:
    state = tmp_path / "state"
    task_id = str(uuid.uuid4())
    with start_worker("--statedb", str(state)) as worker:
        ask(app, worker, "revoke", task_id=task_id)
        worker.stop()
    revoked = app.send_task("t.note", ("forgotten",), task_id=task_id)
    worker = start_worker("--statedb", str(state))
    with pytest.raises(TaskRevoked):
        revoked.get(timeout=PATIENCE)
    assert "forgotten" not in worker.notes


def test_a_process_that_takes_over_knows_what_is_revoked(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    task_id = str(uuid.uuid4())
    ask(app, worker, "revoke", task_id=task_id)
    (child,) = worker.children
    os.kill(child, signal.SIGKILL)
    worker.logged(" ready: ", count=2)
    with pytest.raises(TaskRevoked):
        app.send_task("t.note", ("forgotten",), task_id=task_id).get(timeout=PATIENCE)


def test_more_and_fewer_processes(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("--prefetch", "1")
    first = worker.children
    assert ask(app, worker, "pool_grow", n=2) == {"ok": "pool will grow"}
    worker.logged(" ready: ", count=3)
    results = [app.send_task("t.sleep", (60, f"n{number}")) for number in range(3)]
    for number in range(3):
        worker.noted(f"n{number} begins")
    assert len(worker.children) == 3 and first[0] in worker.children
    assert ask(app, worker, "stats")["pool"]["max-concurrency"] == 3
    # All are busy: those that leave do so when they have run what they run.
    assert ask(app, worker, "pool_shrink", n=2) == {"ok": "pool will shrink"}
    worker.logged("Processes wanted: 1")
    assert len(worker.children) == 3
    for result in results:
        app.control.revoke(result.id, terminate=True)
    eventually(lambda: len(worker.children) == 1, "two have left")
    eventually(lambda: ask(app, worker, "stats")["pool"]["processes"] == worker.children, "and nobody asks them")
    assert "error" in ask(app, worker, "pool_shrink", n=1)
    assert app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3
    worker.stop()


def test_as_many_processes_as_there_is_work_for(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("--autoscale", "3,1", "--prefetch", "1")
    assert "1 to 3" in worker.log and len(worker.children) == 1
    results = [app.send_task("t.sleep", (60, f"n{number}")) for number in range(3)]
    for number in range(3):
        worker.noted(f"n{number} begins")
    assert len(worker.children) == 3
    assert ask(app, worker, "autoscale", max=2, min=1) == {"ok": "autoscale now max=2 min=1"}
    worker.logged("Processes wanted: 2", count=2)
    for result in results:
        app.control.revoke(result.id, terminate=True)
    eventually(lambda: len(worker.children) == 2, "one has left")
    worker.stop()


def test_the_node_is_started_anew(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    os.kill(worker.node_pid, signal.SIGKILL)
    worker.logged(" answers remote control", count=2)
    assert ask(app, worker, "ping") == {"ok": "pong"}
    assert app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3
    worker.stop()


def test_a_lost_connection_is_made_anew(broker: Broker, app: Celeriac, queue: str, tmp_path: Path) -> None:
    """The node remembers what it was told, and so do the processes."""
    backend = broker.backend if broker.backend == "rpc://" else broker.url
    with Proxy(broker.url) as proxy, Worker(proxy.url, backend, queue, tmp_path / "notes") as worker:
        task_id = str(uuid.uuid4())
        ask(app, worker, "revoke", task_id=task_id)
        ask(app, worker, "add_consumer", queue=f"{queue}-other")
        proxy.cut()
        worker.logged(" answers remote control", count=2)
        worker.logged(" ready: ", count=2)
        assert task_id in ask(app, worker, "revoked")
        with pytest.raises(TaskRevoked):
            app.send_task("t.note", ("forgotten",), task_id=task_id, queue=f"{queue}-other").get(timeout=PATIENCE)
        worker.stop()
    broker.remove(f"{queue}-other")


def test_without_remote_control(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("--no-control")
    assert " answers remote control" not in worker.log
    assert app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3
    worker.stop()


# -- the command line


def test_status(shop: Shop) -> None:
    found = cli(shop.broker, "status", "-d", shop.worker.node, "-t", str(REPLIES))
    assert (found.exit_code, found.output) == (0, f"{shop.worker.node}: OK\n\n1 node online.\n")
    nobody = cli(shop.broker, "status", "-d", "nobody@nowhere", "-t", "0.5")
    assert nobody.exit_code == 69
    assert "none of nobody@nowhere replied within 0.5 s" in nobody.output


@pytest.mark.parametrize("command", ["active", "stats", "registered", "active_queues", "report", "conf", "clock"])
def test_inspect(shop: Shop, command: str) -> None:
    asked = (shop.broker, "inspect", command, "-d", shop.worker.node, "-t", str(REPLIES))
    plain, as_json = cli(*asked), cli(*asked, "--json")
    assert plain.exit_code == as_json.exit_code == 0
    assert plain.output.startswith(f"{shop.worker.node}: ")
    assert list(json.loads(as_json.output)) == [shop.worker.node]


def test_control(shop: Shop) -> None:
    order = (shop.broker, "control", "-d", shop.worker.node, "-t", str(REPLIES))
    assert "flagged as revoked" in cli(*order, "revoke", "nobody-1", "nobody-2").output
    refused = cli(*order, "rate_limit", "t.nobody", "10/m")
    assert (refused.exit_code, refused.output) == (1, f"{shop.worker.node}: error: unknown task\n")
    too_much = cli(*order, "cancel_consumer", "a", "b")
    assert too_much.exit_code == 2 and "cancel_consumer takes QUEUE; b is too much" in too_much.output
    assert cli(*order, "time_limit", "t.add", "soon").exit_code == 2


def test_queues(shop: Shop) -> None:
    found = cli(shop.broker, "queues", "-Q", shop.queue, "--json")
    assert json.loads(found.output) == {shop.queue: 0}
    assert cli(shop.broker, "queues", "-Q", shop.queue).output == f"{shop.queue}: 0 waiting\n"
