"""What a call becomes: options to a flat task message."""

from __future__ import annotations

import datetime
import os
import uuid
from typing import Any

from reference.codec import JSON, Flat
from reference.defects import CallError, change, has
from reference.fields import HEADERS, instant

OPTIONS = {
    "queue", "routing_key", "exchange", "priority", "countdown", "eta", "expires", "time_limit", "soft_time_limit",
    "task_id", "ignore_result", "headers", "shadow", "root_id", "parent_id", "reply_to", "link", "link_error",
    "serializer",
}  # fmt: skip
#: serializer -> content type, content encoding
CONTENTS = {
    "json": (JSON, "utf-8"),
    "yaml": ("application/x-yaml", "utf-8"),
    "msgpack": ("application/x-msgpack", "binary"),
}
#: Longer texts for people are cut.
SHOWN = 1000


def now() -> datetime.datetime:
    """This instant, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def moment(value: Any) -> str | None:
    """The ISO 8601 text of an instant, or of so many seconds from now."""
    if value is None:
        return change("no instant", None)  # type: ignore[no-any-return]
    if has("sends-seconds-for-an-instant"):
        return str(value)
    found = value if isinstance(value, datetime.datetime) else now() + datetime.timedelta(seconds=value)
    return str(change("instant", found.isoformat()))


def message(task: str, args: Any, kwargs: Any, options: dict[str, Any], client: str | None) -> Flat:
    """The flat message of a call; raises CallError when it cannot be made."""
    unknown = set(options) - OPTIONS
    if unknown and not has("ignores-unknown-options"):
        raise CallError("InvalidCall", f"unknown option {min(unknown)}")
    content_type, content_encoding = CONTENTS[options.get("serializer", "json")]
    task_id = options.get("task_id") or change("new id", str(uuid.uuid4()))
    flat = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "shadow": options.get("shadow"),
        "eta": moment(options.get("eta", options.get("countdown"))),
        "expires": moment(options.get("expires")),
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [options.get("time_limit"), options.get("soft_time_limit")],
        "root_id": options.get("root_id", task_id),
        "parent_id": options.get("parent_id"),
        "argsrepr": repr(args)[: change("shown", SHOWN)],
        "kwargsrepr": repr(kwargs)[:SHOWN],
        "origin": f"gen{os.getpid()}@reference",
        "ignore_result": options.get("ignore_result", False),
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
        "correlation_id": task_id,
        "reply_to": options.get("reply_to", client),
        "delivery_mode": 2,
        "args": args,
        "kwargs": kwargs,
        "callbacks": _signatures(options.get("link")),
        "errbacks": _signatures(options.get("link_error")),
        "chain": None,
        "chord": None,
        "content_type": content_type,
        "content_encoding": content_encoding,
    }
    if "priority" in options:
        flat["priority"] = options["priority"]
    own = options.get("headers", {})
    if has("lets-headers-of-the-user-win"):
        flat |= {name: value for name, value in own.items() if name in HEADERS}
    if left := {name: value for name, value in own.items() if name not in HEADERS}:
        flat["extra"] = {"headers": left}
    if (expiration := _expiration(flat["expires"])) is not None:
        flat["expiration"] = expiration
    return flat


#: The largest expiration that RabbitMQ takes, in milliseconds.
LONGEST = 315_360_000_000


def _expiration(expires: Any) -> str | None:
    at = instant(expires) if expires else None
    if at is None:
        return None
    left = int((at - now()).total_seconds() * 1000)
    if left > LONGEST and not has("writes-any-expiration"):
        return None
    return str(max(0, left))


def _signatures(given: Any) -> list[Any] | None:
    if not given:
        return None
    listed = given if isinstance(given, list) else [given]
    omitted: dict[str, Any] = {
        "task": "",
        "args": [],
        "kwargs": {},
        "options": {},
        "subtask_type": None,
        "immutable": False,
    }
    return [{**omitted, **signature} for signature in listed]
