"""Verbs of events: the suite as monitor of the testee's workers, and as the workers of its monitor."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from celeriac_conformance.profiles.scene import Scene

#: What is known of a message of events beside its body.
ABOUT = ("headers", "properties", "content_type", "content_encoding", "exchange", "routing_key", "channel")


def listen(scene: Scene, _: Any) -> None:
    """Begin to keep events."""
    scene.mail.listen()
    scene.notes["heard"] = len(scene.mail.events())


def event(scene: Scene, wanted: dict[str, Any]) -> dict[str, Any]:
    """The first event since ``listen`` with these members: itself, what carried it and whether that was an array.

    Without a ``uuid`` it is one of the case's first worker.
    """
    wanted = scene.fill(wanted)
    if not {"uuid", "hostname"} & set(wanted):
        wanted = {**wanted, "hostname": scene.worker().node}
    found = scene.wait(lambda: _matching(scene, wanted), f"an event {json.dumps(wanted)}")
    return found[0]


def events(scene: Scene, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Every event so far with these members, in order."""
    return [row["event"] for row in _matching(scene, scene.fill(wanted))]


def _matching(scene: Scene, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for message in scene.mail.events()[scene.notes["heard"] :]:
        body = message.get("body")
        about = {name: message.get(name) for name in ABOUT if name in message}
        array, whole = isinstance(body, list), body if isinstance(body, list) else [body]
        rows = [row for row in whole if isinstance(row, dict) and _has(row, wanted)]
        found += [{"event": row, "array": array, "message": about} for row in rows]
    return found


def _has(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in wanted.items())


# -- the suite as workers -------------------------------------------------------------------------


def tell(scene: Scene, argument: dict[str, Any]) -> None:
    """Send a message of events: ``events`` (an object or an array), or ``raw`` text, and a ``routing_key``."""
    argument = scene.fill(argument)
    body = argument["raw"].encode() if "raw" in argument else json.dumps(argument["events"]).encode()
    message = {"body": body, "headers": argument.get("headers", {"hostname": "conf"})}
    if "content_type" in argument:
        message["content_type"] = argument["content_type"]
    scene.mail.tell(argument["routing_key"], message)


def seen(scene: Scene, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The events with these members that the testee says it has seen, once there is one."""
    wanted = scene.fill(wanted)
    place = scene.place("monitor")

    def found() -> list[dict[str, Any]]:
        rows = [
            row for line in scene.evidence("seen") if line["session"] == place.session.name for row in line["events"]
        ]
        return [row for row in rows if _has(row, wanted)]

    return scene.wait(found, f"the testee to see an event {json.dumps(wanted)}")


VERBS: dict[str, Callable[[Scene, Any], Any]] = {
    "listen": listen,
    "event": event,
    "events": events,
    "tell": tell,
    "seen": seen,
}
