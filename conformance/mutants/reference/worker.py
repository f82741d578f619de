"""The worker: takes, decides, runs, stores, sends what follows and settles; what waits for its eta is in a heap."""

from __future__ import annotations

import datetime
import heapq
import os
import threading
import time
import traceback
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference import fields, tasks
from reference.codec import Flat
from reference.control import Node
from reference.defects import CallError, InvalidMessage, change, has
from reference.following import Follower
from reference.news import Reporter
from reference.post import post_of
from reference.producer import now

#: How long a worker waits for a message before it looks at the clock again.
TICK = 0.02
#: The same while a task runs.
BRIEF = 0.01
#: How many tasks a worker holds that have not begun.
AHEAD = 4


@dataclass
class Job:
    """The task that runs."""

    run: tasks.Run
    delivery: Any
    thread: threading.Thread
    started: float
    #: What came of it: the value that it returned, or the exception that it raised.
    end: list[Any]


class Worker:
    """A worker on one queue. ``say`` writes an event; ``broker`` and ``results`` are those of its session.

    Its loop takes, decides, stores, sends and settles; the task that runs has a thread of its own.
    """

    def __init__(
        self, broker: Any, results: Any, say: Callable[[dict[str, Any]], None], options: dict[str, Any], client: str
    ) -> None:
        self.broker, self.results, self.say, self.options = broker, results, say, options
        self.follower = Follower(broker, results, client)
        self.open = True
        self.job: Job | None = None
        self.reserved: deque[tuple[Any, Flat]] = deque()
        self.waiting: list[tuple[float, int, Any, Flat]] = []
        self.revoked: set[str] = set()
        self.stamps: dict[str, Any] = {}
        self.seen: set[str] = set()
        self.deaths: Counter[str] = Counter()
        self.taken = 0
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.consume)
        self.thread.start()
        self.ready.wait(10)

    def consume(self) -> None:
        """Take messages until the worker is closed; nobody waits for one that cannot."""
        try:
            self.loop()
        finally:
            self.ready.set()

    def loop(self) -> None:
        """Take one message after the other until the worker is closed, then give back what has not begun."""
        name = change("node name", self.options.get("node") or f"reference-{os.getpid()}@host.example")
        post = post_of(self.broker)
        self.reporter = Reporter(name, post, bool(self.options.get("events")))
        node = Node(name, self, post)
        while self.open or self.job is not None:
            room = len(self.reserved) < AHEAD or not hasattr(self.broker, "redis")  # RabbitMQ keeps to the limit itself
            delivery = self.broker.take(BRIEF if self.job else TICK) if self.open and room else None
            self.ready.set()
            if delivery is not None:
                self.receive(delivery)
            while self.waiting and self.waiting[0][0] <= time.time():
                self.decide(*heapq.heappop(self.waiting)[2:])
            node.step()
            self.reporter.step()
            self.work()
        self.reporter.close()
        post.close()
        for delivery, _ in [*self.reserved, *(row[2:] for row in self.waiting)]:
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
        self.reporter.received(task)
        eta = None if has("ignores-eta") else fields.instant(task.get("eta"))
        due = eta.timestamp() if eta else 0.0
        if has("adds-a-delay") and eta and due <= time.time():
            due = time.time() + 2
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
        """Expired, revoked, or to be run."""
        if has("acknowledges-before-running"):
            self.broker.acknowledge(delivery)
        if self.expired(task):
            self.reporter.task("task-revoked", task, expired=True, terminated=False, signum=None)
            if not has("silent-about-the-expired"):
                self.save(task, "REVOKED", change("revoked", _revoked("expired")))
            self.settle(delivery, "reject" if has("rejects-the-expired") else "acknowledge")
        elif self.is_revoked(task):
            self.reporter.task("task-revoked", task, expired=False, terminated=False, signum=None)
            self.save(task, "REVOKED", _revoked("revoked"))
            self.settle(delivery, "acknowledge")
        else:
            self.reserved.append((delivery, task))

    def settle(self, delivery: Any, how: str) -> None:
        """Settle the message of a task."""
        if not has("acknowledges-before-running") and not has("never-settles"):
            getattr(self.broker, how)(delivery)

    def is_revoked(self, task: Flat) -> bool:
        """Whether remote control has told the worker to forget the task, by its id or by a stamp."""
        own = task.get("stamps") or {}
        by_stamp = any(_listed(own[name]) & _listed(values) for name, values in self.stamps.items() if name in own)
        found = by_stamp or task["id"] in self.revoked
        if has("forgets-the-revoked"):
            self.revoked.discard(task["id"])
        return bool(change("is revoked", found))

    def expired(self, task: Flat) -> bool:
        """Whether nobody wants the task any more."""
        if has("ignores-expires"):
            return False
        if has("goes-by-expiration") and task.get("expiration") == "0":
            return True
        expires = fields.instant(task.get("expires"))
        return expires is not None and expires <= now()

    # -- running -----------------------------------------------------------------------------------

    def work(self) -> None:
        """Begin with the next task when none runs, and see to the end of the one that does."""
        if self.job is None and self.reserved:
            self.begin(*self.reserved.popleft())
        if self.job is not None:
            self.job.thread.join(TICK)
            if not self.job.thread.is_alive():
                job, self.job = self.job, None
                if early := has("settles-before-it-retries"):
                    self.broker.acknowledge(job.delivery)
                how = self.ended(job.run, job.end[0])
                if not early:
                    self.settle(job.delivery, how)

    def begin(self, delivery: Any, task: Flat) -> None:
        """Run the task in a thread, unless it cannot be run."""
        run = tasks.Run(task)
        args, kwargs = change("call", (task["args"], task["kwargs"]))
        try:
            function = tasks.find(run)
            if not has("begins-whatever-the-arguments"):
                tasks.bind(function, args, kwargs)
        except tasks.NotRegistered as error:
            if not has("silent-about-the-unknown"):
                self.save(task, "FAILURE", error)
            self.settle(delivery, "acknowledge" if has("acknowledges-the-unknown") else "reject")
            return
        except TypeError as error:
            self.settle(delivery, self.failed(task, error))
            return
        self.reporter.task("task-started", task)
        for _ in range(2 if has("runs-twice") else 1):
            self.ran(task)
        end: list[Any] = []
        thread = threading.Thread(target=_call, args=(function, args, kwargs, end))
        self.job = Job(run, delivery, thread, time.time(), end)
        thread.start()

    def ended(self, run: tasks.Run, end: Any) -> str:
        """Store what came of the task and send what follows; the answer is how to settle its message."""
        task = run.task
        if isinstance(end, tasks.Retry):
            self.reporter.task("task-retried", task, exception="Retry()", traceback=None)
            return self.retry(task)
        for progress in run.told:
            self.reporter.own("task-progress", task, progress=progress)
        if isinstance(end, tasks.Rejected):
            self.reporter.task("task-rejected", task, requeue=False)
            return "reject"
        if isinstance(end, tasks.Replaced):
            self.follower.replaced(end.by, task)
        elif isinstance(end, tasks.Terminated):
            self.reporter.task("task-revoked", task, expired=False, terminated=True, signum="SIGTERM")
            self.save(task, "REVOKED", _revoked(change("why terminated", "terminated")))
        elif isinstance(end, Exception):
            return self.failed(task, end)
        else:
            children = self.follower.called(run.calls, task)
            if not self.ignored(task):
                self.save(task, "SUCCESS", end, children)
            self.follower.succeeded(task, end)
            runtime = 0.0
            self.reporter.task("task-succeeded", task, result=repr(end), runtime=runtime)
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
        if isinstance(error, tasks.WorkerLostError):
            if task["task"] == "conf.die_again":
                return self.died(task, error)
            if has("silent-about-the-dead"):
                return "acknowledge"
        if not has("silent-about-failures"):
            for task_id in [task["id"], *self.follower.failed(task, error)]:
                self.save({**task, "id": task_id}, "FAILURE", error)
        self.reporter.task("task-failed", task, exception=repr(error), traceback=None)
        return "reject" if has("rejects-the-failed") else "acknowledge"

    def died(self, task: Flat, error: Exception) -> str:
        """The process died of a message that is held still: it goes back until it has done so too often."""
        self.deaths[task["id"]] += 1
        if self.deaths[task["id"]] < change("deliveries", tasks.DELIVERIES):
            return "requeue"
        self.save(task, "FAILURE", error)
        return str(change("end of the deadly", "reject"))

    def ignored(self, task: Flat) -> bool:
        """Whether the return value is not to be stored."""
        if has("stores-what-is-ignored"):
            return False
        by_header = task.get("ignore_result")
        return bool(task["task"] in tasks.IGNORED if by_header is None else by_header)

    def retry(self, task: Flat) -> str:
        """Send the task again, under the same id; only then its message is settled."""
        again = {**task, "retries": task.get("retries", 0) + 1, "parent_id": task["id"]}
        if has("forgets-to-retry"):
            return "acknowledge"
        if has("retries-under-a-new-id"):
            again["id"] = str(uuid.uuid4())
        again = change("retry", again)
        try:
            self.broker.publish(again, {"queue": self.broker.queue})
        except CallError:
            self.save(task, "FAILURE", CallError("PublishFailed", "the retry could not be sent"))
        return "acknowledge"

    def ran(self, task: Flat) -> None:
        """Say that the task runs, if it is one of the catalogue."""
        if task["task"].startswith("celery."):
            return
        redelivered = bool(task.get("extra", {}).get("headers", {}).get("redelivered"))
        event = {"event": "ran", "task_id": task["id"], "task": task["task"], "retries": task.get("retries", 0)}
        self.say({**event, "redelivered": redelivered})

    # -- storing -----------------------------------------------------------------------------------

    def save(self, task: Flat, status: str, result: Any, children: Any = ()) -> None:
        """Store a result document for the task."""
        document = {"task_id": task["id"], "status": status, "result": result, "traceback": None}
        document |= {"children": list(children), "parent_id": task.get("parent_id")}
        if isinstance(result, Exception):
            document["result"] = change("exception", _exception(result))
            document["traceback"] = "".join(traceback.format_exception(result))
        document["date_done"] = now().astimezone(datetime.timezone.utc).isoformat()
        self.results.save(document, task)

    def close(self) -> None:
        """End in order: the running task is finished first."""
        self.open = False
        self.thread.join()


def _call(function: Callable[..., Any], args: Any, kwargs: Any, end: list[Any]) -> None:
    """Call the task's function, and keep what came of it."""
    try:
        end.append(function(*args, **kwargs))
    except Exception as error:  # noqa: BLE001 - whatever a task raises is its result
        end.append(error)


def _revoked(why: str) -> dict[str, Any]:
    return {"exc_type": "TaskRevokedError", "exc_message": [why], "exc_module": "celery.exceptions"}


def _listed(value: Any) -> set[Any]:
    return set(value) if isinstance(value, list) else {value}


def _exception(error: Exception) -> dict[str, Any]:
    def stored(arg: Any) -> Any:
        return arg if isinstance(arg, (str, int, float)) or has("dies-of-what-it-cannot-store") else repr(arg)

    args = [stored(arg) for arg in error.args]
    return {"exc_type": type(error).__name__, "exc_message": args, "exc_module": type(error).__module__}


def _reply(delivery: Any) -> dict[str, Any]:
    """What a reply to a message that cannot be read takes: its properties, as far as they can be."""
    properties = delivery.properties()
    return {name: properties.get(name) for name in ("reply_to", "correlation_id")}
