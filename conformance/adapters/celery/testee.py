#!/usr/bin/env python3
"""Real Celery as a testee: run with a Python that has ``celery[redis]``. The worker is ``celery worker`` itself."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import amqp.exceptions
import celery
import celery.exceptions
import kombu
import kombu.exceptions
from client import Client, Controller, Monitor

POOL = os.environ.get("CONF_CELERY_POOL", "prefork")  # what Celery itself defaults to
STDOUT = os.dup(1)  # stdout is the protocol's; whatever else prints goes to stderr
os.dup2(2, 1)
LOCK = threading.Lock()
#: No task of a case runs as long as this when its worker is closed.
SHUTDOWN_SECONDS = 8


def write(document: dict[str, Any]) -> None:
    """Write one line to the runner."""
    with LOCK:
        os.write(STDOUT, json.dumps(document).encode() + b"\n")


class Worker:
    """A session whose worker is a ``celery worker`` process; its end is reported, not hidden."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.session, self.closing = request["session"], False
        concurrency = request["options"].get("concurrency", 1)
        options = request["options"]
        name = ["-n", options.get("node", f"{self.session}@%h"), "-P", POOL, "-c", str(concurrency)]
        quiet = ["-l", "warning", "--without-gossip", "--without-mingle"]
        quiet += ["-E"] if options.get("events") else [] if "node" in options else ["--without-heartbeat"]
        ready, say_ready = os.pipe()
        environment = {"CONF_QUEUE": request["queue"], "CONF_BROKER_URL": request["broker_url"]}
        environment["CONF_ARGUMENTS"] = json.dumps({"x-queue-type": "quorum"} if options.get("quorum") else {})
        environment |= {"CONF_RESULT_URL": request["result_url"] or "", "CONF_READY_FD": str(say_ready)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", *name, *quiet],
            cwd=Path(__file__).parent,
            env={**os.environ, **environment, "CONF_EVIDENCE_FD": str(STDOUT)},
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(STDOUT, say_ready),
        )
        os.close(say_ready)
        if not os.read(ready, 6):  # the end of the pipe: it never became ready
            raise RuntimeError(f"celery worker ended with exit code {self.process.wait()}")
        threading.Thread(target=self.report_end, daemon=True).start()

    def report_end(self) -> None:
        """Wait for the worker's end, and say so when nobody asked for it."""
        code = self.process.wait()
        if not self.closing:
            write({"event": "down", "session": self.session, "why": f"celery worker ended with exit code {code}"})

    def close(self) -> None:
        """End the session in order."""
        self.closing = True
        self.process.terminate()
        try:
            self.process.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:  # seen after a task was stopped at its hard limit: nothing runs any more
            self.process.kill()
            self.process.wait()


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
    features |= {"confirm": True, "time_limits": True, "control": COMMANDS}
    features["canvas"] = ["chain", "group", "chord", "map", "starmap", "chunks", "link", "stamps"]
    features["worker_canvas"] = ["chain", "link", "link_error", "chord", "replace", "map", "starmap"]
    features["worker_tasks"] = ["limited", "reject", "replace_by", "announce"]
    roles = ["producer", "result", "worker", "control", "events"]
    return {"protocol": 1, "implementation": about, "roles": roles, "features": features}


def open_(request: dict[str, Any]) -> dict[str, Any]:
    """Open a session."""
    roles = {"worker": Worker, "control": Controller, "events": lambda request: Monitor(request, write)}
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
