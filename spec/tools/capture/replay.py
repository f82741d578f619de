"""The way back: hand real Celery the valid vectors that were written by hand, and see their tasks run.

What a person wrote could be wrong in a way that every implementation here shares; a real worker is the witness.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import amqp

from .drive import WORKER_QUEUE, ended, status_of, worker
from .vectors import VECTORS
from .wires import Rabbit, Store

#: Held by the worker until then, so there is no end to wait for.
WAITING = ("task-v2/eta-z",)
#: What the README calls a whole message.
SHOWN = ("task-v2/plain", "redis/plain")


def replayable(folder: str) -> Iterator[dict[str, Any]]:
    """Valid vectors of the folder that were written by hand, and those that the README shows."""
    for path in sorted((VECTORS / folder).rglob("*.json")):
        vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        by_hand = vector["provenance"]["source"] == "hand" and "message" in vector
        if (by_hand or vector["id"] in SHOWN) and vector["id"] not in WAITING:
            yield vector


def header(value: Any) -> Any:
    """A header as it goes into an AMQP table: bytes in place of their tag."""
    return base64.b64decode(value["$bytes"]) if isinstance(value, dict) and "$bytes" in value else value


def amqp_message(wire: dict[str, Any]) -> amqp.Message:
    """The AMQP message of a vector."""
    headers = {name: header(value) for name, value in (wire["headers"] or {}).items()}
    encoding = {key: wire[key] for key in ("content_type", "content_encoding") if wire.get(key) is not None}
    return amqp.Message(base64.b64decode(wire["body"]), application_headers=headers, **encoding, **wire["properties"])


def replay(rabbit: Rabbit, store: Store) -> Iterator[tuple[str, str]]:
    """Id and final status of each vector, on the broker that it is for."""
    rabbit.empty(WORKER_QUEUE)
    with worker(rabbit.url, store.url):
        for vector in replayable("task-v2"):
            forget(store, vector)
            rabbit.channel.basic_publish(amqp_message(vector["wire"]), exchange="", routing_key=WORKER_QUEUE)
            yield vector["id"], outcome(store, vector)
    store.empty(WORKER_QUEUE)
    with worker(store.url, store.url):
        for vector in replayable("redis"):
            forget(store, vector)
            store.client.lpush(WORKER_QUEUE, base64.b64decode(vector["wire"]["item"]))
            yield vector["id"], outcome(store, vector)


def forget(store: Store, vector: dict[str, Any]) -> None:
    """Remove the result of an earlier run; the vectors share an id."""
    store.client.delete(f"celery-task-meta-{vector['message']['id']}")


def outcome(store: Store, vector: dict[str, Any]) -> str:
    """Status that the vector's task ends with."""
    wire = store.document(vector["message"]["id"], ended)
    return status_of(base64.b64decode(wire["body"]))
