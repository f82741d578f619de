"""Testees that are wrong as testees, whatever they would do with a message. Run as ``python fakes.py NAME``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

IMPLEMENTATION = {"name": "fake", "version": "0", "language": "python", "runtime": "test"}
#: How long the fake that is slow thinks before it answers, in seconds.
SLOWNESS = 0.3
NOTHING: dict[str, Any] = {"roles": [], "features": {}}
EVERYTHING: dict[str, Any] = {
    "roles": ["codec", "producer", "result", "worker"],
    "features": {
        "broker": ["amqp", "redis"],
        "result": ["rpc", "redis"],
        "serializer": ["json"],
        "protocol": [1, 2],
        "compression": [],
        "kinds": ["task", "envelope", "result", "value"],
        "confirm": True,
    },
}


def say(document: object) -> None:
    print(json.dumps(document), flush=True)


def hello(request: dict[str, Any], claims: dict[str, Any]) -> None:
    say({"id": request["id"], "ok": {"protocol": 1, "implementation": IMPLEMENTATION, **claims}})


def answer(name: str, request: dict[str, Any]) -> None:
    """What the fake of that name says to a request after hello."""
    number, op = request["id"], request["op"]
    oks = {
        "decode": {"message": {}},
        "encode": {"wire": {}},
        "publish": {"task_id": "a-task", "confirmed": True},
        "await": {"state": "SUCCESS", "result": None},
    }
    lacking = {"id": number, "unsupported": {"feature": "compression", "why": "not done"}}
    says = {
        "claims-everything": {"id": number, "error": {"kind": "NotImplementedError", "message": "not done"}},
        "lacks-what-it-claims": {**lacking, "unsupported": {"feature": "broker.redis", "why": "not done"}},
        "lacks-what-nobody-asked": {**lacking, "unsupported": {"feature": "publishing", "why": "not done"}},
        "says-ok-and-does-nothing": {"id": number, "ok": oks.get(op, {})},
        "slow": {"id": number, "ok": oks.get(op, {})},
        "answers-twice": {"id": number, "ok": oks.get(op, {})},
        "against-the-schema": {"id": number, "ok": {"nothing": "of use"}},
        "two-answers-in-one": {"id": number, "ok": oks.get(op, {}), "error": {"kind": "x", "message": "y"}},
    }
    if name == "exits-mid-case":
        sys.exit(7)
    if name == "mute-mid-case":
        return
    if name == "junk-mid-case":
        print("Warning: something is deprecated", flush=True)
    if name == "slow":
        time.sleep(SLOWNESS)
    say({"id": number + 1000, "ok": {}} if name == "wrong-ids" else says.get(name, lacking))
    if name == "answers-twice":
        say({"id": number, "ok": oks.get(op, {})})


def main(name: str) -> None:
    """Read requests and misbehave."""
    if name == "exits-at-once":
        sys.exit(3)
    if name == "junk-on-stdout":
        print("Loading configuration ... done", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if name == "mute":
            continue
        if request["op"] == "hello":
            hello(request, NOTHING if name == "claims-nothing" else EVERYTHING)
        elif request["op"] == "bye" and name == "does-not-go":
            say({"id": request["id"], "ok": {}})
        elif request["op"] == "bye":
            say({"id": request["id"], "ok": {}})
            return
        else:
            answer(name, request)
    while name == "does-not-go":
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1])
