"""How a worker ends, and what becomes of what it held: signals, deaths, limits, a broker that goes away."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from celeriac import Celeriac, Signature, TaskFailure
from celeriac.transport.amqp_link import Link
from celeriac.worker.supervisor import WATCH_SECONDS
from tests.conftest import Broker
from tests.support.brokers import private_broker
from tests.support.queues import amqp_length, redis_length
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

StartWorker = Callable[..., Worker]


def length(broker: Broker, queue: str) -> int:
    """Messages that wait in the queue, not counting what a worker holds."""
    if broker.name == "rabbitmq":
        with closing(Link(broker.url)) as link:
            return amqp_length(link, queue)
    with closing(redis.Redis.from_url(broker.url)) as client:
        return redis_length(client, queue)


def test_warm_shutdown_finishes_what_runs(
    app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker()
    gate = tmp_path / "gate"
    running = app.send_task("t.until", (str(gate), "running"))
    worker.noted("running begins")
    for number in range(6):
        app.send_task("t.note", (f"next {number}",))
    worker.signal(signal.SIGTERM)
    eventually(lambda: length(broker, queue) == 6, "what was not begun went back at once")
    assert "running ends" not in worker.notes
    gate.write_text("end")
    assert worker.wait() == 0
    assert worker.notes == ["running begins", "running ends"]
    assert running.get(timeout=PATIENCE) == "running"
    assert length(broker, queue) == 6


def test_what_tasks_have_sent_unconfirmed_is_not_lost(app: Celeriac, broker: Broker, start_worker: StartWorker) -> None:
    worker = start_worker()
    elsewhere = f"elsewhere-{time.time_ns()}"
    try:
        app.send_task("t.flood", (elsewhere, 10_000))
        worker.noted("flood begins")
        worker.stop()
        eventually(lambda: length(broker, elsewhere) == 10_000, "all of them")
    finally:
        broker.remove(elsewhere)


def test_cold_shutdown_gives_back_what_runs(
    app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker
) -> None:
    worker = start_worker()
    result = app.send_task("t.sleep", (60, "running"))
    app.send_task("t.note", ("next",))
    worker.noted("running begins")
    worker.signal(signal.SIGTERM)
    worker.logged("Warm shutdown")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 3
    eventually(lambda: length(broker, queue) == 2, "both went back")
    second = start_worker()
    assert result.get(timeout=PATIENCE) == "running"
    second.noted("running again")
    second.stop()


def test_a_third_signal_finds_nothing_left_to_interrupt(app: Celeriac, start_worker: StartWorker) -> None:
    """It comes while the process takes leave of an ``async def`` task that does not let it go."""
    worker = start_worker()
    app.send_task("t.a_block", (60.0,))
    worker.logged("received")
    for said in ("Warm shutdown", "Cold shutdown"):
        worker.signal(signal.SIGTERM)
        worker.logged(said)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 3
    assert "Traceback" not in worker.log


@pytest.mark.parametrize(("task", "args"), [("deaf", (60,)), ("stuck", ())])
def test_shutdown_of_a_task_that_does_not_listen(
    app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker, task: str, args: tuple[int, ...]
) -> None:
    """It catches what is raised into it, or Python does not get to raise anything: what it holds goes back in time."""
    worker = start_worker()
    app.send_task(f"t.{task}", args)
    app.send_task("t.note", ("next",))
    worker.noted(f"{task} begins")
    worker.signal(signal.SIGTERM)
    eventually(lambda: length(broker, queue) == 1, "what was not begun went back", timeout=PATIENCE)
    worker.signal(signal.SIGTERM)
    eventually(lambda: length(broker, queue) == 2, "so did what runs", timeout=PATIENCE)
    worker.signal(signal.SIGQUIT)
    assert worker.wait() == 3


def test_away_at_once(app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker) -> None:
    """SIGQUIT kills the processes; the supervisor gives back what they cannot any more."""
    # One message a process, or one of the two might take them all.
    worker = start_worker("--prefetch", "1", processes=2)
    for _ in range(4):
        app.send_task("t.sleep", (60,))
    eventually(lambda: len(worker.notes) == 2, "both run")
    worker.signal(signal.SIGQUIT)
    assert worker.wait() == 3
    eventually(lambda: length(broker, queue) == 4, "all went back")


def test_nothing_is_lost_whoever_is_killed(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("--max-deaths", "99", processes=3)
    results = app.send_many(app.signature("t.soft", (0.02,)) for _ in range(150))
    for place in (10, 40, 70):
        results[place].get(timeout=PATIENCE)
        os.kill(worker.children[0], signal.SIGKILL)
    assert [result.get(timeout=PATIENCE) for result in results] == ["slept"] * len(results)
    worker.stop()
    assert worker.log.count("killed by SIGKILL") == 3


def test_a_process_that_dies_is_replaced_and_its_task_failed_after_a_limit(
    app: Celeriac, start_worker: StartWorker
) -> None:
    worker = start_worker("--max-deaths", "2")
    survivor = app.send_task("t.die", (1, "survivor"))
    assert survivor.get(timeout=PATIENCE) == "survivor"
    assert "survivor lives, redelivered True" in worker.notes
    killer = app.send_task("t.die", (99, "killer"))
    with pytest.raises(TaskFailure, match="2 worker processes died") as caught:
        killer.get(timeout=PATIENCE)
    assert caught.value.exc_type == "WorkerLostError"
    assert worker.notes.count("killer dies") == 2
    assert app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
    worker.stop()


def test_hundreds_that_wait_for_their_eta_block_nobody_and_go_back(
    app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker
) -> None:
    """A hundred prefetch windows of them."""
    app.send_many(app.signature("t.add", (1, 1)).set(countdown=3600) for _ in range(400))
    worker = start_worker()
    assert app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
    worker.stop()
    eventually(lambda: length(broker, queue) == 400, "all went back")


def test_early_acknowledgement_means_at_most_once(
    app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker
) -> None:
    worker = start_worker()
    errback = Signature(task="t.note", args=["told"], immutable=True, options={"queue": queue})
    result = app.send_task("t.early", ("once",), link_error=errback)
    with pytest.raises(TaskFailure) as caught:
        result.get(timeout=PATIENCE)
    assert caught.value.exc_type == "WorkerLostError"
    assert caught.value.exc_args == ("Worker exited prematurely: signal 9 (SIGKILL)",)
    worker.noted("told")
    assert app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
    worker.stop()
    assert worker.notes == ["once begins", "told"] and length(broker, queue) == 0


@pytest.mark.parametrize(("second", "how"), [(signal.SIGTERM, "cold shutdown"), (signal.SIGQUIT, "signal 9 (SIGKILL)")])
def test_what_was_acknowledged_early_is_told_of_at_a_cold_shutdown(
    app: Celeriac, start_worker: StartWorker, second: signal.Signals, how: str
) -> None:
    worker = start_worker()
    result = app.send_task("t.early_sleep", (60,))
    worker.noted("early begins")
    worker.signal(signal.SIGTERM)
    worker.logged("Warm shutdown")
    worker.signal(second)
    with pytest.raises(TaskFailure) as caught:
        result.get(timeout=PATIENCE)
    assert caught.value.exc_args == (f"Worker exited prematurely: {how}",)
    assert worker.wait() == 3


def test_a_hard_limit_that_only_killing_enforces_is_told_of(app: Celeriac, start_worker: StartWorker) -> None:
    """The task keeps the interpreter's lock: its process is killed, and the task is not run again."""
    start_worker()
    result = app.send_task("t.early_hold", time_limit=0.3)
    with pytest.raises(TaskFailure) as caught:
        result.get(timeout=PATIENCE)
    assert (caught.value.exc_type, caught.value.exc_args) == ("TimeLimitExceeded", (0.3,))


def test_hard_time_limit_ends_task_and_process(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    (process,) = worker.children
    result = app.send_task("t.deaf", (60,), time_limit=0.3)
    following = [app.send_task("t.add", (i, i)) for i in range(6)]
    with pytest.raises(TaskFailure) as caught:
        result.get(timeout=PATIENCE)
    assert (caught.value.exc_type, caught.value.exc_args) == ("TimeLimitExceeded", (0.3,))
    assert [one.get(timeout=PATIENCE) for one in following] == [0, 2, 4, 6, 8, 10]
    assert worker.children != [process] and "deaths" not in worker.log
    assert app.send_task("t.sleep", (0.1,), time_limit=5).get(timeout=PATIENCE) == "sleep"
    worker.stop()


def test_what_a_killed_process_held_goes_back_though_its_successor_stops_at_once(
    app: Celeriac, broker: Broker, queue: str, start_worker: StartWorker
) -> None:
    """Before it is connected: on Redis nobody else would look for it for an hour."""
    worker = start_worker()
    app.send_task("t.sleep", (30, "held"))
    worker.noted("held begins")
    (killed,) = worker.children
    # A new process waits for what the node knows before it connects.
    os.kill(worker.node_pid, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: worker.children not in ([], [killed]), "a successor starts")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert worker.log.count(" ready: ") == 1
    assert length(broker, queue) == 1


def test_a_supervisor_that_was_stopped_for_a_while_goes_on(app: Celeriac, start_worker: StartWorker) -> None:
    """As in a container that is paused, or by Ctrl-Z."""
    worker = start_worker()
    worker.logged(" ready: ")
    worker.signal(signal.SIGSTOP)
    time.sleep(1.5 * WATCH_SECONDS)
    worker.signal(signal.SIGCONT)
    (killed,) = worker.children
    os.kill(killed, signal.SIGKILL)
    worker.logged(" ready: ", 2)
    assert app.send_task("t.add", (1, 2)).get(timeout=PATIENCE) == 3
    worker.stop()


def test_processes_leave_when_their_supervisor_is_killed(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker(processes=2)
    children = worker.children
    assert len(children) == 2
    result = app.send_task("t.sleep", (1.5, "running"))
    worker.noted("running begins")
    worker.signal(signal.SIGKILL)
    assert result.get(timeout=PATIENCE) == "running"
    eventually(lambda: not any(_runs(pid) for pid in children), "they left")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_is_a_warm_shutdown(start_worker: StartWorker) -> None:
    worker = start_worker()
    # As a terminal does: to every process at once.
    for pid in (*worker.children, worker.pid):
        os.kill(pid, signal.SIGINT)
    assert worker.wait() == 0 and "Warm shutdown" in worker.log


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_broker_that_comes_back(kind: str, tmp_path: Path) -> None:
    with private_broker(kind) as server:
        backend = "rpc://" if kind == "rabbitmq" else server.url
        with (
            Celeriac(broker=server.url, backend=backend) as app,
            Worker(server.url, backend, "celery", tmp_path / "notes") as worker,
        ):
            assert app.send_task("t.add", (1, 1)).get(timeout=PATIENCE) == 2
            children = worker.children
            running = app.send_task("t.sleep", (1, "running"))
            worker.noted("running begins")
            _restart(worker, server)
            assert app.send_task("t.add", (2, 2)).get(timeout=40) == 4
            worker.noted("running ends")
            # Once more, while nothing runs.
            _restart(worker, server)
            assert app.send_task("t.add", (3, 3)).get(timeout=40) == 6
            assert worker.children == children
            _shut_down_without_a_broker(worker, server)
            assert running.id


def _restart(worker: Worker, server: Any) -> None:
    tried, ready = worker.log.count("Trying again in "), worker.log.count(" ready: ")
    server.kill()
    worker.logged("Trying again in ", count=tried + 1)
    server.start()
    # A broker that takes its time to come up is tried again after half a minute.
    worker.logged(" ready: ", count=ready + 1, timeout=90)


def _shut_down_without_a_broker(worker: Worker, server: Any) -> None:
    tried = worker.log.count("Trying again in ")
    server.kill()
    worker.logged("Trying again in ", count=tried + 1)
    started = time.monotonic()
    worker.stop()
    assert time.monotonic() - started < 30
