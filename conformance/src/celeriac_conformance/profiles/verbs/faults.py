"""Verbs of durable cases: faults on the way to the servers, the death of workers and servers, and what came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celeriac_conformance.profiles import LegallyUnsupported
from celeriac_conformance.profiles.durable_lines import Lines
from celeriac_conformance.profiles.scene import Scene, Stalled
from celeriac_conformance.profiles.verbs import working
from celeriac_conformance.profiles.worker import FOUND_SECONDS
from celeriac_conformance.proxy import HOLD, SWALLOW
from celeriac_conformance.testee import Answer, Pending, Refused, TesteeBroken
from celeriac_conformance.waiting import until

#: Within what time a producer has to say what became of a call: when the broker is away, and when it is there but has
#: fallen silent (a program may well give it half a minute).
AWAY_SECONDS, SILENCE_SECONDS = 15.0, 40.0
#: How much later than it was asked to an await may end.
LATE_SECONDS = 10.0
#: How long a worker may pause before it tries once more to connect: pauses grow from one try to the next.
PAUSE_SECONDS = 20.0


def _lines(scene: Scene) -> Lines:
    lines: Lines = scene.notes["lines"]
    return lines


# -- faults ----------------------------------------------------------------------------------------


def fault(scene: Scene, argument: dict[str, Any]) -> None:
    """Plan a fault at a spot (durable_lines.SPOTS) that is still to come."""
    queue = scene.worker().queue if scene.workers else scene.company.side
    _lines(scene).plan(argument, {**scene.words, "queue": queue})


def happened(scene: Scene, _: Any) -> None:
    """Wait until every fault that was planned has happened."""
    faults = _lines(scene).faults
    try:
        scene.wait(lambda: all(one.happened for one in faults), "the fault to happen")
    except Stalled:
        rule = next(one.rule for one in faults if not one.happened)
        if rule.about == "unacked":
            raise LegallyUnsupported("it settles messages in none of the ways that the proxy knows") from None
        raise


def cut(scene: Scene, line: str) -> int:
    """Cut every connection on a line now; how many there were."""
    return _lines(scene).line(line).cut()


def silence(scene: Scene, line: str) -> None:
    """Have every connection on a line fall silent now, and stay open."""
    _lines(scene).line(line).hold()


def away(scene: Scene, line: str) -> None:
    """Have a server be away: its connections are cut, and new ones refused."""
    _lines(scene).line(line).leave(counting=line == "result")


def missed(scene: Scene, line: str) -> None:
    """Wait until somebody has tried in vain to reach the server that is away."""
    scene.wait(lambda: _lines(scene).line(line).refused > 0, f"an attempt to reach the {line} that is away")


def crossed(scene: Scene, pattern: str) -> list[str]:
    """The frames that have crossed on the broker's line, as text, in which this is found."""
    return [line.text for line in _lines(scene).broker.log.lines() if re.search(pattern, line.text)]


def heal(scene: Scene, _: Any) -> None:
    """Make the lines sound again."""
    _lines(scene).heal()


def runs_on(scene: Scene, seconds: float) -> None:
    """Let a task run on for so long: a worker that settles before the end of a task has done so then."""
    if (down := until(scene.down, seconds)) is not None:
        raise Stalled(f"while the task ran on: it ended: {down}")


def kill(scene: Scene, what: str) -> None:
    """Kill a part (the testee with all that it has started), or the broker, as a power cut would."""
    if what in scene.places:
        scene.bench.replace()
        others = [name for name in scene.places if name != what]
        scene.company.leave(others, broken=True)
        return
    _lines(scene).servers[scene.combo.broker].kill()


def start(scene: Scene, what: str) -> None:
    """Start what was killed: a worker at its old place, or the broker with the data that it had."""
    if what in scene.places:
        scene.company.reopen(what)
        return
    _lines(scene).servers[scene.combo.broker].start()
    scene.broker.renew()
    if scene.combo.result in ("rpc", scene.combo.broker):
        scene.results.renew()


def time_passes(scene: Scene, _: Any) -> None:
    """Have as much time pass for held messages as makes them be given back."""
    scene.broker.age(scene.worker().queue)


# -- what came of it -------------------------------------------------------------------------------


def goes_on(scene: Scene, _: Any) -> dict[str, Any]:
    """Whether the worker runs tasks again by itself; one that has ended is started again by the suite."""
    scene.earliest = max(scene.earliest, time.monotonic() + PAUSE_SECONDS)
    try:
        up = working.canary(scene, {})["up"]
    except Stalled as stalled:
        with suppress(Refused):
            scene.worker().session.close()
        scene.company.reopen(next(iter(scene.workers)))
        up = working.canary(scene, {})["up"]
        return {"by_itself": False, "up": up, "why": str(stalled)}
    return {"by_itself": True, "up": up}


def found(scene: Scene, task_id: str) -> dict[str, Any]:
    """The final result document of a task whose message has to be given back first, which can take its time."""
    task_id = scene.fill(task_id)
    seconds = max(scene.bench.seconds, FOUND_SECONDS)
    record = scene.wait(lambda: scene.results.final(task_id), f"the result of {task_id}", seconds)
    assert record is not None
    return dict(record["document"])


def evidence(scene: Scene, task_id: str) -> list[dict[str, Any]]:
    """The evidence of each run of a task so far."""
    wanted = scene.fill(task_id)
    return [row for row in scene.evidence("ran") if row["task_id"] == wanted]


def post(scene: Scene, call: dict[str, Any]) -> dict[str, Any]:
    """Have the testee send a call that names its ``task_id``, and look for the message.

    ``honest``: it did not say ok of a message that is not there. ``told``: it answered before the lines were healed.
    """
    call = scene.fill(call)
    session, task_id = scene.place("producer").session, call["options"]["task_id"]
    began = time.monotonic()
    pending = session.begin_publish(call)
    silent = any(one.rule.action in (HOLD, SWALLOW) for one in _lines(scene).faults)
    answer, told = _answer(scene, pending, SILENCE_SECONDS if silent else AWAY_SECONDS)
    took = time.monotonic() - began
    there = until(lambda: _copies(scene, task_id), _patience(scene) if answer.ok is not None else 0.0)
    return {
        "answer": scene.legal(answer),
        "honest": answer.ok is None or bool(there),
        "told": told,
        "took": took,
        "message": there[0] if there else None,
    }


def _patience(scene: Scene) -> float:
    """How long a message may be under way: see ProducerGroup."""
    return min(1.0, scene.bench.seconds) if scene.bench.hello.claims("confirm", True) else scene.bench.seconds


def _answer(scene: Scene, pending: Pending, seconds: float) -> tuple[Answer, bool]:
    """The answer, and whether it came in time; for one that did not come the lines are healed."""
    try:
        return pending.wait(seconds), True
    except TesteeBroken:
        if scene.bench.testee.fault:
            raise
    _lines(scene).heal()
    return pending.wait(scene.bench.seconds), False


def _copies(scene: Scene, task_id: str) -> list[dict[str, Any]]:
    """The messages of that id that have come to the side queue since the case began."""
    messages = scene.notes.setdefault("posted", [])
    messages += scene.company.rest()
    return [message for message in messages if (message.get("headers") or {}).get("id") == task_id]


def copies(scene: Scene, task_id: str) -> int:
    """How many messages with that id have been sent."""
    return len(_copies(scene, scene.fill(task_id)))


def strays(scene: Scene, ids: list[str]) -> int:
    """How many messages have been sent under none of these ids."""
    known = sum(len(_copies(scene, task_id)) for task_id in scene.fill(ids))
    return len(scene.notes["posted"]) - known


def begin_await(scene: Scene, argument: dict[str, Any]) -> None:
    """Have the testee begin to wait for a result."""
    session = scene.place("client", "producer").session
    timeout_ms = argument.get("timeout_ms", int(scene.bench.seconds * 1000))
    scene.notes["awaiting"] = (
        session.begin_await(scene.fill(argument["id"]), timeout_ms),
        time.monotonic(),
        timeout_ms,
    )


def end_await(scene: Scene, _: Any) -> dict[str, Any]:
    """What the testee answered, and whether it did in the time that it was given."""
    pending, began, timeout_ms = scene.notes.pop("awaiting")
    answer, told = _answer(scene, pending, timeout_ms / 1000 + LATE_SECONDS)
    return {"answer": scene.legal(answer), "in_time": told, "took": time.monotonic() - began}


VERBS: dict[str, Callable[[Scene, Any], Any]] = {
    "fault": fault,
    "happened": happened,
    "cut": cut,
    "silence": silence,
    "away": away,
    "missed": missed,
    "crossed": crossed,
    "heal": heal,
    "runs_on": runs_on,
    "kill": kill,
    "start": start,
    "time_passes": time_passes,
    "goes_on": goes_on,
    "found": found,
    "evidence": evidence,
    "post": post,
    "copies": copies,
    "strays": strays,
    "begin_await": begin_await,
    "end_await": end_await,
}
