# ruff: noqa: E501  (tables: one case a line)
"""What is neither one message nor one result: restored items, saved groups, compressed results, declarations."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

from . import cases_version, shop, topology
from .cases_result import Run
from .drive import OUT_QUEUE, WORKER_QUEUE, provenance, reached, result_vector, run, worker
from .drive_later import delayed, periodic
from .tags import b64
from .topology import forget
from .vectors import Vector, captured, check, item_wire
from .wires import Rabbit, Store, eventually

GROUP = "0b0e2b52-93a7-4bd7-9d3b-6c4f0a1f7f10"
ETA = "datetime(2030, 5, 17, 9, 30, tzinfo=timezone.utc)"
SAVED = f"group(add.s(2, 3), add.s(3, 4)).apply_async(task_id='{GROUP}').save()"
COMPRESSED = "app.backend.store_result('order-4711', 'x' * 200, 'SUCCESS')"
CALL = "add.apply_async((2, 3))"
WORKER = "celery worker --pool solo -n w1@host.example"
WORKER_IDS = ("BR-AMQP-003", "BR-AMQP-020", "BR-AMQP-021")
MORE_QUEUES = ("shop.urgent",)
HOLD = "hold.apply_async((60,))"
REVOKED = Run(
    "revoked",
    "REVOKED by a command before it began",
    ("RS-STATE-007", "WK-REV-002"),
    f"add.apply_async((2, 3), eta={ETA})",
    "REVOKED",
)
#: A task, and what is done to it once it runs.
INTERRUPTED = (
    (Run("failure-hard-limit", "FAILURE at the hard time limit", ("WK-LIM-001",), "hold.apply_async((60,), time_limit=1)", "FAILURE"), ""),
    (Run("failure-soft-limit", "FAILURE at the soft time limit, which the task did not catch", ("WK-LIM-002",), "hold.apply_async((60,), soft_time_limit=1)", "FAILURE"), ""),
    (Run("revoked-terminated", "REVOKED by a command while it ran", ("RS-STATE-007", "WK-REV-003"), HOLD, "REVOKED"), "app.control.revoke(id, terminate=True)"),
    (Run("failure-worker-lost", "FAILURE of a task whose process was killed", ("WK-ACK-004",), HOLD, "FAILURE"), "os.kill(pid, 9)"),
)  # fmt: skip
Methods = list[dict[str, Any]]


def special(store: Store, rabbit: Rabbit) -> Iterator[Vector]:
    """All of it for the current version, what differs between versions for any other."""
    yield from saved_groups(store)
    yield from declarations(rabbit)
    yield from periodic(rabbit)
    if cases_version.has("delayed"):
        yield from delayed(rabbit)
    if cases_version.is_current():
        yield from compressed(store)
        yield from restored(store)
        yield from revoked(store)
        yield from interrupted(store)
        yield from more_declarations(rabbit)


def restored(store: Store) -> Iterator[Vector]:
    """An item that a worker held and gave back when it stopped."""
    store.empty(WORKER_QUEUE)
    call = f"add.apply_async((2, 3), eta={ETA})"
    with shop.build(store.url, store.url, task_default_queue=WORKER_QUEUE) as app:
        with worker(store.url, store.url):
            task_id = run(call, app).id
            eventually("the worker to hold the task", lambda: store.client.hlen("unacked") or None)
        wire = item_wire(store.take(WORKER_QUEUE))
    ids = ("BR-REDIS-016", "BR-REDIS-017", "WK-ACK-003")
    about = "an item that a worker held for its eta and put back when it was stopped"
    vector = captured("redis/optional/restored", "envelope", about, ids, provenance(store, call), wire)
    check(vector, {"id": task_id, "eta": "2030-05-17T09:30:00+00:00"})
    yield vector


def interrupted(store: Store) -> Iterator[Vector]:
    """Results of tasks that did not end by themselves: limits, commands, a killed process."""
    store.empty(WORKER_QUEUE)
    prefork = worker(store.url, store.url, pool="prefork")
    with shop.build(store.url, store.url, task_default_queue=WORKER_QUEUE) as app, prefork:
        for case, act in INTERRUPTED:
            task_id = run(case.call, app).id
            if act:
                started = store.document(task_id, partial(reached, "STARTED"))
                pid = json.loads(base64.b64decode(started["body"]))["result"]["pid"]
                eval(act, {"app": app, "os": os, "id": task_id, "pid": pid})  # noqa: S307  (a constant of this tool)
            wire = store.document(task_id, partial(reached, case.status))
            call = f"{case.call}; {act}" if act else case.call
            yield result_vector(f"redis-{case.name}", case, task_id, provenance(store, call), wire)


def revoked(store: Store) -> Iterator[Vector]:
    """The result of a task that was revoked while it waited for its eta."""
    store.empty(WORKER_QUEUE)
    with shop.build(store.url, store.url, task_default_queue=WORKER_QUEUE) as app, worker(store.url, store.url):
        task_id = run(REVOKED.call, app).id
        eventually("the worker to hold the task", lambda: store.client.hlen("unacked") or None)
        app.control.revoke(task_id)
        wire = store.document(task_id, partial(reached, REVOKED.status))
        call = f"{REVOKED.call}; app.control.revoke(id)"
        yield result_vector(f"redis-{REVOKED.name}", REVOKED, task_id, provenance(store, call), wire)


def saved_groups(store: Store) -> Iterator[Vector]:
    """The document of a group whose caller saved it."""
    with shop.build(store.url, store.url, task_default_queue=OUT_QUEUE) as app:
        run(SAVED, app)
        wire = json_wire(store.client.get(f"celery-taskset-meta-{GROUP}"))
    about = "a saved group of two: its own result tuple and those of its members"
    vector = captured(
        cases_version.named("stored", "group"), "stored", about, ("RS-GROUP-001",), provenance(store, SAVED), wire
    )
    if vector.expected["message"]["result"][0] != [GROUP, None]:
        raise AssertionError("a saved group begins with its own id")
    yield vector


def compressed(store: Store) -> Iterator[Vector]:
    """A result document under ``result_compression``."""
    with shop.build(store.url, store.url, result_compression="zlib") as app:
        run(COMPRESSED, app)
        wire = json_wire(store.client.get("celery-task-meta-order-4711"))
    call = f"app.conf.result_compression = 'zlib'; {COMPRESSED}"
    about = "a result document under result_compression: a prefix, the name, a zlib stream"
    vector = captured("stored/result-compressed", "stored", about, ("RS-DOC-010",), provenance(store, call), wire)
    check(vector, {"result": "x" * 200, "task_id": "order-4711"})
    yield vector


def json_wire(data: bytes) -> dict[str, str]:
    """Wire object of a document that the store holds."""
    return {"content_type": "application/json", "content_encoding": "utf-8", "body": b64(data)}


def topology_vector(name: str, about: str, ids: tuple[str, ...], rabbit: Rabbit, call: str, methods: Methods) -> Vector:
    """The vector of what was declared."""
    origin, wire = provenance(rabbit, call), {"methods": methods}
    return captured(cases_version.named("topology", name), "topology", about, ids, origin, wire)


def declarations(rabbit: Rabbit) -> Iterator[Vector]:
    """What a client and a worker declare."""
    forget(rabbit, "celery", WORKER_QUEUE)
    methods = topology.of_client(rabbit, "rpc://")
    ids = ("RS-RPC-004", "RS-RPC-005", "BR-AMQP-003")
    yield topology_vector(
        "client-rpc", "a client with rpc: its reply queue, then the queue", ids, rabbit, CALL, methods
    )
    methods = topology.of_worker(rabbit, WORKER_QUEUE)
    about = "a worker: its queue, remote control, gossip, prefetch, consumers"
    yield topology_vector("worker", about, WORKER_IDS, rabbit, f"{WORKER} -Q {WORKER_QUEUE}", methods)


def more_declarations(rabbit: Rabbit) -> Iterator[Vector]:
    """What a client declares when it is told more about queues."""
    forget(rabbit, *MORE_QUEUES)
    conf: dict[str, Any] = {"task_queue_max_priority": 10, "task_default_queue": "shop.urgent"}
    call, methods = f"app.conf.update({conf}); {CALL}", topology.of_client(rabbit, "", **conf)
    yield topology_vector("client-priority", "a queue with priorities", ("BR-AMQP-010",), rabbit, call, methods)
    forget(rabbit, *MORE_QUEUES)
