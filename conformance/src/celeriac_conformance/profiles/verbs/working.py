"""Verbs of cases in which the testee works: raw messages in, results and next messages out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from celeriac_conformance import wire
from celeriac_conformance.profiles.scene import Scene, Stalled
from celeriac_conformance.waiting import until


def send(scene: Scene, argument: dict[str, Any]) -> dict[str, Any]:
    """Put a raw message into a worker's queue; ``id`` and ``to`` (a part) beside the notation of raw messages."""
    notation = dict(argument)
    place = scene.worker(notation.pop("to", ""))
    given = scene.substitutes(scene.fill(notation.pop("id", "")))
    task = wire.raw_task(notation, given)
    scene.results.watch(given.task_id)
    scene.broker.put(place.queue, task)
    scene.earliest = max(scene.earliest, time.monotonic() + wire.delay(notation))
    document = {"id": given.task_id, "headers": task.headers, "body": task.body.decode(errors="replace")}
    place.sent[task.marker] = document
    return document


def result(scene: Scene, task_id: str) -> dict[str, Any]:
    """The final result document of a task, once there is one."""
    task_id = scene.fill(task_id)
    scene.results.watch(task_id)
    record = scene.wait(lambda: scene.results.final(task_id), f"the result of {task_id}")
    assert record is not None
    return dict(record["document"])


def stored(scene: Scene, task_id: str) -> list[Any]:
    """What has been stored so far for a task: every document, oldest first."""
    task_id = scene.fill(task_id)
    return [record.get("document", record.get("raw")) for record in scene.results.history(task_id)]


def running(scene: Scene, task_id: str) -> dict[str, Any]:
    """The evidence that a task has begun."""
    task_id = scene.fill(task_id)
    found = scene.wait(lambda: _ran(scene, task_id), f"the evidence that {task_id} has begun")
    return found[0]


def ran(scene: Scene, argument: dict[str, Any]) -> int:
    """How often a task (``id``) has run, once that is ``times`` or will not be any more."""
    task_id = scene.fill(argument["id"])
    return len(_all_of(scene, lambda row: row["task_id"] == task_id, argument.get("times", 0)))


def runs(scene: Scene, count: int) -> list[str]:
    """The names of the tasks that have run, without those of canaries, once there are so many or will not be."""
    canaries = scene.notes.get("canary", set())
    return [row["task"] for row in _all_of(scene, lambda row: row["task_id"] not in canaries, count)]


def _all_of(scene: Scene, ours: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
    """The evidence that is ``ours``. A result can be seen before the evidence: what is to come is waited for."""

    def found() -> list[dict[str, Any]]:
        return [row for row in scene.evidence("ran") if ours(row)]

    until(lambda: len(found()) >= count or scene.down(), scene.bench.seconds)
    return found()


def take(scene: Scene, count: int) -> list[dict[str, Any]]:
    """So many messages out of the side queue, once they are there."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        found.extend(scene.company.rest())
        return len(found) >= count

    try:
        scene.wait(enough, f"{count} messages in the side queue")
    except Stalled as stalled:
        raise Stalled(f"{stalled}; {len(found)} came") from None
    return found


def rest(scene: Scene, _: Any) -> list[dict[str, Any]]:
    """Whatever is in the side queue now."""
    return scene.company.rest()


def canary(scene: Scene, to: Any) -> dict[str, Any]:
    """A plain task that has to come back: what was sent before it has been handled, and the worker is up.

    Its evidence has to come, too: all that was there before it is known then.
    """
    task_id = str(uuid.uuid4())
    scene.notes.setdefault("canary", set()).add(task_id)
    send(scene, {"id": task_id, "args": [task_id], **({"to": to} if isinstance(to, str) else {})})
    up = result(scene, task_id)["result"] == task_id
    running(scene, task_id)
    return {"up": up}


def _ran(scene: Scene, task_id: str) -> list[dict[str, Any]]:
    return [row for row in scene.evidence("ran") if row["task_id"] == task_id]


VERBS: dict[str, Callable[[Scene, Any], Any]] = {
    "send": send,
    "result": result,
    "stored": stored,
    "running": running,
    "ran": ran,
    "runs": runs,
    "take": take,
    "rest": rest,
    "canary": canary,
}
