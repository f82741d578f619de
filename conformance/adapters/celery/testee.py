#!/usr/bin/env python3
"""Real Celery as a testee: run with a Python that has ``celery[redis]``. The worker is ``celery worker`` itself."""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import traceback
from typing import Any

import amqp.exceptions
import celery
import celery.exceptions
import kombu
import kombu.exceptions
from client import Client, Controller, Monitor
from worker import POOL, Worker

STDOUT = os.dup(1)  # stdout is the protocol's; whatever else prints goes to stderr
os.dup2(2, 1)
LOCK = threading.Lock()


def write(document: dict[str, Any]) -> None:
    """Write one line to the runner."""
    with LOCK:
        os.write(STDOUT, json.dumps(document).encode() + b"\n")


SESSIONS: dict[str, Any] = {}
COMMANDS = [
    "ping", "revoke", "terminate", "revoke_by_stamped_headers", "active", "reserved", "scheduled", "registered",
    "revoked", "query_task", "stats", "active_queues", "rate_limit", "time_limit", "add_consumer", "cancel_consumer",
    "enable_events", "disable_events", "heartbeat", "shutdown",
]  # fmt: skip
KINDS = {
    celery.exceptions.TimeoutError: "TaskTimeout",
    kombu.exceptions.OperationalError: "BrokerUnavailable",
    kombu.exceptions.DecodeError: "InvalidMessage",
    kombu.exceptions.ContentDisallowed: "InvalidMessage",
    kombu.exceptions.EncodeError: "InvalidCall",
    amqp.exceptions.ChannelError: "PublishFailed",
    NotImplementedError: "InvalidCall",  # a chord where no results can be counted
}


def hello(_: dict[str, Any]) -> dict[str, Any]:
    """Say what Celery can do."""
    runtime = f"{platform.python_version()}, kombu {kombu.__version__}, {POOL}"
    about = {"name": "celery", "version": celery.__version__, "language": "python", "runtime": runtime}
    features: dict[str, Any] = {"broker": ["amqp", "redis"], "result": ["rpc", "redis"], "foreign": True}
    features |= {"serializer": ["json", "msgpack"], "compression": ["zlib", "bzip2"], "protocol": [2], "events": True}
    features["sent_events"] = True
    features |= {"confirm": True, "time_limits": True, "control": COMMANDS}
    features["canvas"] = ["chain", "group", "chord", "map", "starmap", "chunks", "link", "stamps"]
    features["worker_canvas"] = ["chain", "link", "link_error", "chord", "replace", "map", "starmap"]
    features["worker_tasks"] = ["limited", "reject", "replace_by", "announce"]
    features["worker_tasks"] += ["die"] if POOL == "prefork" else []  # the others have no process but the worker's
    roles = ["producer", "result", "worker", "control", "events"]
    return {"protocol": 1, "implementation": about, "roles": roles, "features": features}


def open_(request: dict[str, Any]) -> dict[str, Any]:
    """Open a session."""
    roles = {
        "worker": lambda request: Worker(request, STDOUT, write),
        "control": Controller,
        "events": lambda request: Monitor(request, write),
    }
    SESSIONS[request["session"]] = roles.get(request["role"], Client)(request)
    return {}


def close(request: dict[str, Any]) -> dict[str, Any]:
    """End a session."""
    SESSIONS.pop(request["session"]).close()
    return {}


OPS = {
    "hello": hello, "open": open_, "close": close, "bye": lambda _: {},
    "publish": lambda request: SESSIONS[request["session"]].publish(request),
    "await": lambda request: SESSIONS[request["session"]].await_(request),
    "control": lambda request: SESSIONS[request["session"]].control(request),
}  # fmt: skip


def main() -> None:
    """Answer requests until bye or the end of stdin."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {"ok": OPS[request["op"]](request)}
        except Exception as error:  # noqa: BLE001 - whatever Celery raises is the answer
            kind = next((name for cls, name in KINDS.items() if isinstance(error, cls)), type(error).__name__)
            answer = {"error": {"kind": kind, "message": str(error), "trace": traceback.format_exc()}}
        write({"id": request["id"], **answer})
        if request["op"] == "bye":
            break
    for session in SESSIONS.values():
        session.close()
    # Results ask their store to forget them as the interpreter collects them at its end; of one that is away for ever.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":  # the processes of workers read this module, too
    main()
