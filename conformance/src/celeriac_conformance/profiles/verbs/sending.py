"""Verbs of cases in which the testee sends: publish, await, and what the suite reads and writes about it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from celeriac_conformance.profiles.scene import Scene
from celeriac_conformance.witness.redis import connect

GROUP_KEY = "celery-taskset-meta-{}"
GROUP_SUFFIXES = ("s", "c", "j", "d", "t")


def publish(scene: Scene, call: dict[str, Any]) -> dict[str, Any]:
    """Have the testee send a task or a canvas: its answer."""
    session = scene.place(*([call["by"]] if "by" in call else ["producer", "client", "teller"])).session
    return scene.legal(session.publish(scene.fill(call), scene.bench.seconds))


def await_(scene: Scene, argument: dict[str, Any]) -> dict[str, Any]:
    """Have the testee wait for a result: its answer."""
    session = scene.place("client", "producer").session
    seconds = scene.bench.seconds
    timeout_ms = argument.get("timeout_ms", int(seconds * 1000))
    return scene.legal(session.await_(scene.fill(argument["id"]), timeout_ms, seconds * 2 + 5))


def messages(scene: Scene, _: Any) -> list[dict[str, Any]]:
    """Every message that the testee has sent, oldest first: a call after them, in the same session, ends the list."""
    session, last = scene.place("producer", "teller").session, str(uuid.uuid4())
    call = {"task": "conf.echo", "args": [last], "options": {"task_id": last}}
    session.publish(call, scene.bench.seconds).must("publish of the call that ends the list")
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        found.extend(scene.company.rest())
        return any((message.get("headers") or {}).get("id") == last for message in found)

    scene.wait(ended, "the call that ends the list")
    return [message for message in found if (message.get("headers") or {}).get("id") != last]


def write(scene: Scene, argument: dict[str, Any]) -> None:
    """Store a raw result as a worker would: ``id``, ``reply_to`` and the members of the document that differ."""
    argument = scene.fill(argument)
    document = {"status": "SUCCESS", "result": None, "traceback": None, "children": [], "task_id": argument["id"]}
    body = json.dumps({**document, **argument.get("set", {})}).encode()
    scene.results.write(argument["id"], argument.get("reply_to", ""), body, {})


def counters(scene: Scene, group: str) -> dict[str, Any]:
    """What Redis holds of a chord: each key by its suffix, with its value as text and its time to live."""
    client = connect(scene.bench.urls["redis"])
    found = {}
    for suffix in GROUP_SUFFIXES:
        key = f"{GROUP_KEY.format(scene.fill(group))}.{suffix}"
        if client.exists(key):
            value = client.get(key).decode() if client.type(key) == b"string" else None
            found[suffix] = {"value": value, "ttl": client.ttl(key)}
    client.close()
    return found


def redis(scene: Scene, command: list[Any]) -> Any:
    """Give Redis a command, its words as in ``Scene.text``; the answer as text or number."""
    client = connect(scene.bench.urls["redis"])
    answer = client.execute_command(*[scene.text(str(part)) for part in command])
    client.close()
    return answer.decode() if isinstance(answer, bytes) else answer


def watch(scene: Scene, _: Any) -> None:
    """Begin to keep the commands that Redis gets."""
    _ = scene.commands


def commands(scene: Scene, words: list[str]) -> list[dict[str, Any]]:
    """The commands so far with one of these words in them."""
    rows = scene.commands.about(*scene.fill(words))
    return [{**row, "name": row["command"][0], "text": " ".join(row["command"])} for row in rows]


VERBS: dict[str, Callable[[Scene, Any], Any]] = {
    "publish": publish,
    "await": await_,
    "messages": messages,
    "write": write,
    "counters": counters,
    "redis": redis,
    "watch": watch,
    "commands": commands,
}
