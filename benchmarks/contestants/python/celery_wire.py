"""Task messages as Celery 5.7 writes them, as fast as they can be written: what fills queues, and for bare clients."""

from __future__ import annotations

import base64
import json
import os
import socket
import uuid
from typing import Any

TASK = "bench.noop"
CONTENT_TYPE, CONTENT_ENCODING = "application/json", "utf-8"
ORIGIN = f"gen{os.getpid()}@{socket.gethostname()}"


def body(payload: str) -> str:
    """The body: arguments, keywords, and what follows."""
    return json.dumps([[payload], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


def headers(task_id: str, payload: str) -> dict[str, Any]:
    """The headers of a plain call, null ones too."""
    return {
        "lang": "py",
        "task": TASK,
        "id": task_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": repr((payload[:100],)),
        "kwargsrepr": "{}",
        "origin": ORIGIN,
        "ignore_result": False,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }


def properties(task_id: str, reply_to: str) -> dict[str, Any]:
    """The properties of a plain call."""
    return {"correlation_id": task_id, "reply_to": reply_to, "delivery_mode": 2}


def envelope(task_id: str, queue: str, payload: str, text: str) -> bytes:
    """The item of a Redis list."""
    props = {
        **properties(task_id, "bench"),
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    item = {
        "body": base64.b64encode(text.encode()).decode(),
        "content-encoding": CONTENT_ENCODING,
        "content-type": CONTENT_TYPE,
        "headers": headers(task_id, payload),
        "properties": props,
    }
    return json.dumps(item).encode()
