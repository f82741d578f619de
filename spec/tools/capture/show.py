"""Show what a row of celery-differences says: the messages of a call, or what a worker does with a vector's message."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any

from . import shop
from .drive import OUT_QUEUE, WORKER_QUEUE, ended, run, status_of, worker
from .replay import amqp_message
from .vectors import VECTORS
from .wires import Rabbit, Store, eventually, wire_of

#: Sent after the message that is shown: a worker that is well runs it.
NEXT = "task-v2/plain", "redis/plain"
NEXT_ID = "the-next-one"
#: How long a worker that ran the next message is still watched.
LAST_SECONDS = 8.0
QUEUES = ("celery", OUT_QUEUE)


def shown(what: str, rabbit: Rabbit, store: Store) -> Iterator[str]:
    """Lines about a vector, by its id, in the hands of a worker; or about the messages that any other text sends."""
    if (VECTORS / f"{what}.json").exists():
        yield from handed(vector_of(what), rabbit, store)
    else:
        yield from sent(what, rabbit, store)


def vector_of(name: str) -> dict[str, Any]:
    """The stored vector of that id."""
    vector: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return vector


# -- a call ------------------------------------------------------------------------------------------


def sent(call: str, rabbit: Rabbit, store: Store) -> Iterator[str]:
    """What lies in the queues after the call, on RabbitMQ and on Redis."""
    for place in (rabbit, store):
        place.empty(*QUEUES)
        with shop.build(place.url, store.url) as app:
            try:
                run(call, app)
            except Exception as error:  # noqa: BLE001  (whatever Celery says is what is to be shown)
                yield f"{place.server}: {type(error).__name__}: {error}"
        found = [message for queue in QUEUES for message in lying(place, queue)]
        yield f"{place.server}: {len(found)} messages"
        yield from (json.dumps(message, ensure_ascii=False) for message in found)


def lying(place: Rabbit | Store, queue: str) -> Iterator[dict[str, Any]]:
    """The messages of a queue, which is empty afterwards."""
    if isinstance(place, Store):
        while (item := place.client.rpop(queue)) is not None:
            yield json.loads(item)
        return
    while (message := place.channel.basic_get(queue, no_ack=True)) is not None:
        wire = wire_of(message)
        yield {**wire, "body": base64.b64decode(wire["body"]).decode("utf-8", "backslashreplace")}


# -- a vector ----------------------------------------------------------------------------------------


def handed(vector: dict[str, Any], rabbit: Rabbit, store: Store) -> Iterator[str]:
    """What a worker does with the message, what it stores, and where the message is afterwards."""
    place: Rabbit | Store = store if "item" in vector["wire"] else rabbit
    place.empty(WORKER_QUEUE, *QUEUES)
    task_id = vector["wire"].get("headers", {}).get("id")
    store.client.delete(f"celery-task-meta-{task_id}")
    with worker(place.url, store.url) as process:
        put(place, vector["wire"])
        fate = fate_of(process, place, store)
    document = store.client.get(f"celery-task-meta-{task_id}")
    # On Redis what a worker gives back goes where the envelope says that it was sent to.
    back = (message for queue in (WORKER_QUEUE, *QUEUES) for message in lying(place, queue))
    left = sum(NEXT_ID not in json.dumps(message) for message in back)
    yield f"Celery {version('celery')}, solo pool, {place.server}: {vector['about']}"
    yield f"  the worker {fate}"
    yield f"  the message is {'back in the queue' if left else 'gone'}"
    yield f"  stored: {status_of(document) if document else 'nothing'}"


def put(place: Rabbit | Store, wire: dict[str, Any]) -> None:
    """Put the message into the worker's queue."""
    if isinstance(place, Store):
        place.client.lpush(WORKER_QUEUE, base64.b64decode(wire["item"]))
    else:
        place.channel.basic_publish(amqp_message(wire), exchange="", routing_key=WORKER_QUEUE)


def renamed(wire: dict[str, Any], task_id: str) -> dict[str, Any]:
    """The message of a plain call, under another id."""
    if "item" not in wire:
        return {**wire, "headers": {**wire["headers"], "id": task_id}}
    envelope = json.loads(base64.b64decode(wire["item"]))
    envelope["headers"]["id"] = envelope["properties"]["delivery_tag"] = task_id
    return {"item": base64.b64encode(json.dumps(envelope).encode()).decode()}


def fate_of(process: subprocess.Popen[bytes], place: Rabbit | Store, store: Store) -> str:
    """What becomes of the worker: one that comes to its end can still run a message that it has."""
    key = f"celery-task-meta-{NEXT_ID}"
    store.client.delete(key)
    put(place, renamed(vector_of(NEXT[place is store])["wire"], NEXT_ID))
    with suppress(TimeoutError):
        eventually("the worker", partial(seen, process, store, key))
    with suppress(subprocess.TimeoutExpired):
        return f"has ended, with exit code {process.wait(LAST_SECONDS)}"
    return "runs the next message" if store.client.exists(key) else "neither ends nor runs the next message"


def seen(process: subprocess.Popen[bytes], store: Store, key: str) -> bool | None:
    """True when the worker has ended, or has stored the end of a task under the key."""
    document: bytes | None = store.client.get(key)
    return process.poll() is not None or (document is not None and ended(document)) or None
