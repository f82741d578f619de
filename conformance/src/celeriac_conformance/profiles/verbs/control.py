"""Verbs of remote control: the suite as controller of the testee's workers, and as the nodes of its controller."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from celeriac_conformance.bench import CLOSE_STEPS
from celeriac_conformance.bodies import raw
from celeriac_conformance.profiles.scene import Scene
from celeriac_conformance.testee import Pending
from celeriac_conformance.waiting import until

#: The body of a request in the order in which Celery writes it; a case's members go over it.
MEMBERS = ("method", "arguments", "destination", "pattern", "matcher")

#: How long nobody but a controller that waits for ever can need, in seconds, beside the wait that it was told.
SLACK_SECONDS = 10.0


def request(scene: Scene, argument: dict[str, Any]) -> dict[str, Any]:
    """Send a command to the case's first worker, or to whom it says, and wait for as many replies as it says.

    ``reply: false`` asks for none; ``replies`` is their number if not one; ``body`` and ``raw`` are the whole
    body in place of what the other members make of it; ``ticket`` is one that the case chose. With ``items``
    the worker is asked again until its reply has so many: what a task does can be seen before its worker notes it.
    """
    argument = scene.fill(argument)
    asked = _ask(scene, argument)
    if "items" not in argument:
        return asked

    def enough() -> bool:
        nonlocal asked
        if not isinstance(asked["reply"], list) or len(asked["reply"]) == argument["items"]:
            return True
        asked = _ask(scene, argument)
        return False

    until(enough, scene.bench.seconds)
    return asked


def _ask(scene: Scene, argument: dict[str, Any]) -> dict[str, Any]:
    """Send a command once, and wait for the replies."""
    ticket = argument.get("ticket", str(uuid.uuid4()))
    wanted = argument.get("replies", 1 if argument.get("reply", True) else 0)
    headers = {"clock": 1, "expires": time.time() + scene.bench.seconds, **argument.get("headers", {})}
    earlier = len(_replies(scene, ticket))
    scene.mail.request(_body(scene, argument, ticket), headers)
    if wanted:
        scene.wait(lambda: len(_replies(scene, ticket)) >= earlier + wanted, f"{wanted} replies to {_name(argument)}")
    replies = _replies(scene, ticket)[earlier:]
    return {"ticket": ticket, "replies": replies, **({"reply": replies[0]["reply"]} if replies else {})}


def _name(argument: dict[str, Any]) -> str:
    return str(argument.get("method", "a raw request"))


def _body(scene: Scene, argument: dict[str, Any], ticket: str) -> bytes:
    if "raw" in argument:
        return str(argument["raw"]).encode()
    plain: dict[str, Any] = {
        "method": "ping",
        "arguments": {},
        "destination": [scene.worker().node],
        "pattern": None,
        "matcher": None,
    }
    body: Any = {**plain, **{name: argument[name] for name in MEMBERS if name in argument}}
    if argument.get("reply", True):
        body |= {"ticket": ticket, "reply_to": scene.mail.reply_to}
    if "body" in argument:
        body = {**body, **argument["body"]} if isinstance(argument["body"], dict) else argument["body"]
    return json.dumps(body).encode()


def _replies(scene: Scene, ticket: str) -> list[dict[str, Any]]:
    """The replies to a ticket from the case's own workers: others on the broker are no concern of the case."""
    ours = {place.node for place in scene.workers.values()}
    found = []
    for message in scene.mail.replies():
        body = message.get("body")
        headers = message.get("headers") or {}
        whole = isinstance(body, dict) and len(body) == 1
        node = next(iter(body)) if whole and body else None
        if headers.get("ticket") == ticket and (node is None or node in ours):
            shown = {name: message[name] for name in ("headers", "properties", "exchange", "routing_key", "body")}
            found.append({**shown, "node": node, "reply": body[node] if node and body else None})
    return found


def replies(scene: Scene, ticket: str) -> list[dict[str, Any]]:
    """The replies so far to a request, by its ticket."""
    return _replies(scene, scene.fill(ticket))


def gone(scene: Scene, name: str) -> dict[str, Any]:
    """Wait until a worker has ended that was told to; from here on nobody minds that it is away."""
    scene.notes.setdefault("gone", set()).add(name)
    place = scene.worker(name)
    scene.bench.testee.until(lambda _: place.session.down() is not None, CLOSE_STEPS * scene.bench.seconds)
    return {"ended": place.session.down() is not None}


# -- the suite as nodes ---------------------------------------------------------------------------


def join(scene: Scene, nodes: list[str]) -> None:
    """Be these nodes."""
    for node in scene.fill(nodes):
        scene.mail.join(node)
        scene.notes.setdefault("joined", []).append(node)


def begin_control(scene: Scene, argument: dict[str, Any]) -> None:
    """Have the testee send a command; it answers at ``end_control``."""
    call: dict[str, Any] = {
        "arguments": {},
        "destination": None,
        "pattern": None,
        "matcher": None,
        "reply": True,
        "limit": None,
    }
    call |= {"timeout_ms": int(scene.bench.seconds * 1000), **scene.fill(argument)}
    session, began = scene.place("controller").session, time.monotonic()
    pending = session.testee.send("control", session=session.name, **call)
    scene.notes["control"], scene.notes["asked"] = (pending, call, began), call["method"]


def end_control(scene: Scene, _: Any) -> dict[str, Any]:
    """The testee's answer, without the replies of nodes that are none of the case's, and how long it took."""
    pending, call, began = scene.notes.pop("control")
    assert isinstance(pending, Pending)
    answer = scene.legal(pending.wait(call["timeout_ms"] / 1000 + SLACK_SECONDS))
    ours = set(scene.document["nodes"].values())
    if "ok" in answer:
        got = [row for row in answer["ok"]["replies"] if row["node"] in ours]
        answer = {"ok": {**answer["ok"], "replies": got}}
    return {**answer, "took": time.monotonic() - began}


def control(scene: Scene, argument: dict[str, Any]) -> dict[str, Any]:
    """A command from beginning to end, for which the case sends no reply."""
    begin_control(scene, argument)
    return end_control(scene, None)


def received(scene: Scene, node: str) -> dict[str, Any]:
    """The request of the command that was begun last, as it came to the node."""
    node = scene.fill(node)
    method = scene.notes["asked"]

    def found() -> dict[str, Any] | None:
        rows = (row for row in scene.mail.requests(node) if _is_for(row.get("body"), method, node))
        return next(rows, None)

    message = scene.wait(found, f"a request {method!r} at {node}")
    assert message is not None
    return {**message, "sent_to": message.get("channel") or message["exchange"]}


def _is_for(body: Any, method: str, node: str) -> bool:
    if not isinstance(body, dict) or body.get("method") != method:
        return False
    destination = body.get("destination")
    return destination is None or node in destination


def answer(scene: Scene, argument: dict[str, Any]) -> dict[str, Any]:
    """Reply as a node: ``to`` (a request), ``node``, ``reply``; ``ticket`` and ``raw`` in place of the right ones."""
    argument = scene.fill(argument)
    body = argument["to"]["body"]
    headers = {"ticket": argument.get("ticket", body.get("ticket")), "clock": 1}
    content = raw(argument["raw"]) if "raw" in argument else _one(argument["node"], argument.get("reply"))
    reply_to = body.get("reply_to")
    there = isinstance(reply_to, dict) and {"exchange", "routing_key"} <= set(reply_to)
    return {"delivered": there and scene.mail.answer(reply_to, content, headers)}


def _one(node: str, reply: Any) -> bytes:
    return json.dumps({node: reply}).encode()


VERBS: dict[str, Callable[[Scene, Any], Any]] = {
    "request": request,
    "replies": replies,
    "gone": gone,
    "join": join,
    "begin_control": begin_control,
    "end_control": end_control,
    "control": control,
    "received": received,
    "answer": answer,
}
