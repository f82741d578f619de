"""The fields of messages and documents, and what may stand in each."""

from __future__ import annotations

import datetime
from typing import Any

from reference.defects import change, refuse

#: Header -> the types that it may have. The four that are for people may hold anything (TM-HDR-020).
HEADERS = {
    "lang": "string null",
    "task": "name",
    "id": "name",
    "shadow": "string null",
    "eta": "date-time null",
    "expires": "date-time null",
    "group": "string null",
    "group_index": "integer null",
    "retries": "integer",
    "timelimit": "time-limit null",
    "root_id": "string null",
    "parent_id": "string null",
    "argsrepr": "any",
    "kwargsrepr": "any",
    "origin": "any",
    "ignore_result": "boolean null",
    "replaced_task_nesting": "integer null",
    "stamped_headers": "array null",
    "stamps": "object null",
    "compression": "string null",
}
PROPERTIES = {
    "correlation_id": "string null",
    "reply_to": "string null",
    "delivery_mode": "integer null",
    "priority": "integer null",
    "expiration": "string null",
}
EMBED = {"callbacks": "array null", "errbacks": "array null", "chain": "array null", "chord": "object null"}
ENVELOPE = {"delivery_tag": "name", "body_encoding": "string null"}
DELIVERY_INFO = {"exchange": "string", "routing_key": "string"}
RESULT = {
    "task_id": "name",
    "status": "name",
    "result": "any",
    "traceback": "string null",
    "children": "array null",
    "date_done": "date-time null",
    "parent_id": "string null",
    "group_id": "string null",
}
PROTOCOL_1 = {
    "task": "name",
    "id": "name",
    "args": "array",
    "kwargs": "object",
    "group": "string null",
    "group_index": "integer null",
    "retries": "integer",
    "eta": "date-time null",
    "expires": "date-time null",
    "utc": "boolean",
    "callbacks": "array null",
    "errbacks": "array null",
    "timelimit": "time-limit null",
    "taskset": "string null",
    "chord": "object null",
}


def instant(value: Any) -> datetime.datetime | None:
    """The instant that an ISO 8601 text names, UTC where it has no offset; None for what is no such text."""
    if isinstance(value, datetime.datetime):
        moment = value
    else:
        try:
            moment = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            return None
    zone = change("naive zone", datetime.timezone.utc)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


FITS: dict[str, Any] = {
    "any": lambda _: True,
    "null": lambda v: v is None,
    "string": lambda v: isinstance(v, str),
    "name": lambda v: isinstance(v, str) and v != "",
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "date-time": lambda v: isinstance(v, (str, datetime.datetime)) and instant(v) is not None,
    "time-limit": lambda v: isinstance(v, list) and len(v) == 2 and all(i is None or _number(i) for i in v),
}


def check(where: str, table: dict[str, str], members: dict[str, Any], task_id: str | None = None) -> None:
    """Refuse a member whose type is none of those that the table lists, and the lack of a ``name``."""
    for name, types in table.items():
        missing = name not in members
        if missing and types != "name":
            continue
        if missing or not any(FITS[kind](members[name]) for kind in types.split()):
            refuse(f"{where} {name}", f"{where} {name}: {members.get(name)!r}", task_id)


def name_or_none(value: Any) -> str | None:
    """The value where it is a text that is not empty."""
    return value if FITS["name"](value) else None
