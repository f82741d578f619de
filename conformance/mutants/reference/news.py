"""Events: what a worker tells of itself and its tasks, and the monitor that listens."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from typing import Any

from reference.codec import JSON, Flat
from reference.defects import InvalidMessage, change, has
from reference.post import EVENTS, letter, post_of
from reference.values import from_json, to_tagged

#: Seconds between two heartbeats.
BEAT = 1.0
#: What an event says as the task's message does.
AS_SENT = ("root_id", "parent_id", "retries", "eta", "expires")


def _details(task: Flat) -> dict[str, Any]:
    """What the first event of a task says of it."""
    texts = {"args": task.get("argsrepr"), "kwargs": task.get("kwargsrepr")}
    return {"name": task["task"], **texts, **{name: task.get(name) for name in AS_SENT}}


class Reporter:
    """Sends the events of one worker, while it is on."""

    def __init__(self, hostname: str, post: Any, on: bool) -> None:
        self.hostname, self.post, self.on = hostname, post, on
        self.clock, self.next_beat = 0, 0.0
        self.active = self.processed = 0
        if on:
            self._worker("worker-online")

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.clock += 1
        every = {"type": kind, "hostname": self.hostname, "timestamp": time.time(), "utcoffset": 0}
        return dict(change("event", {**every, "pid": os.getpid(), "clock": self.clock, **fields}))

    def _send(self, routing_key: str, body: Any) -> None:
        found = letter(EVENTS, routing_key, {"hostname": self.hostname}, body, 1)
        self.post.send(change("event letter", found))

    def _worker(self, kind: str) -> None:
        software = {"sw_ident": "reference", "sw_ver": "0", "sw_sys": platform.system(), "freq": BEAT}
        numbers = {"active": self.active, "processed": self.processed, "loadavg": list(os.getloadavg())}
        self._send(kind.replace("-", "."), self._event(kind, **software, **numbers))

    def beat(self) -> None:
        """Send a heartbeat."""
        self.next_beat = time.monotonic() + BEAT
        self._worker("worker-heartbeat")

    def step(self) -> None:
        """Send a heartbeat when it is time for one."""
        if self.on and time.monotonic() >= self.next_beat:
            self.beat()

    def task(self, kind: str, task: Flat, **fields: Any) -> None:
        """Tell what has become of a task."""
        if not self.on:
            return
        event = self._event(kind, uuid=task["id"], **fields)
        whole = change("events", [event])
        self._send("task.multi" if isinstance(whole, list) else kind.replace("-", "."), whole)

    def own(self, kind: str, task: Flat, **fields: Any) -> None:
        """Tell what a task says itself."""
        if self.on:
            event = self._event(kind, uuid=task["id"], **fields)
            self._send(kind.replace("-", "."), change("announced", event))

    def received(self, task: Flat) -> None:
        """Tell of a task that has come."""
        self.task("task-received", task, **_details(task))

    def sent(self, task: Flat, queue: str) -> None:
        """Tell of a task that a producer has sent."""
        event = self._event("task-sent", uuid=task["id"], **_details(task), queue=queue, exchange="", routing_key=queue)
        self._send("task.sent", change("sent", event))

    def close(self) -> None:
        """Say that the worker goes."""
        if self.on:
            self._worker("worker-offline")


def events_of(content_type: Any, body: bytes) -> list[dict[str, Any]]:
    """The events of a message; raises InvalidMessage."""
    if content_type != JSON:
        raise InvalidMessage(f"content type {content_type!r}")
    found = from_json(body)
    if has("reads-no-arrays") and isinstance(found, list):
        raise InvalidMessage("an array")
    rows = found if isinstance(found, list) else [found]
    for row in rows:
        check(row)
    return rows


def check(row: Any) -> None:
    """Raise InvalidMessage for what is no event."""
    if not isinstance(row, dict):
        raise InvalidMessage("an event that is no object")
    stamp = row.get("timestamp")
    if not isinstance(row.get("type"), str) or not isinstance(row.get("hostname"), str):
        raise InvalidMessage("an event without type or hostname")
    if not isinstance(stamp, (int, float)) or isinstance(stamp, bool):
        raise InvalidMessage("an event without timestamp")
    named = row["type"].startswith("task-") and not has("takes-task-events-without-uuid")
    if named and not isinstance(row.get("uuid"), str):
        raise InvalidMessage("a task event without uuid")
    change("seen event", row)


class Monitor:
    """Says what it sees."""

    def __init__(self, broker: Any, session: str, say: Callable[[dict[str, Any]], None]) -> None:
        self.post, self.session, self.say = post_of(broker), session, say
        self.open = True
        self.post.hear(self._keep)
        self.thread = threading.Thread(target=self._loop)
        self.thread.start()

    def _keep(self, _: dict[str, Any], content_type: Any, body: bytes) -> None:
        if not self.open:
            return
        try:
            rows = events_of(content_type, body)
        except InvalidMessage:
            self.open = self.open and not has("stops-listening-at-a-bad-event")
            return
        told = [to_tagged(change("told event", row)) for row in rows]
        self.say({"event": "seen", "session": self.session, "events": told})

    def _loop(self) -> None:
        while self.open:
            self.post.pump(0.05)

    def close(self) -> None:
        """Listen no longer."""
        self.open = False
        self.thread.join()
        self.post.close()
