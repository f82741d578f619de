# ruff: noqa: E501  (tables: one case a line)
"""What makes a real worker or producer send the events of events/."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Happening:
    """Something that happens, and the types of the events in the message that tells of it.

    ``types`` is a tuple for a message that is an array, a string for one event by itself.
    """

    name: str
    about: str
    ids: tuple[str, ...]
    call: str
    types: tuple[str, ...] | str


EVERY = ("EV-FORM-001", "EV-FORM-002")
MULTI = ("EV-FORM-003", "EV-TASK-001", *EVERY)
SINGLE = ("EV-FORM-004", *EVERY)
BEGUN = ("task-received", "task-started")
FAR = "datetime(2030, 5, 17, 9, 30, tzinfo=timezone.utc)"

#: A worker with one thread and task_acks_late, on RabbitMQ.
ON_RABBIT = (
    Happening("task-sent", "a producer tells of what it sent", ("EV-TASK-002", *SINGLE), "add.apply_async((2, 3), queue='shop.out')", "task-sent"),
    Happening("task-received-eta", "a task for later: an array of one", ("EV-FORM-005", *MULTI), f"add.apply_async((2, 3), eta={FAR})", ("task-received",)),
    Happening("task-succeeded", "received, started, succeeded: one array", ("EV-TASK-003", "EV-TASK-004", *MULTI), "add.apply_async((2, 3))", (*BEGUN, "task-succeeded")),
    Happening("task-failed", "a task that raised", ("EV-TASK-005", *MULTI), "fail.apply_async(('no stock',))", (*BEGUN, "task-failed")),
    Happening("task-failed-unknown", "a task that the worker does not know", ("EV-TASK-005", *MULTI), "app.send_task('shop.no_such_task')", ("task-failed",)),
    Happening("task-retried", "a task that asked for a retry", ("EV-TASK-005", *MULTI), "again_elsewhere.apply_async()", (*BEGUN, "task-retried")),
    Happening("task-rejected", "a task that rejected its message", ("EV-TASK-006", *MULTI), "reject.apply_async()", (*BEGUN, "task-failed", "task-rejected")),
    Happening("task-revoked", "a task that was revoked before it came", ("EV-TASK-007", *MULTI), "add.apply_async((2, 3), task_id='order-4711')", ("task-revoked",)),
    Happening("task-custom", "an event of the application's own", ("EV-TASK-008", *SINGLE), "tell.apply_async()", "task-progress"),
    Happening("worker-heartbeat", "a worker is alive", ("EV-WORKER-001", "EV-WORKER-002", *SINGLE), "app.control.heartbeat()", "worker-heartbeat"),
    Happening("worker-offline", "a worker stops", ("EV-WORKER-001", *SINGLE), "app.control.shutdown()", "worker-offline"),
)  # fmt: skip

ONLINE = Happening("worker-online", "a worker has started", ("EV-WORKER-001", *SINGLE), "app.Worker()", "worker-online")
TERMINATED = Happening(
    "task-revoked-terminated",
    "a task that was terminated while it ran",
    ("EV-TASK-007", *MULTI),
    "app.control.revoke('order-running', terminate=True)",
    ("task-revoked",),
)

#: A worker that stops at once gives back what it has not acknowledged, and says of each such task that it is cancelled.
CANCELLED = Happening(
    "task-cancelled",
    "a task that was stopped because its worker stops at once; the task runs again",
    MULTI,
    "hold.apply_async((60,), task_id='order-running'); os.kill(worker, SIGQUIT)",
    ("task-cancelled",),
)

#: On Redis.
ON_REDIS = (
    Happening("redis-task-sent", "a producer tells of what it sent", ("EV-TASK-002", "EV-REDIS-001", *SINGLE), "add.apply_async((2, 3), queue='shop.out')", "task-sent"),
    Happening("redis-task-succeeded", "one array, on the channel of task.multi", ("EV-TASK-004", "EV-REDIS-001", *MULTI), "add.apply_async((2, 3))", (*BEGUN, "task-succeeded")),
    Happening("redis-task-revoked-expired", "a task that came too late", ("EV-TASK-007", "EV-REDIS-001", *MULTI), "add.apply_async((2, 3), expires=datetime(2020, 1, 1, tzinfo=timezone.utc))", ("task-revoked",)),
    Happening("redis-worker-heartbeat", "a worker is alive", ("EV-WORKER-001", "EV-REDIS-001", *SINGLE), "app.control.heartbeat()", "worker-heartbeat"),
)  # fmt: skip
