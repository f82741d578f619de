"""Plays against testees that lie, and the parts that plays are made of."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Finished

from celeriac_conformance import cases, data, wire
from celeriac_conformance.cases import Case
from celeriac_conformance.plan import roles_of
from celeriac_conformance.profiles.company import PARTS
from celeriac_conformance.profiles.play import VERBS
from celeriac_conformance.profiles.verbs import control
from celeriac_conformance.requirements import Specification
from celeriac_conformance.verdicts import FAIL, judge
from celeriac_conformance.witness import Combo
from celeriac_conformance.witness.commands import Commands, parsed

Suite = Callable[..., Finished]

#: A testee that claims everything that plays are about and does nothing of it: every answer is made up.
LIAR = """
import json, sys
OK = {
    "publish": {"task_id": "6fa2b9e0", "confirmed": True, "children": []},
    "await": {"state": "SUCCESS", "result": 115},
    "control": {"replies": [{"node": "w1@nowhere", "reply": {"ok": "pong"}}]},
}
CANVAS = ["chain", "group", "chord", "map", "starmap", "chunks", "link", "stamps", "link_error", "replace"]
FEATURES = {
    "broker": ["amqp", "redis"], "result": ["redis"], "serializer": ["json"], "protocol": [2], "confirm": True,
    "time_limits": True, "events": True, "canvas": CANVAS[:8], "worker_canvas": ["chain", "link", "chord"],
    "control": ["ping", "revoke", "active"],
}
HELLO = {
    "protocol": 1, "implementation": {"name": "liar", "version": "0", "language": "python", "runtime": "test"},
    "roles": ["producer", "result", "worker", "control", "events"], "features": FEATURES,
}
for line in sys.stdin:
    request = json.loads(line)
    ok = HELLO if request["op"] == "hello" else OK.get(request["op"], {})
    print(json.dumps({"id": request["id"], "ok": ok}), flush=True)
    if request["op"] == "open" and request["role"] == "events":
        seen = {"type": "worker-online", "hostname": "w1@nowhere", "timestamp": 1.5}
        print(json.dumps({"event": "seen", "session": request["session"], "events": [seen]}), flush=True)
    if request["op"] == "bye":
        break
"""

#: A case of each kind of play, none of which a lie may pass.
PLAYS = [
    "canvas/chain/order",
    "canvas/steps/partial",
    "canvas/joining/in-order",
    "canvas/through/chain",
    "control/asking/ping",
    "control/calling/request",
    "control/calling/silence",
    "events/tasks/life-of-a-task",
    "events/workers/heartbeat",
    "events/monitor/single",
    "events/hostile/not-json",
    "worker/limits/hard",
    "worker/revoke/before-it-comes",
]


@pytest.mark.parametrize("case", PLAYS)
def test_a_lie_is_found(case: str, suite: Suite, redis_url: str, tmp_path: Path) -> None:
    _is_found(suite, case, ["--broker", redis_url, "--out", str(tmp_path)], tmp_path)


def test_a_lie_about_what_is_told_on_amqp_alone_is_found(
    suite: Suite, amqp_url: str, redis_url: str, tmp_path: Path
) -> None:
    options = ["--broker", amqp_url, "--result", redis_url, "--out", str(tmp_path)]
    _is_found(suite, "control/hostile/not-json", options, tmp_path)


def _is_found(suite: Suite, case: str, options: list[str], out: Path) -> None:
    done = suite(*options, "--timeout", "1", "--only", case, testee=[sys.executable, "-c", LIAR])
    (outcome,) = json.loads((out / "report.json").read_text())["cases"]
    assert (done.code, outcome["verdict"]) == (1, "fail"), done.out + done.err


def test_what_did_not_come_about_is_a_failure(specification: Specification, library: list[Case]) -> None:
    case = next(case for case in library if case.name == "control/calling/silence")
    document = {"got": {"ok": {"replies": []}, "took": 1.0}, "request": {"body": {"ticket": "t"}}}
    assert judge(case, Combo("redis", "redis"), document, specification, strict=False).verdict == "pass"
    outcome = judge(case, Combo("redis", "redis"), {**document, "stalled": "step 3"}, specification, strict=False)
    assert (outcome.verdict, "step 3" in outcome.why) == (FAIL, True)


def test_every_play_is_made_of_known_parts(library: list[Case]) -> None:
    plays = [case for case in library if case.stage == "play"]
    assert len(plays) > 100
    for case in plays:
        assert set(case.steps["cast"]) <= set(PARTS), case.name
        verbs = {verb for step in case.steps["script"] for verb in step if verb != "as"}
        assert verbs <= set(VERBS), case.name
        assert roles_of(case) <= {"producer", "worker", "control", "events"}, case.name


def test_every_verb_is_acted_somewhere(library: list[Case]) -> None:
    scripts = [case.steps["script"] for case in library if "script" in case.steps]
    assert {verb for script in scripts for step in script for verb in step} - {"as"} == set(VERBS)


def test_a_step_with_two_verbs_is_refused(specification: Specification, tmp_path: Path) -> None:
    row = {
        "about": "long enough to say something",
        "cast": ["worker"],
        "script": [{"canary": {}, "rest": {}}],
        "checks": [{"id": "CT-CMD-004", "at": "canary.up", "equals": True}],
    }
    (tmp_path / "t.yaml").write_text(json.dumps({"profile": "control", "about": "a table", "cases": {"two": row}}))
    with pytest.raises(data.DataError, match=r"t\.yaml"):
        cases.tables(specification, tmp_path)


@pytest.mark.parametrize(
    ("replies", "asked"),
    [([[1]], 1), ([[], [], [1]], 3), ([None], 1), ([{"error": "unknown"}], 1)],
    ids=["at once", "in the end", "null", "an error"],
)
def test_a_worker_is_asked_until_its_list_is_as_long(
    replies: list[object], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(replies)
    monkeypatch.setattr(control, "_ask", lambda *_: {"reply": next(left)})
    scene = SimpleNamespace(fill=lambda argument: argument, bench=SimpleNamespace(seconds=60.0))
    assert control.request(scene, {"method": "active", "items": 1}) == {"reply": replies[asked - 1]}  # type: ignore[arg-type]
    assert list(left) == []


def test_a_worker_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_ask", lambda *_: {"reply": []})
    scene = SimpleNamespace(fill=lambda argument: argument, bench=SimpleNamespace(seconds=0.1))
    assert control.request(scene, {"method": "active", "items": 1}) == {"reply": []}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ({"args": [1]}, 0),
        ({"task": "conf.sleep", "args": [3]}, 3),
        ({"task": "conf.sleep", "args": [30], "headers": {"timelimit": [1, None]}}, 0),
        ({"task": "conf.die"}, 10),
        ({"task": "conf.die_again"}, 30),
        ({"headers": {"eta": {"$now": 5}}}, 5),
        ({"headers": {"eta": {"$now": -5}}}, 0),
        ({"headers": {"eta": "2099-05-17T09:30:00+00:00"}}, 0),
    ],
)
def test_nothing_can_come_of_a_message_before_its_time(message: dict[str, object], seconds: float) -> None:
    assert wire.delay(message) == seconds


def test_a_line_of_monitor_is_read() -> None:
    line = rb'1339518083.107412 [0 127.0.0.1:60866] "set" "a key" "say \"x\" \x06\x16\n"'
    assert parsed(line) == {"command": ["SET", "a key", 'say "x" \x06\x16\n'], "by": "127.0.0.1:60866"}
    assert parsed(b'1339518083.1 [0 lua] "zadd" "k"')["by"] == "lua"
    assert parsed(b"OK") == {"command": [], "by": ""}


def test_commands_are_told_in_order(redis_url: str) -> None:
    commands = Commands(redis_url)
    other = Commands(redis_url)
    other._redis.set("conf-commands-one", "1", ex=5)
    other._redis.delete("conf-commands-one")
    assert [row["command"][0] for row in commands.about("conf-commands-one")] == ["SET", "DEL"]
    commands.close()
    other.close()
