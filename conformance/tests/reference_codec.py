"""What the reference testee knows of bytes: JSON with typed values, tagged values, and task messages."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import uuid
from typing import Any


class InvalidMessage(Exception):
    """The peer broke the message. ``task_id`` is the id to say so under, where one can be read."""

    def __init__(self, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else _refuse()


def _refuse(*_: Any) -> Any:
    raise ValueError("of the wrong type")


#: wire name, Python type, Python value -> wire value, wire value -> Python value; order matters for datetime.
TYPES: tuple[tuple[str, type, Any, Any], ...] = (
    ("datetime", datetime.datetime, _iso, lambda t: datetime.datetime.fromisoformat(_text(t).replace("Z", "+00:00"))),
    ("date", datetime.date, _iso, lambda t: datetime.date.fromisoformat(_text(t)[:10])),
    ("time", datetime.time, _iso, lambda t: datetime.time.fromisoformat(_text(t).replace("Z", "+00:00"))),
    ("uuid", uuid.UUID, lambda v: {"hex": v.hex}, lambda t: uuid.UUID(_text(t["hex"]))),
    ("decimal", decimal.Decimal, str, lambda t: decimal.Decimal(_text(t))),
    ("bytes", type(None), _refuse, lambda t: _text(t).encode()),
    ("base64", type(None), _refuse, lambda t: base64.b64decode(_text(t).encode(), validate=True)),
)


def _default(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return {"__type__": "bytes", "__value__": value.decode()}
        except UnicodeDecodeError:
            return {"__type__": "base64", "__value__": base64.b64encode(value).decode()}
    for name, kind, write, _ in TYPES:
        if isinstance(value, kind):
            return {"__type__": name, "__value__": write(value)}
    raise ValueError("InvalidCall", f"cannot send a {type(value).__name__}")


def _check_shape(value: Any) -> None:
    """Refuse objects of the user in the shape of a typed value."""
    if isinstance(value, dict):
        if set(value) == {"__type__", "__value__"}:
            raise ValueError("InvalidCall", "the shape of a typed value")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_shape(item)


def to_wire(value: Any) -> str:
    """JSON with typed values; raises ValueError("InvalidCall", why) for what cannot be written."""
    _check_shape(value)
    return json.dumps(value, default=_default)


def _hook(pairs: list[tuple[str, Any]]) -> Any:
    value = dict(pairs)
    if set(value) != {"__type__", "__value__"}:
        return value
    for name, _, _, read in TYPES:
        if value["__type__"] == name:
            try:
                return read(value["__value__"])
            except (ValueError, TypeError, KeyError, ArithmeticError) as error:
                raise InvalidMessage(f"bad {name}: {error}") from error
    raise InvalidMessage("unknown type")


def from_wire(body: bytes) -> Any:
    """The value of a JSON body; raises InvalidMessage."""
    if body.startswith(b"\xef\xbb\xbf"):
        raise InvalidMessage("byte order mark")
    try:
        return json.loads(body.decode(), object_pairs_hook=_hook)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(f"not JSON: {error}") from error


FROM_TAG: dict[str, Any] = {
    "$bytes": base64.b64decode,
    "$datetime": lambda t: datetime.datetime.fromisoformat(t.replace("Z", "+00:00")),
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$uuid": uuid.UUID,
    "$decimal": decimal.Decimal,
    "$int": int,
    "$float": float,
    "$object": lambda members: {key: decode_value(member) for key, member in members.items()},
}


def decode_value(value: Any) -> Any:
    """Tagged to Python."""
    if isinstance(value, list):
        return [decode_value(item) for item in value]
    if isinstance(value, dict):
        tag = next(iter(value), "")
        if len(value) == 1 and tag in FROM_TAG:
            return FROM_TAG[tag](value[tag])
        return {key: decode_value(member) for key, member in value.items()}
    return value


def encode_value(value: Any) -> Any:
    """Python to tagged."""
    if isinstance(value, list):
        return [encode_value(item) for item in value]
    if isinstance(value, dict):
        members = {key: encode_value(member) for key, member in value.items()}
        return {"$object": members} if len(members) == 1 and next(iter(members)).startswith("$") else members
    if isinstance(value, float) and (not math.isfinite(value) or value.is_integer()):
        return {"$float": {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value))}
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        return {"$int": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    for name, kind, write, _ in TYPES:
        if kind is not type(None) and isinstance(value, kind):
            return {f"${name}": str(value) if name == "uuid" else write(value)}
    return value


def _instant(value: Any) -> bool:
    if not isinstance(value, str):
        return value is None
    try:
        return bool(datetime.datetime.fromisoformat(value.replace("Z", "+00:00")))
    except ValueError:
        return False


def _limit(value: Any) -> bool:
    numbers = isinstance(value, list) and all(item is None or isinstance(item, (int, float)) for item in value)
    return value is None or (numbers and len(value) == 2)


CHECKS: dict[str, Any] = {
    "task": lambda v: isinstance(v, str) and v,
    "eta": _instant,
    "expires": _instant,
    "timelimit": _limit,
    "retries": lambda v: isinstance(v, int),
    "compression": lambda v: v is None,
}


def parse_task(item: bytes) -> tuple[str, dict[str, Any]]:
    """The delivery tag and the task of a list item; raises InvalidMessage."""
    envelope = from_wire(item) if item[:1] == b"{" else None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("properties"), dict):
        raise InvalidMessage("no envelope")
    headers, properties = envelope.get("headers"), envelope["properties"]
    headers = headers if isinstance(headers, dict) else {}
    task_id = headers.get("id")
    task_id = task_id if isinstance(task_id, str) and task_id else None
    tag = properties.get("delivery_tag")
    if task_id is None or not isinstance(tag, str) or envelope.get("content-type") != "application/json":
        raise InvalidMessage("no id, tag or content type", task_id)
    for name, check in CHECKS.items():
        if not check(headers.get(name, _OMITTED.get(name))):
            raise InvalidMessage(f"header {name}", task_id)
    for name in ("eta", "expires"):
        if headers.get(name):
            moment = datetime.datetime.fromisoformat(headers[name].replace("Z", "+00:00"))
            utc = datetime.timezone.utc
            headers[name] = (moment if moment.tzinfo else moment.replace(tzinfo=utc)).isoformat()
    body = _body(envelope, properties, task_id)
    return tag, {"headers": headers, "properties": properties, **body}


_OMITTED = {"retries": 0, "task": ""}


def _body(envelope: dict[str, Any], properties: dict[str, Any], task_id: str) -> dict[str, Any]:
    text, encoding = envelope.get("body"), properties.get("body_encoding")
    if not isinstance(text, str) or encoding not in (None, "base64"):
        raise InvalidMessage("body", task_id)
    try:
        raw = base64.b64decode(text, validate=True) if encoding else text.encode()
        body = from_wire(raw)
    except (ValueError, InvalidMessage) as error:
        raise InvalidMessage(str(error), task_id) from error
    shape = [type(part) for part in body] if isinstance(body, list) else []
    if shape[:2] != [list, dict] or len(shape) != 3 or shape[2] not in (dict, type(None)):
        raise InvalidMessage("shape of the body", task_id)
    return {"args": body[0], "kwargs": body[1], "body": raw.decode()}
