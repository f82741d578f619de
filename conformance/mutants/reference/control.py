"""Remote control: the node that a worker is, and the controller that asks nodes."""

from __future__ import annotations

import fnmatch
import os
import re
import time
import uuid
from collections import deque
from typing import Any

from reference import tasks
from reference.codec import JSON, Flat
from reference.defects import InvalidMessage, change, has
from reference.post import REPLIES, REQUESTS, letter, new_address, post_of
from reference.values import from_json, from_tagged, to_tagged


def _readable(content_type: Any, body: bytes) -> dict[str, Any] | None:
    """The object that the body is, if it is one."""
    try:
        found = from_json(body) if content_type == JSON else None
    except InvalidMessage:
        return None
    return found if isinstance(found, dict) else None


class Node:
    """Answers what is asked of a worker. ``worker`` is asked and told by its attributes."""

    def __init__(self, name: str, worker: Any, post: Any) -> None:
        self.name, self.worker, self.post = name, worker, post
        self.arrived: deque[dict[str, Any]] = deque()
        self.late: list[tuple[Any, Any]] = []
        self.deaf = False
        post.serve(name, self._keep)

    def _keep(self, _: dict[str, Any], content_type: Any, body: bytes) -> None:
        request = _readable(content_type, body)
        if request is not None:
            self.arrived.append(request)

    def step(self) -> None:
        """Carry out what has arrived."""
        if hasattr(self.post, "pubsub"):  # on RabbitMQ taking tasks reads the connection that requests come over too
            self.post.pump(0.0)
        while self.arrived:
            request = self.arrived.popleft()
            if change("meant", self._is_meant(request)) and not self.deaf:
                self._answer(request)

    def _is_meant(self, request: dict[str, Any]) -> bool:
        destination, pattern = request.get("destination"), request.get("pattern")
        if destination is not None:
            return isinstance(destination, list) and self.name in destination
        if pattern is None:
            return True
        try:
            if request.get("matcher") == "pcre":
                return re.match(str(pattern), self.name) is not None
        except re.error:
            return False
        fits = request.get("matcher") == "glob" and fnmatch.fnmatch(self.name, str(pattern))
        return bool(change("fits the pattern", fits))

    def _answer(self, request: dict[str, Any]) -> None:
        address: Any = request.get("reply_to")
        known = isinstance(address, dict) and {"exchange", "routing_key"} <= set(address)
        arguments = request.get("arguments")
        if not isinstance(arguments, dict):
            reply: Any = {"error": "arguments are not an object"}
        else:
            reply = self._carried_out(request.get("method"), arguments)
        if has("replies-late-to-what-wanted-none") and not known:
            self.late.append((request.get("ticket"), reply))
        if not known or request.get("method") == "shutdown":
            return
        for ticket, earlier in [*self.late, (request.get("ticket"), reply)]:
            body = change("reply body", {self.name: change("reply", earlier)})
            headers = {"ticket": ticket, "clock": 1}
            self.post.send(change("reply letter", letter(REPLIES, address["routing_key"], headers, body, 1)))
        self.late.clear()

    def _carried_out(self, method: Any, arguments: dict[str, Any]) -> Any:
        command = getattr(self, f"do_{method}", None) if isinstance(method, str) else None
        try:
            if command is None:
                raise KeyError(method)
            return command(**arguments)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            self.deaf = has("goes-deaf-after-an-error")
            return change("error", {"error": repr(error)})

    # -- commands ----------------------------------------------------------------------------------

    def do_ping(self) -> Any:
        """Is anybody there."""
        return {"ok": "pong"}

    def _task(self, task: Flat, started: float | None = None) -> dict[str, Any]:
        names = {"id": task["id"], "name": task["task"], "type": task["task"], "hostname": self.name}
        held = {"acknowledged": False, "delivery_info": {"exchange": "", "routing_key": self.worker.broker.queue}}
        rest = {"args": task["args"], "kwargs": task["kwargs"], "time_start": started, "worker_pid": os.getpid()}
        return dict(change("task in a list", {**names, **held, **rest}))

    def do_active(self) -> Any:
        """What runs."""
        job = self.worker.job
        return change("list", [self._task(job.run.task, job.started)] if job else [])

    def do_reserved(self) -> Any:
        """What waits for what runs."""
        return change("list", [self._task(task) for _, task in self.worker.reserved])

    def do_scheduled(self) -> Any:
        """What waits for its eta."""
        rows = [
            {"eta": task["eta"], "priority": 6, "request": self._task(task)} for _, _, _, task in self.worker.waiting
        ]
        return change("list", [change("scheduled", row) for row in rows])

    def do_query_task(self, ids: list[str]) -> Any:
        """Those of the ids that are here."""
        held = {row["request"]["id"]: ["scheduled", row["request"]] for row in self.do_scheduled()}
        held |= {row["id"]: ["reserved", row] for row in self.do_reserved()}
        held |= {row["id"]: ["active", row] for row in self.do_active()}
        return change("found", {task_id: held[task_id] for task_id in ids if task_id in held})

    def do_registered(self) -> Any:
        """The names of the tasks."""
        return change("list", sorted(tasks.CATALOGUE))

    def do_active_queues(self) -> Any:
        """The queues that are consumed."""
        queue = self.worker.broker.queue
        return change("list", [{"name": queue, "routing_key": queue, "exchange": {"name": ""}}])

    def do_stats(self) -> Any:
        """Numbers."""
        return {"pid": os.getpid(), "clock": "1", "total": {}}

    def do_revoked(self) -> Any:
        """The ids that are remembered."""
        return change("list", sorted(self.worker.revoked))

    def do_revoke(self, task_id: Any, terminate: bool = False, signal: str = "SIGTERM") -> Any:
        """Forget these tasks; with ``terminate`` stop one that runs."""
        ids = task_id if isinstance(task_id, list) else [task_id]
        self.worker.revoked |= set(change("revoked ids", ids))
        job = self.worker.job
        if change("terminate", terminate) and job and job.run.task["id"] in ids:
            job.run.stop.set()
        return {"ok": f"revoked, {signal}"}

    def do_revoke_by_stamped_headers(self, headers: dict[str, Any], terminate: bool = False, signal: str = "") -> Any:
        """Forget tasks by their stamps."""
        self.worker.stamps |= change("revoked stamps", headers)
        return {"ok": f"revoked by stamps {terminate} {signal}"}

    def do_enable_events(self) -> Any:
        """Tell of tasks."""
        self.worker.reporter.on = True
        return {"ok": "task events enabled"}

    def do_disable_events(self) -> Any:
        """Tell of tasks no longer."""
        self.worker.reporter.on = False
        return {"ok": "task events disabled"}

    def do_heartbeat(self) -> Any:
        """Send a heartbeat."""
        self.worker.reporter.beat()


class Controller:
    """Asks the nodes of a broker."""

    def __init__(self, broker: Any) -> None:
        self.post = post_of(broker)

    def control(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a command and gather the replies."""
        ticket, address, replies = str(uuid.uuid4()), new_address(), []

        def keep(headers: dict[str, Any], content_type: Any, body: bytes) -> None:
            found = _readable(content_type, body)
            if found is not None and len(found) == 1 and headers.get("ticket") == ticket:
                ((node, reply),) = found.items()
                replies.append({"node": node, "reply": reply})

        names = ("method", "arguments", "destination", "pattern", "matcher")
        body = {name: from_tagged(request[name]) for name in names}
        if request["reply"]:
            body |= {"ticket": ticket, "reply_to": address}
        headers = {"clock": 1, "expires": time.time() + request["timeout_ms"] / 1000}
        found = change("request letter", letter(REQUESTS, "", headers, body, 2))
        if has("listens-after-asking"):
            self.post.send(found)
            time.sleep(0.2)
        if request["reply"]:
            self.post.answered(address, keep)
        if not has("listens-after-asking"):
            self.post.send(found)
        self._wait(request, replies)
        replies = change("replies", replies)
        if has("wants-every-key-of-stats") and request["method"] == "stats":
            replies = [{**row, "pool": row["reply"].get("pool")} for row in replies if "pool" in row["reply"]]
        return {"replies": [{"node": row["node"], "reply": to_tagged(row["reply"])} for row in replies]}

    def _wait(self, request: dict[str, Any], replies: list[Any]) -> None:
        enough = request["limit"] or len(request["destination"] or ()) or None
        seconds = change("wait", request["timeout_ms"] / 1000) if request["reply"] else change("wait for nothing", 0.0)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and (enough is None or len(replies) < enough):
            self.post.pump(min(left, 0.2))

    def close(self) -> None:
        """Disconnect."""
        self.post.close()
