"""The commands of remote control: what they say, what they ask the processes, and that nothing is raised."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from celeriac import Celeriac, InvalidCall
from celeriac.worker import panel
from celeriac.worker.clock import Clock
from celeriac.worker.duties import Duties
from celeriac.worker.panel import COMMANDS, NO_REPLY, Ask, call, concluded
from celeriac.worker.pulse import Pulse
from celeriac.worker.settings import WorkerSettings, node_name

from .spec_data import vectors

app = Celeriac("shop", broker="amqp://guest:secret@localhost:5671//")


@app.task(name="shop.add", max_retries=5)
def add(x: int, y: int) -> int:
    """Give the sum."""
    return x + y


def duties(orders: list[dict[str, Any]] | None = None, **settings: Any) -> Duties:
    chosen = WorkerSettings(
        broker=app.broker, backend=None, tasks=app.tasks, hostname="w1@h", concurrency=2, **settings
    )
    clock = Clock()
    taken = [] if orders is None else orders
    return Duties(chosen, Pulse(chosen, clock), clock, os.getpid(), taken.append)


def say(on: Duties, method: str, *answers: Any, **arguments: Any) -> Any:
    """The reply, the processes answering this."""
    value = call(on, method, arguments)
    if isinstance(value, Ask):
        return concluded(value, list(answers))
    return None if value is NO_REPLY else value


def told(on: Duties, method: str, **arguments: Any) -> Any:
    """What the processes are told."""
    value = call(on, method, arguments)
    assert isinstance(value, Ask), value
    return value.arguments


REQUESTS = [vector["message"] for vector in vectors("control", invalid=False) if vector["kind"] == "control"]
#: Celery's two processes were both busy, which is no reason for ours: one of them leaves when it has run its task.
SHRINKS = {"pool_shrink"}
PLACES: dict[str, list[Any]] = {"active": [], "reserved": [], "scheduled": []}
COUNT = {"number": 1, "pid": 5, "active": 0, "total": {}}
ANSWERS = {"tasks": PLACES, "count": COUNT, "obey": None, "end": []}


@pytest.mark.parametrize("request_", REQUESTS, ids=[json.dumps([one["method"], one["arguments"]]) for one in REQUESTS])
def test_what_celery_asks_is_understood(request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The replies are of the form that Celery's have: ok, error, list, object, null or none."""
    monkeypatch.setattr(os, "kill", lambda *_: None)
    replies = [
        vector["message"]["reply"]
        for vector in vectors("control", invalid=False)
        if vector["kind"] == "reply" and vector["message"].get("ticket") == request_.get("ticket", "")
    ]
    # Celery's worker was asked once without --autoscale, and once with it.
    scales = request_["method"] == "autoscale" and "ok" in replies[0]
    on = duties(autoscale=(3, 1) if scales else None)
    value = call(on, request_["method"], request_["arguments"] or {})
    if isinstance(value, Ask):
        value = concluded(value, [ANSWERS[value.question]])
    for theirs in replies:
        keys = set(theirs) & {"ok", "error"} if isinstance(theirs, dict) else set()
        ours = set(value) & {"ok", "error"} if isinstance(value, dict) else set()
        assert ours == ({"ok"} if request_["method"] in SHRINKS else keys)
        assert isinstance(value, type(theirs))
    if request_["method"] == "shutdown":
        assert value is NO_REPLY


def test_inspecting() -> None:
    on = duties()
    assert say(on, "ping") == {"ok": "pong"}
    assert say(on, "registered") == ["shop.add"]
    assert say(on, "registered", taskinfoitems=["max_retries", "_x", 5]) == ["shop.add [max_retries=5]"]
    assert say(on, "clock") == {"clock": 0}
    assert [queue["name"] for queue in say(on, "active_queues")] == ["celery"]
    places = {**PLACES, "active": [{"id": "a"}], "scheduled": [{"eta": "x", "request": {"id": "s"}}]}
    assert say(on, "active", places, PLACES) == [{"id": "a"}]
    assert say(on, "query_task", places, PLACES, ids=["a", "s", "z"]) == {
        "a": ["active", {"id": "a"}],
        "s": ["scheduled", {"id": "s"}],
    }


def test_stats_count_all_processes_and_their_predecessors() -> None:
    on = duties()
    on.pulse.count(1, {"pid": 5, "total": {"shop.add": 3}})
    on.pulse.count(1, {"pid": 6})
    stats = say(on, "stats", {**COUNT, "pid": 6, "total": {"shop.add": 1}}, {**COUNT, "number": 2, "pid": 7})
    assert (stats["total"], stats["pool"]["processes"]) == ({"shop.add": 4}, [6, 7])
    assert stats["broker"]["userid"] == "guest"


@pytest.mark.parametrize("method", ["stats", "conf", "report"])
def test_passwords_stay_inside(method: str) -> None:
    assert "secret" not in json.dumps(say(duties(), method, COUNT))


def test_revoking() -> None:
    on = duties()
    assert set(told(on, "revoke", task_id="a")["revoked"]["ids"]) == {"a"}
    assert say(on, "revoke", task_id=["b", UUID(int=1)]) == {"ok": f"tasks b, {UUID(int=1)} flagged as revoked"}
    assert say(on, "revoked") == ["a", "b", str(UUID(int=1))]
    assert say(on, "revoke", [], ["a"], task_id="a", terminate=True) == {"ok": "terminate: a"}
    assert say(on, "revoke", [], task_id="a", terminate=True, signal="SIGKILL") == {"ok": "terminate: tasks unknown"}
    assert told(on, "terminate", task_id="a", signal="KILL")["signal"] == signal.SIGKILL
    assert told(on, "revoke_by_stamped_headers", headers={"t": ["x"]})["revoked"]["stamps"][0][:2] == ["t", "x"]
    assert "ok" in say(on, "revoke_by_stamped_headers", ["a"], headers=["t=x"], terminate=True)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("no_such_method", {}),
        ("__class__", {}),
        ("ping", {"x": 1}),
        ("revoke", {}),
        ("revoke", {"task_id": []}),
        ("revoke", {"task_id": [5]}),
        ("revoke", {"task_id": "a", "terminate": True, "signal": "SIGNOPE"}),
        ("revoke_by_stamped_headers", {"headers": 5}),
        ("rate_limit", {"task_name": "shop.add", "rate_limit": "many"}),
        ("rate_limit", {"task_name": "shop.nobody", "rate_limit": "10/m"}),
        ("rate_limit", {"task_name": ["x"], "rate_limit": "10/m"}),
        ("time_limit", {"task_name": "shop.add", "hard": "soon"}),
        ("time_limit", {"task_name": "shop.nobody", "hard": 5}),
        ("add_consumer", {"queue": 5}),
        ("add_consumer", {"queue": "x" * 300}),
        ("pool_grow", {"n": 0}),
        ("pool_grow", {"n": 1.5}),
        ("pool_grow", {"n": 17}),
        ("pool_shrink", {"n": 2}),
        ("pool_shrink", {"n": -1}),
        ("autoscale", {"max": 3, "min": 1}),
        ("query_task", {"ids": 5}),
        ("cancel_consumer", {"queue": []}),
        ("registered", {"taskinfoitems": 5}),
        ("hello", {"from_node": "w2@h", "revoked": 5}),
    ],
)
def test_what_does_not_fit_is_an_error(method: str, arguments: dict[str, Any]) -> None:
    reply = call(duties(), method, arguments)
    assert isinstance(reply, dict)
    assert list(reply) == ["error"] and reply["error"]


def test_more_and_fewer_processes() -> None:
    orders: list[dict[str, Any]] = []
    on = duties(orders)
    assert say(on, "pool_grow", n=16) == {"ok": "pool will grow"}
    assert say(on, "pool_shrink") == {"ok": "pool will shrink"}
    assert orders == [{"more": 16}, {"more": -1}]
    assert on.resize(4, None) == {"rates": {}}
    assert say(on, "stats", COUNT)["pool"]["max-concurrency"] == 4


def test_bounds_of_autoscaling() -> None:
    orders: list[dict[str, Any]] = []
    on = duties(orders, autoscale=(3, 1))
    assert say(on, "autoscale", max=4, min=2) == {"ok": "autoscale now max=4 min=2"}
    on.resize(2, [4, 2])
    assert say(on, "autoscale", max=5) == {"ok": "autoscale now max=5 min=2"}
    assert say(on, "autoscale", min=1) == {"ok": "autoscale now max=4 min=1"}
    assert orders == [{"bounds": [4, 2]}, {"bounds": [5, 2]}, {"bounds": [4, 1]}]
    for wrong in ({"max": 1}, {"max": 100}, {"min": 0}, {"max": "many"}):
        assert list(say(on, "autoscale", **wrong)) == ["error"]


def test_a_rate_is_shared_by_as_many_as_there_are() -> None:
    on = duties()
    told(on, "rate_limit", task_name="shop.add", rate_limit="6/s")
    assert on.resize(3, None) == {"rates": {"shop.add": 2.0}}
    assert on.state()["rates"] == {"shop.add": 2.0}


def test_limits() -> None:
    on = duties()
    assert told(on, "rate_limit", task_name="shop.add", rate_limit="120/m") == {"rates": {"shop.add": 1.0}}
    assert told(on, "rate_limit", task_name="shop.add", rate_limit=0) == {"rates": {"shop.add": 0.0}}
    assert told(on, "time_limit", task_name="shop.add", hard=30, soft=20) == {"limits": {"shop.add": [30, 20]}}
    assert say(on, "rate_limit", task_name="shop.add", rate_limit=None) == {"ok": "rate limit disabled successfully"}


def test_queues() -> None:
    on = duties()
    assert told(on, "add_consumer", queue="mail")["queues"] == [{"queue": "celery"}, {"queue": "mail"}]
    topic = {"queue": "feed", "exchange": "news", "exchange_type": "topic", "routing_key": "feed.#"}
    assert told(on, "add_consumer", **topic)["queues"][-1] == topic
    assert [queue["name"] for queue in told(on, "cancel_consumer", queue="celery")["queues"] if "name" in queue] == []
    assert [queue["routing_key"] for queue in say(on, "active_queues")] == ["mail", "feed.#"]


def test_events() -> None:
    on = duties()
    assert say(on, "disable_events") == {"ok": "task events already disabled"}
    assert told(on, "enable_events") == {"events": True}
    assert say(on, "enable_events") == {"ok": "task events already enabled"}
    assert on.state()["events"] is True


def test_shutdown_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *what: killed.append(what))
    on = duties()
    assert call(on, "shutdown", {}) is NO_REPLY
    assert call(on, "shutdown", {"msg": "again"}) is NO_REPLY
    assert killed == [(os.getpid(), signal.SIGTERM)]


def test_a_worker_of_celery_shares_what_it_knows() -> None:
    on = duties()
    assert say(on, "hello", None, from_node="w2@h", revoked=["a"]) == {"revoked": ["a"], "clock": 1}
    assert call(on, "hello", {"from_node": "w1@h"}) is NO_REPLY


def test_a_defect_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_duties: Duties) -> Any:
        raise LookupError("oh")

    monkeypatch.setattr(panel, "COMMANDS", {**COMMANDS, "ping": broken})
    assert call(duties(), "ping", {}) == {"error": "LookupError('oh')"}
    assert concluded(Ask("tasks", {}, lambda answers: answers[0]["x"]), [{}]) == {"error": "KeyError('x')"}


def test_the_state_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    on = duties(state_file=str(path))
    on.save()
    assert not path.exists()
    say(on, "revoke", task_id="a")
    on.clock.adjust(41)
    on.save()
    again = duties(state_file=str(path))
    assert say(again, "revoked") == ["a"]
    assert again.clock.value > 41
    path.write_text('{"revoked": 5}')
    with pytest.raises(InvalidCall, match="no state file"):
        duties(state_file=str(path))


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (None, "celeriac-u@h.example"),
        ("w1", "w1@h.example"),
        ("w1@%h", "w1@h.example"),
        ("w1@%n.%d", "w1@h.example"),
        ("%n-%%h@x", "h-%h@x"),
    ],
)
def test_node_names(wanted: str | None, name: str) -> None:
    assert node_name(wanted, "h.example", "u") == name
