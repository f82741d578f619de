"""What a worker tells of itself: online, a heartbeat every two seconds, offline (EV-WORKER-001)."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from celeriac.events import EVENT_EXCHANGE, Event, EventMessage
from celeriac.transport import Post
from celeriac.version import __version__
from celeriac.worker.clock import Clock
from celeriac.worker.settings import WorkerSettings

#: Seconds between two heartbeats. Celery's.
EVERY = 2.0


class Pulse:
    """Sends the events of the worker itself, and counts what its processes say of theirs."""

    def __init__(self, settings: WorkerSettings, clock: Clock) -> None:
        self._node = settings.hostname
        self._clock = clock
        self._counts: dict[int, dict[str, Any]] = {}
        self._due = 0.0
        self._software: dict[str, Any] = {
            "sw_ident": "py-celeriac",
            "sw_ver": __version__,
            "sw_sys": platform.system(),
        }

    # -- what the processes say

    def count(self, number: int, known: Mapping[str, Any]) -> None:
        """Take notice of a process: its ``pid``, ``active`` tasks, ``total`` runs by task."""
        if "pid" in known and known["pid"] != self._counts.get(number, {}).get("pid"):
            self.part(number)
        self._counts.setdefault(number, {"active": 0, "total": {}, "earlier": {}}).update(known)

    def part(self, number: int) -> None:
        """A process has left; what it has done stays done."""
        known = self._counts.get(number)
        if known is not None:
            earlier = Counter(known["earlier"]) + Counter(known["total"])
            self._counts[number] = {"active": 0, "total": {}, "earlier": dict(earlier)}

    def processes(self) -> dict[int, int]:
        """Processes that have said that they are there: number and process id."""
        return {number: known["pid"] for number, known in self._counts.items() if "pid" in known}

    def total(self) -> Counter[str]:
        """Runs by task, of all processes."""
        total: Counter[str] = Counter()
        for known in self._counts.values():
            total.update(known["earlier"])
            total.update(known["total"])
        return total

    # -- what is told

    def begin(self, post: Post) -> None:
        """Tell that the worker is there."""
        self._send(post, "worker-online")

    def beat(self, post: Post) -> None:
        """Tell that it lives, when that is due."""
        if time.monotonic() >= self._due:
            self._send(post, "worker-heartbeat")

    def hasten(self) -> None:
        """Let the next ``beat`` tell, due or not."""
        self._due = 0.0

    def end(self, post: Post) -> None:
        """Tell that it leaves."""
        self._send(post, "worker-offline")

    def _send(self, post: Post, kind: str) -> None:
        self._due = time.monotonic() + EVERY
        event = Event(
            type=kind,
            hostname=self._node,
            utcoffset=0.0,
            pid=os.getppid(),
            clock=self._clock.forward(),
            timestamp=time.time(),
            freq=EVERY,
            active=sum(known["active"] for known in self._counts.values()),
            processed=sum(self.total().values()),
            loadavg=[round(load, 2) for load in os.getloadavg()],
            absent=frozenset(),
            **self._software,
        )
        message = EventMessage.create(self._node, (event,), is_array=False)
        post.send(EVENT_EXCHANGE, message.routing_key, message.build())
