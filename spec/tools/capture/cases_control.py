# ruff: noqa: E501  (tables: one case a line)
"""Remote control calls for the vectors of control/: each is sent to a real worker, whose reply is another vector."""

from __future__ import annotations

from dataclasses import dataclass

ETA = "2030-05-17T09:30:00+00:00"
RUNNING, RESERVED, LATER = "order-running", "order-reserved", "order-later"


@dataclass(frozen=True)
class Call:
    """One call: ``ids`` of its request, ``answers`` those of its reply; without any, no reply is asked for or kept."""

    name: str
    about: str
    ids: tuple[str, ...]
    answers: tuple[str, ...]
    call: str
    method: str


REQ = ("CT-REQ-001", "CT-REQ-002")
FORM = ("CT-RPL-001", "CT-RPL-002")
LIST, OK = ("CT-INS-001", *FORM), ("CT-CMD-001", *FORM)

#: A worker of two processes that runs one task, holds another and has a third for later.
CALLS = (
    Call("ping", "is anybody there", ("CT-REQ-003", "CT-REQ-006", *REQ), ("CT-RPL-003", *OK), "app.control.ping(limit=1)", "ping"),
    Call("ping-destination", "to one worker by name", ("CT-REQ-004", *REQ), OK, "app.control.ping(destination=['w1@host.example'])", "ping"),
    Call("ping-pattern", "to the workers whose names match a pattern", ("CT-REQ-005", *REQ), OK, "app.control.broadcast('ping', pattern='w*', matcher='glob', reply=True, limit=1)", "ping"),
    Call("active", "tasks that run now", REQ, ("CT-INS-002", *LIST), "inspect.active()", "active"),
    Call("reserved", "tasks that wait in the worker", REQ, ("CT-INS-002", *LIST), "inspect.reserved()", "reserved"),
    Call("scheduled", "tasks with an eta", REQ, ("CT-INS-003", *LIST), "inspect.scheduled()", "scheduled"),
    Call("registered", "names of the tasks that the worker knows", REQ, LIST, "inspect.registered()", "registered"),
    Call("registered-attributes", "the same, with attributes", ("CT-CMD-002", *REQ), LIST, "inspect.registered('rate_limit', 'max_retries')", "registered"),
    Call("query-task", "tasks by id, with the place each is in", REQ, ("CT-INS-004", *FORM), f"inspect.query_task('{RUNNING}', '{RESERVED}', 'order-unknown')", "query_task"),
    Call("stats", "numbers about the worker", REQ, ("CT-INS-005", *FORM), "inspect.stats()", "stats"),
    Call("active-queues", "queues that the worker reads", REQ, LIST, "inspect.active_queues()", "active_queues"),
    Call("clock", "the worker's logical clock", REQ, FORM, "inspect.clock()", "clock"),
    Call("rate-limit", "at most ten a minute", ("CT-CMD-002", *REQ), OK, "app.control.rate_limit('shop.add', '10/m', reply=True, limit=1)", "rate_limit"),
    Call("rate-limit-unknown-task", "a task that the worker does not know", REQ, ("CT-CMD-003", *FORM), "app.control.rate_limit('shop.no_such_task', '10/m', reply=True, limit=1)", "rate_limit"),
    Call("rate-limit-bad", "a rate that is none", REQ, ("CT-CMD-003", *FORM), "app.control.rate_limit('shop.add', 'often', reply=True, limit=1)", "rate_limit"),
    Call("time-limit", "new limits for a task", ("CT-CMD-002", *REQ), OK, "app.control.time_limit('shop.add', soft=20, hard=30, reply=True, limit=1)", "time_limit"),
    Call("add-consumer", "read one more queue", ("CT-CMD-002", *REQ), OK, "app.control.add_consumer('shop.more', reply=True, limit=1)", "add_consumer"),
    Call("add-consumer-exchange", "read a queue of a topic exchange", ("CT-CMD-002", *REQ), OK, "app.control.add_consumer('shop.video', exchange='media', exchange_type='topic', routing_key='video.#', reply=True, limit=1)", "add_consumer"),
    Call("cancel-consumer", "stop reading a queue", ("CT-CMD-002", *REQ), OK, "app.control.cancel_consumer('shop.more', reply=True, limit=1)", "cancel_consumer"),
    Call("enable-events", "send task events", REQ, OK, "app.control.enable_events(reply=True, limit=1)", "enable_events"),
    Call("disable-events", "send none", REQ, OK, "app.control.disable_events(reply=True, limit=1)", "disable_events"),
    Call("pool-grow", "one process more", REQ, OK, "app.control.pool_grow(1, reply=True, limit=1)", "pool_grow"),
    Call("pool-shrink", "one process less", REQ, OK, "app.control.pool_shrink(1, reply=True, limit=1)", "pool_shrink"),
    Call("autoscale-off", "a command that the worker cannot carry out now", REQ, ("CT-CMD-004", *FORM), "app.control.autoscale(4, 2, reply=True, limit=1)", "autoscale"),
    Call("unknown-method", "a method that no worker knows", REQ, ("CT-CMD-004", *FORM), "app.control.broadcast('no_such_method', reply=True, limit=1)", "no_such_method"),
    Call("unknown-argument", "an argument that the method does not take", REQ, ("CT-CMD-004", *FORM), "app.control.broadcast('enable_events', arguments={'loudly': True}, reply=True, limit=1)", "enable_events"),
    Call("heartbeat", "a command that has nothing to say: null", REQ, ("CT-RPL-004", *FORM), "app.control.broadcast('heartbeat', reply=True, limit=1)", "heartbeat"),
    Call("revoke-no-reply", "revoke by id, nobody waits for an answer", ("CT-REQ-007", "CT-REV-001", *REQ), (), "app.control.revoke('order-4711')", "revoke"),
    Call("revoke", "revoke by id", ("CT-REV-001", *REQ), ("CT-REV-002", *OK), "app.control.revoke('order-4712', reply=True, limit=1)", "revoke"),
    Call("revoke-list", "revoke several at once", ("CT-REV-001", *REQ), OK, "app.control.revoke(['order-4713'], reply=True, limit=1)", "revoke"),
    Call("revoke-stamped-headers", "revoke by stamp", ("CT-REV-004", *REQ), OK, "app.control.revoke_by_stamped_headers({'tenant': 'acme'}, reply=True, limit=1)", "revoke_by_stamped_headers"),
    Call("revoke-terminate-unknown", "terminate a task that this worker does not run: ok all the same", ("CT-REV-003", *REQ), ("CT-REV-002", *OK), "app.control.revoke('order-4714', terminate=True, reply=True, limit=1)", "revoke"),
    Call("revoked", "ids that the worker remembers as revoked", REQ, LIST, "inspect.revoked()", "revoked"),
    Call("revoke-terminate", "terminate a task that runs", ("CT-REV-003", *REQ), OK, f"app.control.terminate('{RUNNING}', signal='SIGKILL', reply=True, limit=1)", "revoke"),
    Call("shutdown", "the worker stops; there is no reply", ("CT-CMD-005", *REQ), (), "app.control.shutdown()", "shutdown"),
)  # fmt: skip

#: A worker that was started with --autoscale=3,1.
AUTOSCALED = (
    Call("autoscale", "other bounds for the number of processes", ("CT-CMD-002", *REQ), OK, "app.control.autoscale(4, 2, reply=True, limit=1)", "autoscale"),
)  # fmt: skip

#: The same on Redis.
ON_REDIS = ("ping", "ping-destination", "active-queues", "revoke", "revoke-no-reply", "unknown-method", "shutdown")
REDIS_CALLS = tuple(call for call in CALLS if call.name in ON_REDIS)
