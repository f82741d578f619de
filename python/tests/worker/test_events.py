"""What a worker tells of itself and its tasks, as a monitor hears it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from click.testing import CliRunner

from celeriac import Celeriac
from celeriac.cli import main
from celeriac.events import Event, EventMessage
from celeriac.remote import Events
from tests.conftest import Broker
from tests.support.waiting import PATIENCE
from tests.support.worker import Worker

StartWorker = Callable[..., Worker]


def heard(events: Events, enough: Callable[[list[EventMessage]], bool], node: str) -> list[EventMessage]:
    """The messages of a node until these are enough."""
    found: list[EventMessage] = []
    until = time.monotonic() + PATIENCE
    while not enough(found):
        assert time.monotonic() < until, [event.type for message in found for event in message.events]
        found += [message for message in events.messages(0.5) if message.hostname == node]
    return found


def types(messages: list[EventMessage], task_id: str) -> list[str]:
    return [event.type for message in messages for event in message.events if event.uuid == task_id]


def test_a_task(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker("-E")
    with app.events(["task.#"]) as events:
        added = app.send_task("t.add", (2, 3))
        failed = app.send_task("t.fail", ("sold out",))
        retried = app.send_task("t.retry", (1,))
        messages = heard(events, lambda found: "task-succeeded" in types(found, retried.id), worker.node)
    assert all(message.is_array for message in messages)
    assert types(messages, added.id) == ["task-received", "task-started", "task-succeeded"]
    assert types(messages, failed.id) == ["task-received", "task-started", "task-failed"]
    first_run = ["task-received", "task-started", "task-retried"]
    assert types(messages, retried.id) == [*first_run, "task-received", "task-started", "task-succeeded"]
    told: list[Event] = [event for message in messages for event in message.events]
    received = next(event for event in told if event.uuid == added.id)
    assert (received.name, received.args, received.kwargs, received.root_id) == ("t.add", "(2, 3)", "{}", added.id)
    succeeded = next(event for event in told if event.uuid == added.id and event.type == "task-succeeded")
    assert succeeded.result == "5" and succeeded.runtime is not None
    failure = next(event for event in told if event.type == "task-failed")
    assert failure.exception == "ValueError('sold out')" and "in fail" in (failure.traceback or "")
    clocks = [event.clock for event in told]
    assert clocks == sorted(clocks, key=lambda clock: clock or 0)


def test_what_is_sent_and_what_a_task_tells(app: Celeriac, start_worker: StartWorker) -> None:
    app.configure(task_send_sent_event=True)
    start_worker()
    with app.events(["task.sent", "task.progress"]) as events:
        sent = app.send_task("t.tell", (0.5,))
        assert sent.get(timeout=PATIENCE) == 0.5
        found: list[EventMessage] = []
        until = time.monotonic() + PATIENCE
        # In either order: it is told of what was sent when that is confirmed, and the worker does not wait for it.
        while sorted(types(found, sent.id)) != ["task-progress", "task-sent"]:
            assert time.monotonic() < until, found
            found += events.messages(0.5)
    assert not any(message.is_array for message in found)
    told = {message.events[0].type: message.events[0] for message in found if message.events[0].uuid == sent.id}
    announced, progress = told["task-sent"], told["task-progress"]
    assert (announced.name, announced.queue) == ("t.tell", app.conf.task_default_queue)
    assert progress.extra == {"progress": 0.5}


def test_the_worker_itself(app: Celeriac, start_worker: StartWorker) -> None:
    with app.events(["worker.#"]) as events:
        worker = start_worker()
        beats = heard(events, lambda found: len(found) >= 3, worker.node)
        app.send_task("t.add", (2, 3)).get(timeout=PATIENCE)
        after = heard(events, lambda found: any(message.events[0].processed for message in found), worker.node)
        worker.stop()
        last = heard(events, lambda found: "worker-offline" in [one.events[0].type for one in found], worker.node)
    assert [message.events[0].type for message in beats[:3]] == ["worker-online", *["worker-heartbeat"] * 2]
    assert not any(message.is_array for message in [*beats, *after, *last])
    first = beats[0].events[0]
    assert (first.freq, first.pid, first.sw_ident, first.active) == (2.0, worker.pid, "py-celeriac", 0)
    assert last[-1].events[0].processed == 1


def test_events_are_switched_on_and_off(app: Celeriac, start_worker: StartWorker) -> None:
    worker = start_worker()
    with app.events(["task.#"]) as events:
        app.send_task("t.add", (1, 1)).get(timeout=PATIENCE)
        app.control.ask("enable_events", destination=[worker.node], timeout=PATIENCE)
        told = app.send_task("t.add", (2, 3))
        messages = heard(events, lambda found: "task-succeeded" in types(found, told.id), worker.node)
        assert {event.uuid for message in messages for event in message.events} == {told.id}
        app.control.ask("disable_events", destination=[worker.node], timeout=PATIENCE)
        app.send_task("t.add", (1, 1)).get(timeout=PATIENCE)
        assert [message for message in events.messages(1.5) if message.hostname == worker.node] == []


def test_on_the_command_line(app: Celeriac, broker: Broker, start_worker: StartWorker) -> None:
    worker = start_worker()
    found = CliRunner().invoke(
        main, ["-b", broker.url, "events", "-k", "worker.#", "-n", "1", "-d", worker.node, "--json"]
    )
    assert found.exit_code == 0
    event = json.loads(found.output)
    assert (event["type"], event["hostname"]) == ("worker-heartbeat", worker.node)
    plain = CliRunner().invoke(main, ["-b", broker.url, "events", "-n", "1", "-t", str(PATIENCE)])
    assert plain.exit_code == 0 and "worker-" in plain.output
