"""Adapter: lets the conformance suite drive Celeriac's Python implementation (conformance/protocol)."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import celeriac
from celeriac.tagged import from_tagged, to_tagged
from codec import DECODE, ENCODE

HERE = Path(__file__).parent
STDOUT = threading.Lock()
HELLO = {
    "protocol": 1,
    "implementation": {
        "name": "celeriac",
        "version": celeriac.__version__,
        "language": "python",
        "runtime": f"CPython {platform.python_version()}",
    },
    "roles": ["codec", "producer", "result", "worker"],
    "features": {
        "broker": ["amqp", "redis"],
        "result": ["rpc", "redis"],
        "serializer": ["json"],
        "protocol": [1, 2],
        "compression": ["zlib", "bzip2"],
        "kinds": ["task", "envelope", "result", "value"],
        "confirm": True,
        "time_limits": True,
    },
}


class Session:
    """An application that sends and waits, or (role worker) a `celeriac worker` of its own."""

    def __init__(self, request: dict[str, Any]) -> None:
        urls = {"broker": request["broker_url"], "backend": request.get("result_url")}
        self.app = celeriac.Celeriac("testee", **urls, default_queue=request["queue"])
        self.worker: subprocess.Popen[str] | None = None
        if request["role"] == "worker":
            self.worker = start_worker(request)

    def close(self) -> None:
        self.app.close()
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait()


def start_worker(request: dict[str, Any]) -> subprocess.Popen[str]:
    processes = request.get("options", {}).get("concurrency", 1)
    command = [sys.executable, "-m", "celeriac", "-A", "conf_tasks", "-b", request["broker_url"]]
    if request.get("result_url"):
        command += ["--backend", request["result_url"]]
    command += ["worker", "-Q", request["queue"], "-c", str(processes), "-l", "info"]
    environment = {**os.environ, "CONF_QUEUE": request["queue"]}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    worker = subprocess.Popen(command, cwd=HERE, env=environment, text=True, **pipes)
    threading.Thread(target=lambda: [say(line) for line in worker.stdout or ()], daemon=True).start()
    log = iter(worker.stderr or ())
    ready = 0
    for line in log:
        sys.stderr.write(line)
        ready += " ready: " in line
        if ready == processes:
            threading.Thread(target=lambda: sys.stderr.writelines(log), daemon=True).start()
            return worker
    raise celeriac.BrokerUnavailable(f"the worker ended with exit code {worker.wait()}")


def say(line: str) -> None:
    with STDOUT:
        sys.stdout.write(line)
        sys.stdout.flush()


class Testee:
    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}

    def open(self, request: dict[str, Any]) -> dict[str, Any]:
        self.sessions[request["session"]] = Session(request)
        return {}

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        app = self.sessions[request["session"]].app
        options = from_tagged(request.get("options", {}))
        for name in ("link", "link_error"):
            if name in options:
                options[name] = [celeriac.Signature.parse(signature) for signature in options[name]]
        result = app.send_task(request["task"], from_tagged(request["args"]), from_tagged(request["kwargs"]), **options)
        return {"task_id": result.id, "confirmed": True}

    def await_(self, request: dict[str, Any]) -> dict[str, Any]:
        result = self.sessions[request["session"]].app.AsyncResult(request["task_id"])
        try:
            value = result.get(timeout=request["timeout_ms"] / 1000)
        except celeriac.TaskFailure as error:
            exception = {"type": error.exc_type, "module": error.exc_module, "args": to_tagged(list(error.exc_args))}
            return {"state": "FAILURE", "exception": exception}
        except celeriac.TaskRevoked as error:
            return {
                "state": "REVOKED",
                "exception": {"type": "TaskRevokedError", "module": "celery.exceptions", "args": list(error.args)},
            }
        return {"state": "SUCCESS", "result": to_tagged(value)}

    def close(self, request: dict[str, Any]) -> dict[str, Any]:
        self.sessions.pop(request["session"]).close()
        return {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            match request["op"]:
                case "hello":
                    return {"ok": HELLO}
                case "decode":
                    return {"ok": {"message": DECODE[request["kind"]](request["wire"])}}
                case "encode" if request["kind"] in ENCODE:
                    return {"ok": {"wire": ENCODE[request["kind"]](request["message"])}}
                case "open" | "publish" | "close" as operation:
                    return {"ok": getattr(self, operation)(request)}
                case "await":
                    return {"ok": self.await_(request)}
                case operation:
                    feature = f"{operation} {request.get('kind', '')}".strip()
                    return {"unsupported": {"feature": feature, "why": "not offered"}}
        except celeriac.PublishFailed as error:
            return {"error": {"kind": "PublishFailed", "message": str(error)}}
        except celeriac.CeleriacError as error:
            return {"error": {"kind": type(error).__name__, "message": str(error)}}

    def serve(self, request: dict[str, Any]) -> None:
        say(json.dumps({"id": request["id"], **self.answer(request)}) + "\n")


def main() -> None:
    testee = Testee()
    bye = {"id": 0}
    with ThreadPoolExecutor(16) as threads:
        for line in sys.stdin:
            request = json.loads(line)
            if request["op"] == "bye":
                bye = request
                break
            threads.submit(testee.serve, request)
    for session in testee.sessions.values():
        session.close()
    say(json.dumps({"id": bye["id"], "ok": {}}) + "\n")


if __name__ == "__main__":
    main()
