"""The worker: takes, decides, runs, stores and settles, in one thread; what waits for its eta is kept in a heap."""

from __future__ import annotations

import datetime
import heapq
import os
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Any

from reference import fields, tasks
from reference.codec import Flat
from reference.defects import CallError, InvalidMessage, change, has
from reference.producer import now

#: How long a worker waits for a message before it looks at the clock again.
TICK = 0.02


class Worker:
    """A worker on one queue. ``say`` writes an event; ``broker`` and ``results`` are those of its session."""

    def __init__(self, broker: Any, results: Any, say: Callable[[dict[str, Any]], None]) -> None:
        self.broker, self.results, self.say = broker, results, say
        self.open = True
        self.waiting: list[tuple[float, int, Any, Flat]] = []
        self.seen: set[str] = set()
        self.taken = 0
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        self.ready.wait(10)

    def loop(self) -> None:
        """Take one message after the other until the worker is closed, then give back what waits."""
        while self.open:
            delivery = self.broker.take(TICK)
            self.ready.set()
            if delivery is not None:
                self.receive(delivery)
            while self.waiting and self.waiting[0][0] <= time.time():
                self.decide(*heapq.heappop(self.waiting)[2:])
        for _, _, delivery, _ in self.waiting:
            if has("forgets-what-waits"):
                self.broker.acknowledge(delivery)
            else:
                self.broker.requeue(delivery)

    # -- deciding ----------------------------------------------------------------------------------

    def receive(self, delivery: Any) -> None:
        """Read a delivery: poison, ahead of its time, or due."""
        try:
            task = delivery.read()
        except InvalidMessage as error:
            self.poison(delivery, error)
            return
        if has("takes-the-redelivered-for-done") and delivery.again():
            self.save(task, "REVOKED", {"exc_type": "Done", "exc_message": [], "exc_module": "builtins"})
            self.broker.acknowledge(delivery)
            return
        if has("refuses-ids-seen-before"):
            if task["id"] in self.seen:
                self.broker.reject(delivery)
                return
            self.seen.add(task["id"])
        eta = None if has("ignores-eta") else fields.instant(task.get("eta"))
        due = eta.timestamp() if eta else 0.0
        if has("adds-a-delay") and eta:
            due = max(due, time.time() + 2)
        if due <= time.time():
            self.decide(delivery, task)
        elif has("waits-for-eta-and-nothing-else"):
            while self.open and due > time.time():
                time.sleep(TICK)
            self.decide(delivery, task)
        else:
            if has("settles-what-waits"):
                self.broker.acknowledge(delivery)
            self.taken += 1
            heapq.heappush(self.waiting, (due, self.taken, delivery, task))

    def poison(self, delivery: Any, error: InvalidMessage) -> None:
        """Refuse a malformed message for good, and say so under its id where that can be read."""
        if has("dies-of-poison"):
            os._exit(1)
        if has("hangs-on-poison"):
            self.hang()
        if has("requeues-poison"):
            self.broker.requeue(delivery)
            return
        task_id = error.task_id
        if has("stores-under-any-id"):
            task_id = task_id or _reply(delivery)["correlation_id"]
        if task_id and not has("silent-about-poison"):
            self.save({"id": task_id, **_reply(delivery)}, "FAILURE", error)
        if has("acknowledges-poison"):
            self.broker.acknowledge(delivery)
        elif not has("leaves-poison-unsettled"):
            self.broker.reject(delivery)

    def hang(self) -> None:
        """Do nothing more: for mutants."""
        while self.open:
            time.sleep(TICK)

    def decide(self, delivery: Any, task: Flat) -> None:
        """Expired, unknown, or to be run."""
        early = has("acknowledges-before-running")
        if early:
            self.broker.acknowledge(delivery)
        if self.expired(task):
            revoked = {"exc_type": "TaskRevokedError", "exc_message": ["expired"], "exc_module": "celery.exceptions"}
            if not has("silent-about-the-expired"):
                self.save(task, "REVOKED", change("revoked", revoked))
            settled = "reject" if has("rejects-the-expired") else "acknowledge"
        else:
            settled = self.run(task)
        if not early and not has("never-settles"):
            getattr(self.broker, settled)(delivery)

    def expired(self, task: Flat) -> bool:
        """Whether nobody wants the task any more."""
        if has("ignores-expires"):
            return False
        if has("goes-by-expiration") and task.get("expiration") == "0":
            return True
        expires = fields.instant(task.get("expires"))
        return expires is not None and expires <= now()

    # -- running -----------------------------------------------------------------------------------

    def run(self, task: Flat) -> str:
        """Run the task and store what came of it; the answer is how to settle its message."""
        try:
            function = tasks.find(task)
        except tasks.NotRegistered as error:
            if not has("silent-about-the-unknown"):
                self.save(task, "FAILURE", error)
            return "acknowledge" if has("acknowledges-the-unknown") else "reject"
        args, kwargs = change("call", (task["args"], task["kwargs"]))
        try:
            if not has("begins-whatever-the-arguments"):
                tasks.bind(function, args, kwargs)
            self.ran(task)
            if has("runs-twice"):
                self.ran(task)
            result = function(*args, **kwargs)
        except tasks.Retry:
            self.retry(task)
        except Exception as error:  # noqa: BLE001 - whatever a task raises is its result
            return self.failed(task, error)
        else:
            if not self.ignored(task):
                self.save(task, "SUCCESS", result)
        return "acknowledge"

    def failed(self, task: Flat, error: Exception) -> str:
        """The task raised: store the failure."""
        if has("dies-of-a-failure"):
            os._exit(1)
        if has("hangs-after-a-failure"):
            self.save(task, "FAILURE", error)
            self.hang()
        if isinstance(error, TypeError) and has("silent-about-wrong-arguments"):
            return "acknowledge"
        if not has("silent-about-failures"):
            self.save(task, "FAILURE", error)
        return "reject" if has("rejects-the-failed") else "acknowledge"

    def ignored(self, task: Flat) -> bool:
        """Whether the return value is not to be stored."""
        if has("stores-what-is-ignored"):
            return False
        by_header = task.get("ignore_result")
        return bool(task["task"] in tasks.IGNORED if by_header is None else by_header)

    def retry(self, task: Flat) -> None:
        """Send the task again, under the same id."""
        again = {**task, "retries": task.get("retries", 0) + 1, "parent_id": task["id"]}
        if has("forgets-to-retry"):
            return
        if has("retries-under-a-new-id"):
            again["id"] = str(uuid.uuid4())
        again = change("retry", again)
        try:
            self.broker.publish(again, {"queue": self.broker.queue})
        except CallError:
            self.save(task, "FAILURE", CallError("PublishFailed", "the retry could not be sent"))

    def ran(self, task: Flat) -> None:
        """Say that the task runs."""
        redelivered = bool(task.get("extra", {}).get("headers", {}).get("redelivered"))
        event = {"event": "ran", "task_id": task["id"], "task": task["task"], "retries": task.get("retries", 0)}
        self.say({**event, "redelivered": redelivered})

    # -- storing -----------------------------------------------------------------------------------

    def save(self, task: Flat, status: str, result: Any) -> None:
        """Store a result document for the task."""
        document = {"task_id": task["id"], "status": status, "result": result, "traceback": None, "children": []}
        if isinstance(result, Exception):
            document["result"] = change("exception", _exception(result))
            document["traceback"] = "".join(traceback.format_exception(result))
        document["date_done"] = now().astimezone(datetime.timezone.utc).isoformat()
        self.results.save(document, task)

    def close(self) -> None:
        """End in order: the running task is finished first."""
        self.open = False
        self.thread.join()


def _exception(error: Exception) -> dict[str, Any]:
    def stored(arg: Any) -> Any:
        return arg if isinstance(arg, (str, int, float)) or has("dies-of-what-it-cannot-store") else repr(arg)

    args = [stored(arg) for arg in error.args]
    return {"exc_type": type(error).__name__, "exc_message": args, "exc_module": type(error).__module__}


def _reply(delivery: Any) -> dict[str, Any]:
    """What a reply to a message that cannot be read takes: its properties, as far as they can be."""
    properties = delivery.properties()
    return {name: properties.get(name) for name in ("reply_to", "correlation_id")}
