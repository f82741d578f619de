# ruff: noqa: E501  (tables: one case a line)
"""Results and list items of the other serializers; their task messages on RabbitMQ are in the table of cases_task."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import partial

from . import neutral, shop
from .cases_result import EXC, FAILURE, Run
from .cases_task import DATES, TYPES, Send
from .crew import QUEUE, crew
from .drive import ANSWERS, provenance, redis_tasks, run
from .vectors import Vector, captured, check
from .wires import Rabbit, Store, eventually

#: Name of the serializer -> content type and content encoding, which a result store does not keep.
TYPES_OF = {"msgpack": ("application/x-msgpack", "binary"), "yaml": ("application/x-yaml", "utf-8")}
ITEMS = (
    Send("msgpack-redis", "MessagePack in an envelope: the body in base64, as any other", ("SER-CT-005", "BR-REDIS-004"), options="serializer='msgpack'"),
    Send("yaml-redis", "YAML in an envelope", ("SER-CT-005", "BR-REDIS-004"), options="serializer='yaml'"),
)  # fmt: skip
VALUES = {"msgpack": (TYPES, ("SER-MP-001", "SER-MP-002")), "yaml": (DATES, ("SER-YAML-001",))}


def documents(name: str) -> tuple[Run, ...]:
    """Results that are stored in Redis under one serializer."""
    value, ids = VALUES[name]
    return (
        Run(f"{name}-result", f"a result under result_serializer='{name}'", (*ids, "RS-STATE-001"), f"echo.apply_async(({value},))"),
        Run(f"{name}-result-failure", f"a failure under result_serializer='{name}'", EXC, "fail.apply_async(('no stock', 3))", FAILURE),
    )  # fmt: skip


def has_status(name: str, status: str, data: bytes) -> bool:
    """Whether the document is the one that is waited for, and not STARTED."""
    return bool(neutral.TYPED[TYPES_OF[name][0]](data)["status"] == status)


def in_redis(store: Store, name: str) -> Iterator[Vector]:
    """Documents in Redis."""
    content_type, content_encoding = TYPES_OF[name]
    store.empty(QUEUE)
    conf = {"result_serializer": name, "accept_content": ["json", name]}
    with (
        crew(store, store, "--pool", "solo", **conf),
        shop.build(store.url, store.url, task_default_queue=QUEUE) as app,
    ):
        for case in documents(name):
            task_id = run(case.call, app).id
            wire = store.document(task_id, partial(has_status, name, case.status))
            wire |= {"content_type": content_type, "content_encoding": content_encoding}
            yield vector_of(case, task_id, store, f"app.conf.update({conf}); {case.call}", wire)


def over_rpc(rabbit: Rabbit, name: str) -> Iterator[Vector]:
    """A reply, which says what it is."""
    rabbit.empty(QUEUE, ANSWERS)
    conf = {"result_serializer": name, "accept_content": ["json", name]}
    case = Run(f"{name}-result-rpc", f"a reply under result_serializer='{name}'", ("SER-CT-005", "RS-RPC-002"), f"add.apply_async((2, 3), reply_to='{ANSWERS}')", expect={"result": 5})  # fmt: skip
    with (
        crew(rabbit, "rpc://", "--pool", "solo", **conf),
        shop.build(rabbit.url, None, task_default_queue=QUEUE) as app,
    ):
        task_id = run(case.call, app).id
        wire = eventually("the reply", answer_of(rabbit, name))
        yield vector_of(case, task_id, rabbit, f"app.conf.update({conf}); {case.call}", wire)


def answer_of(rabbit: Rabbit, name: str) -> Callable[[], dict[str, object] | None]:
    """The next reply that is not STARTED."""

    def attempt() -> dict[str, object] | None:
        wire = rabbit.take(ANSWERS)
        del wire["headers"]
        return wire if has_status(name, "SUCCESS", base64.b64decode(wire["body"])) else None

    return attempt


def vector_of(case: Run, task_id: str, place: Rabbit | Store, call: str, wire: dict[str, object]) -> Vector:
    """The vector of a document."""
    vector = captured(
        f"serializers/optional/{case.name}", "result", case.about, case.requirements, provenance(place, call), wire
    )
    check(vector, {"status": case.status, "task_id": task_id, **case.expect})
    return vector


def serializers(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All of them."""
    yield from redis_tasks(store, ITEMS, "serializers")
    for name in TYPES_OF:
        yield from in_redis(store, name)
        yield from over_rpc(rabbit, name)
