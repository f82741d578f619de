"""The sessions of the adapter: an application, a worker, or a monitor that passes on what it hears."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any

from worker_process import say, start_worker

from celeriac import Celeriac, GroupResult
from celeriac.tagged import to_tagged


class Monitor:
    """Listens in a thread of its own until it is closed."""

    def __init__(self, app: Celeriac, session: str) -> None:
        self._session = session
        self._events = app.events()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            for message in self._events.messages(0.2):
                events = [to_tagged(event.build()) for event in message.events]
                say(json.dumps({"event": "seen", "session": self._session, "events": events}) + "\n")

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._thread.join()
        self._events.close()


class Session:
    """An application that sends, waits and asks; or a `celeriac worker` (role worker), or a monitor (role events)."""

    def __init__(self, request: dict[str, Any]) -> None:
        urls = {"broker": request["broker_url"], "backend": request.get("result_url")}
        tells = bool(request.get("options", {}).get("events"))
        self.app = Celeriac("testee", **urls, task_default_queue=request["queue"], task_send_sent_event=tells)
        self.groups: dict[str, GroupResult] = {}
        self.worker: subprocess.Popen[str] | None = None
        self._closing = False
        self.monitor = Monitor(self.app, request["session"]) if request["role"] == "events" else None
        if request["role"] == "worker":
            self.worker = start_worker(request)
            threading.Thread(target=self._watch, args=(self.worker, request["session"]), daemon=True).start()

    def _watch(self, worker: subprocess.Popen[str], session: str) -> None:
        code = worker.wait()
        if not self._closing:
            say(json.dumps({"event": "down", "session": session, "why": f"exit code {code}"}) + "\n")

    def close(self) -> None:
        """End it in order."""
        self._closing = True
        if self.monitor is not None:
            self.monitor.close()
        self.app.close()
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait()
