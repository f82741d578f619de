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
from tagged import from_tagged, to_tagged

POOL = os.environ.get("CONF_CELERY_POOL", "prefork")  # what Celery itself defaults to
STDOUT = os.dup(1)  # stdout is the protocol's; whatever else prints goes to stderr
os.dup2(2, 1)
LOCK = threading.Lock()


def write(document: dict[str, Any]) -> None:
    """Write one line to the runner."""
    with LOCK:
        os.write(STDOUT, json.dumps(document).encode() + b"\n")


class Client:
    """A session that sends and awaits."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.app = celery.Celery("conf", broker=request["broker_url"], backend=request["result_url"])
        self.app.conf.update(task_default_queue=request["queue"], broker_connection_timeout=4)
        if request["broker_url"].startswith("amqp"):
            self.app.conf.broker_transport_options = {"confirm_publish": True}

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a task by name."""
        args, kwargs, options = (from_tagged(request[name]) for name in ("args", "kwargs", "options"))
        result = self.app.send_task(request["task"], args, kwargs, **options)
        return {"task_id": result.id, "confirmed": True}

    def await_(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait for a result."""
        result = self.app.AsyncResult(request["task_id"])
        value = result.get(timeout=request["timeout_ms"] / 1000, propagate=False)
        if not isinstance(value, BaseException):
            return {"state": result.state, "result": to_tagged(value)}
        kind = type(value)
        exception = {"type": kind.__name__, "module": kind.__module__, "args": to_tagged(value.args)}
        return {"state": result.state, "exception": exception}

    def close(self) -> None:
        """End a session."""
        self.app.close()


class Worker:
    """A session whose worker is a ``celery worker`` process; its end is reported, not hidden."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.session, self.closing = request["session"], False
        concurrency = request["options"].get("concurrency", 1)
        name = ["-n", f"{self.session}@%h", "-P", POOL, "-c", str(concurrency)]
        quiet = ["-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        ready, say_ready = os.pipe()
        environment = {"CONF_QUEUE": request["queue"], "CONF_BROKER_URL": request["broker_url"]}
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
        self.process.wait()


SESSIONS: dict[str, Any] = {}
KINDS = {
    celery.exceptions.TimeoutError: "TaskTimeout",
    kombu.exceptions.OperationalError: "BrokerUnavailable",
    kombu.exceptions.DecodeError: "InvalidMessage",
    amqp.exceptions.ChannelError: "PublishFailed",
}


def hello(_: dict[str, Any]) -> dict[str, Any]:
    """Say what Celery can do."""
    runtime = f"{platform.python_version()}, kombu {kombu.__version__}, {POOL}"
    about = {"name": "celery", "version": celery.__version__, "language": "python", "runtime": runtime}
    features: dict[str, Any] = {"broker": ["amqp", "redis"], "result": ["rpc", "redis"], "serializer": ["json"]}
    features |= {"confirm": True, "time_limits": True, "protocol": [2]}
    roles = ["producer", "result", "worker"]
    return {"protocol": 1, "implementation": about, "roles": roles, "features": features}


def open_(request: dict[str, Any]) -> dict[str, Any]:
    """Open a session."""
    SESSIONS[request["session"]] = (Worker if request["role"] == "worker" else Client)(request)
    return {}


def close(request: dict[str, Any]) -> dict[str, Any]:
    """End a session."""
    SESSIONS.pop(request["session"]).close()
    return {}


OPS = {
    "hello": hello, "open": open_, "close": close, "bye": lambda _: {},
    "publish": lambda request: SESSIONS[request["session"]].publish(request),
    "await": lambda request: SESSIONS[request["session"]].await_(request),
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
