"""Send, run and read: every captured vector comes out of one of the functions here."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import celery
from kombu.serialization import dumps

from . import cases_result, cases_task, cases_value, cases_version, shop
from .cases_result import Run
from .cases_task import Send
from .tags import from_python
from .vectors import Mismatch, Vector, captured, check, item_wire
from .wires import Rabbit, Store, eventually

TOOLS = Path(__file__).resolve().parents[1]
WORKER_QUEUE = "shop.in"
OUT_QUEUE = "shop.out"
ANSWERS = "shop.answers"
ENDS = ("SUCCESS", "FAILURE", "REVOKED")


def nested(levels: int) -> list[Any]:
    """A list of lists, ``levels`` deep."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def namespace(app: celery.Celery) -> dict[str, Any]:
    """Names that the calls of the cases may use."""
    names: dict[str, Any] = {"app": app, "nan": math.nan, "inf": math.inf, "nested": nested, "UUID": uuid.UUID}
    names |= {name: getattr(dt, name) for name in ("datetime", "date", "time", "timedelta", "timezone")}
    names |= {"Decimal": decimal.Decimal} | {name: getattr(celery, name) for name in ("chain", "group", "chord")}
    return names | {function.__name__: app.tasks[f"shop.{function.__name__}"] for function in shop.TASKS}


def provenance(place: Rabbit | Store | None, call: str) -> dict[str, Any]:
    """Where a captured vector comes from."""
    return {
        "source": "capture",
        "celery": version("celery"),
        "kombu": version("kombu"),
        "transport": place.transport if place else "none",
        "server": place.server if place else None,
        "call": call,
    }


def run(source: str, app: celery.Celery) -> Any:
    """Evaluate the call of a case."""
    return eval(source, namespace(app))  # noqa: S307  (the source is a constant of this tool)


def arguments(case: Send, app: celery.Celery) -> dict[str, Any]:
    """Neutral args and kwargs of the call, made from the Python values and not from the wire."""
    return {"args": from_python(run(case.args, app)), "kwargs": from_python(run(case.kwargs, app))}


def amqp_tasks(rabbit: Rabbit, store: Store, cases: Sequence[Send], folder: str = "task-v2") -> Iterator[Vector]:
    """Messages of a real producer on RabbitMQ."""
    protocol, kind = (1, "task-v1") if folder == "task-v1" else (2, "task")
    with shop.build(rabbit.url, store.url, task_protocol=protocol) as app:
        for case in cases:
            rabbit.empty("celery", OUT_QUEUE)
            run(case.source(), app)
            wire = [rabbit.take(case.queue) for _ in range(case.take + 1)][-1]
            ids, origin = case.requirements, provenance(rabbit, case.source())
            vector = captured(f"{folder}/{case.name}", kind, case.about, ids, origin, wire)
            check(vector, {**arguments(case, app), **case.expect})
            yield vector


def redis_tasks(store: Store, cases: Sequence[Send], folder: str = "redis") -> Iterator[Vector]:
    """List items of a real producer on Redis."""
    with shop.build(store.url, store.url) as app:
        for case in cases:
            store.empty("celery", OUT_QUEUE)
            run(case.source(), app)
            item = [store.take(case.queue) for _ in range(case.take + 1)][-1]
            ids, origin = case.requirements, provenance(store, case.source())
            vector = captured(f"{folder}/{case.name}", "envelope", case.about, ids, origin, item_wire(item))
            check(vector, {**arguments(case, app), **case.expect})
            yield vector


def values() -> Iterator[Vector]:
    """Values as kombu's JSON serializer writes them."""
    with shop.build(None, None) as app:
        for name, about, ids, source in cases_value.VALUES:
            value = run(source, app)
            content_type, content_encoding, text = dumps(value, serializer="json")
            body = from_python(text.encode("utf-8"))["$bytes"]
            wire = {"content_type": content_type, "content_encoding": content_encoding, "body": body}
            origin = provenance(None, f"kombu.serialization.dumps({source}, serializer='json')")
            vector = captured(f"serialization/{name}", "value", about, ids, origin, wire)
            check(vector, {"value": from_python(value)})
            yield vector


@contextmanager
def worker(broker: str, backend: str, extended: bool = False, pool: str = "solo") -> Iterator[subprocess.Popen[bytes]]:
    """A real worker on the queue shop.in; stopped in order, so that what it holds goes back."""
    environment = {**os.environ, "CAPTURE_BROKER": broker, "CAPTURE_BACKEND": backend, "PYTHONPATH": str(TOOLS)}
    environment["CAPTURE_EXTENDED"] = "yes" if extended else "no"
    command = [sys.executable, "-m", "capture.worker", "worker", "--pool", pool, "-c", "1", "-Q", WORKER_QUEUE]
    command += ["-n", "w1@host.example", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning"]
    devnull = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, cwd=TOOLS, stdout=devnull, stderr=devnull)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def status_of(data: bytes) -> str:
    """State that a result document names."""
    return str(json.loads(data)["status"])


def redis_results(store: Store, table: Sequence[Run], extended: bool) -> Iterator[Vector]:
    """Result documents that a real worker stored in Redis."""
    store.empty(WORKER_QUEUE, OUT_QUEUE)
    cases = [case for case in table if case.extended == extended]
    worker_of_store = worker(store.url, store.url, extended)
    with shop.build(store.url, store.url, task_default_queue=WORKER_QUEUE) as app, worker_of_store:
        for case in cases:
            task_id = run(case.call, app).id
            wire = store.document(task_id, partial(reached, case.status))
            yield result_vector(placed(case.name, "redis"), case, task_id, provenance(store, case.call), wire)


def ended(data: bytes) -> bool:
    """Whether a result document is about a task that has ended."""
    return status_of(data) in ENDS


def reached(status: str, data: bytes) -> bool:
    """Whether a result document has the status that is waited for."""
    return status_of(data) == status


def result_vector(name: str, case: Run, task_id: str, origin: dict[str, Any], wire: dict[str, Any]) -> Vector:
    """The vector of a result, checked against what its call decides."""
    rpc = ("RS-RPC-002", "RS-RPC-006") if "properties" in wire else ()
    vector = captured(f"result/{name}", "result", case.about, (*case.requirements, *rpc), origin, wire)
    check(vector, {"status": case.status, "task_id": task_id, **case.expect})
    return vector


def placed(name: str, backend: str) -> str:
    """Name of a result vector: the backend, after the version where there is one."""
    before = cases_version.prefix() if name.startswith(cases_version.prefix()) else ""
    return f"{before}{backend}-{name.removeprefix(before)}"


def rpc_results(rabbit: Rabbit, cases: Sequence[Run]) -> Iterator[Vector]:
    """Result messages that a real worker sent to a reply queue."""
    rabbit.empty(WORKER_QUEUE, OUT_QUEUE)
    with shop.build(rabbit.url, None, task_default_queue=WORKER_QUEUE) as app, worker(rabbit.url, "rpc://"):
        for case in cases:
            rabbit.empty(ANSWERS)
            separator = "" if case.call.endswith("()") else ", "
            call = f"{case.call.removesuffix(')')}{separator}reply_to='{ANSWERS}')"
            task_id = run(call, app).id
            wire = eventually(f"{case.status} of {task_id}", partial(answer, rabbit, case.status))
            yield result_vector(placed(case.name, "rpc"), case, task_id, provenance(rabbit, call), wire)


def answer(rabbit: Rabbit, status: str) -> dict[str, Any] | None:
    """The next result message, unless it is of another status (STARTED comes before the end)."""
    wire = rabbit.take(ANSWERS)
    headers = wire.pop("headers")
    if headers:
        raise Mismatch(f"a result message with headers: {headers}")
    return wire if status_of(base64.b64decode(wire["body"])) == status else None


def worker_sent(rabbit: Rabbit, store: Store, cases: Sequence[Send]) -> Iterator[Vector]:
    """Task messages that a real worker sent: retries, next steps, callbacks."""
    for case in cases:
        rabbit.empty(WORKER_QUEUE, OUT_QUEUE)
        with shop.build(rabbit.url, store.url, task_default_queue=WORKER_QUEUE) as app:
            with worker(rabbit.url, store.url):
                outcome = run(case.source(), app)
                if case.queue == WORKER_QUEUE:
                    store.document(outcome.id, partial(reached, "RETRY"))
                else:
                    wire = rabbit.take(case.queue)
            if case.queue == WORKER_QUEUE:
                wire = rabbit.take(case.queue)
            origin = provenance(rabbit, case.source())
            vector = captured(f"task-v2/{case.name}", "task", case.about, case.requirements, origin, wire)
            check(vector, {**arguments(case, app), **case.expect})
            yield vector


def everything(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All captured vectors of the installed version: the whole set of the current one, a sample of any other."""
    yield from current(rabbit, store) if cases_version.is_current() else older(rabbit, store)


def current(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All captured vectors of the Celery of requirements.txt."""
    yield from values()
    yield from amqp_tasks(rabbit, store, cases_task.TASKS)
    yield from redis_tasks(store, cases_task.REDIS)
    yield from amqp_tasks(rabbit, store, cases_task.V1, "task-v1")
    yield from amqp_tasks(rabbit, store, cases_task.OTHERS, "serializers")
    for extended in (False, True):
        yield from redis_results(store, cases_result.REDIS, extended)
    yield from rpc_results(rabbit, cases_result.RPC)
    yield from worker_sent(rabbit, store, cases_result.WORKER_SENT)


def older(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """The sample that is captured of another release."""
    yield from amqp_tasks(rabbit, store, cases_version.tasks())
    yield from redis_tasks(store, cases_version.items())
    for extended in (False, True):
        yield from redis_results(store, cases_version.documents(), extended)
    yield from rpc_results(rabbit, cases_version.replies())
    yield from worker_sent(rabbit, store, cases_version.sent_by_worker())
