"""Adapter: lets the conformance suite drive Celeriac's Python implementation (conformance/protocol)."""

from __future__ import annotations

import json
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from canvases import built, with_links
from codec import DECODE, ENCODE
from session import Session
from worker_process import say

import celeriac
from celeriac.tagged import from_tagged, to_tagged
from celeriac.worker.panel import COMMANDS

HELLO = {
    "protocol": 1,
    "implementation": {
        "name": "celeriac",
        "version": celeriac.__version__,
        "language": "python",
        "runtime": f"CPython {platform.python_version()}",
    },
    "roles": ["codec", "producer", "result", "worker", "control", "events"],
    "features": {
        "broker": ["amqp", "redis"],
        "result": ["rpc", "redis"],
        "serializer": ["json", "msgpack", "yaml"],
        "protocol": [1, 2],
        "compression": ["zlib", "bzip2"],
        "kinds": list(DECODE),
        "confirm": True,
        "time_limits": True,
        "control": sorted(COMMANDS.keys() - {"election", "hello"}),
        "events": True,
        "sent_events": True,
        "foreign": True,
        "worker_tasks": ["limited", "reject", "replace_by", "announce", "die", "die_again"],
        "canvas": ["chain", "group", "chord", "map", "starmap", "chunks", "link", "stamps"],
        "worker_canvas": ["chain", "link", "link_error", "chord", "replace", "map", "starmap"],
    },
}


class Testee:
    """The operations of the testee protocol, one method each."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}

    def open(self, request: dict[str, Any]) -> dict[str, Any]:
        """Begin a session."""
        self.sessions[request["session"]] = Session(request)
        return {}

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a task, or a canvas."""
        session = self.sessions[request["session"]]
        options = with_links(session.app, from_tagged(request.get("options", {})))
        if "canvas" in request:
            stamps = options.pop("stamps", {})
            result = built(session.app, request["canvas"]).stamp(**stamps).apply_async(**options)
        else:
            args, kwargs = from_tagged(request["args"]), from_tagged(request["kwargs"])
            args += [object()] if request.get("foreign") else []
            result = session.app.send_task(request["task"], args, kwargs, **options)
        if not isinstance(result, celeriac.GroupResult):
            return {"task_id": result.id, "confirmed": True}
        session.groups[result.id] = result
        return {"task_id": result.id, "confirmed": True, "children": [member.id for member in result]}

    def await_(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait for a result."""
        session, task_id = self.sessions[request["session"]], request["task_id"]
        result = session.groups.get(task_id) or session.app.AsyncResult(task_id)
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

    def control(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask nodes."""
        names = ("destination", "pattern", "matcher", "reply", "limit")
        options = {name: request[name] for name in names} | {"timeout": request["timeout_ms"] / 1000}
        arguments = from_tagged(request["arguments"])
        replies = self.sessions[request["session"]].app.control.broadcast(request["method"], arguments, **options)
        return {"replies": [{"node": reply.node, "reply": to_tagged(reply.reply)} for reply in replies]}

    def close(self, request: dict[str, Any]) -> dict[str, Any]:
        """End a session in order."""
        self.sessions.pop(request["session"]).close()
        return {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request."""
        try:
            match request["op"]:
                case "hello":
                    return {"ok": HELLO}
                case "decode":
                    return {"ok": {"message": DECODE[request["kind"]](request["wire"])}}
                case "encode" if request["kind"] in ENCODE:
                    return {"ok": {"wire": ENCODE[request["kind"]](request["message"])}}
                case "open" | "publish" | "control" | "close" as operation:
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
        """Answer a request on standard output."""
        say(json.dumps({"id": request["id"], **self.answer(request)}) + "\n")


def main() -> None:
    """Serve requests from standard input, many at a time, until ``bye`` or its end."""
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
