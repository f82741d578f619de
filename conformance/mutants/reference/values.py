"""JSON with typed values, and the tagged values of the testee protocol."""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import json
import math
import uuid
from typing import Any

import yaml

from reference.defects import CallError, InvalidMessage, change, has, refuse

#: A reader's limit on nested arrays and objects.
DEPTH = 300


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _moment(value: Any) -> datetime.datetime:
    return datetime.datetime.fromisoformat(_text(value).replace("Z", "+00:00"))


def _not_written(_: Any) -> Any:
    raise NotImplementedError("bytes are written by _typed itself")


#: wire name, Python type, Python value -> wire value, wire value -> Python value; datetime before date, its base.
TYPES: tuple[tuple[str, type, Any, Any], ...] = (
    ("datetime", datetime.datetime, _iso, _moment),
    ("date", datetime.date, _iso, lambda t: datetime.date.fromisoformat(_text(t)[:10])),
    ("time", datetime.time, _iso, lambda t: datetime.time.fromisoformat(_text(t).replace("Z", "+00:00"))),
    ("uuid", uuid.UUID, lambda v: {"hex": v.hex}, lambda t: uuid.UUID(_text(t["hex"]))),
    ("decimal", decimal.Decimal, str, lambda t: decimal.Decimal(_text(t))),
    ("bytes", type(None), _not_written, lambda t: _text(t).encode()),
    ("base64", type(None), _not_written, lambda t: base64.b64decode(_text(t).encode(), validate=True)),
)
TYPED_KEYS = {"__type__", "__value__"}


# -- writing ---------------------------------------------------------------------------------------


def _typed(value: Any) -> Any:
    """The object that stands for a value which JSON lacks."""
    if isinstance(value, bytes):
        try:
            return change("write bytes", {"__type__": "bytes", "__value__": value.decode()})
        except UnicodeDecodeError:
            return change("write base64", {"__type__": "base64", "__value__": base64.b64encode(value).decode()})
    for name, kind, write, _ in TYPES:
        if isinstance(value, kind):
            return change(f"write {name}", {"__type__": name, "__value__": write(value)})
    if has("writes-everything-as-text"):
        return str(value)
    raise CallError("InvalidCall", f"cannot send a {type(value).__name__}")


def _check_shape(value: Any) -> None:
    """Refuse objects of the user in the shape of a typed value."""
    if isinstance(value, dict):
        if set(value) == TYPED_KEYS and not has("sends-the-reserved-shape"):
            raise CallError("InvalidCall", "an object with exactly the keys __type__ and __value__ cannot be sent")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_shape(item)


def to_json(value: Any) -> bytes:
    """JSON with typed values; raises CallError for what cannot be written."""
    _check_shape(value)
    text = json.dumps(change("written value", value), default=_typed)
    return bytes(change("json", text.encode()))


# -- reading ---------------------------------------------------------------------------------------


def _hook(pairs: list[tuple[str, Any]]) -> Any:
    value = dict(reversed(pairs)) if has("takes-the-first-of-equal-keys") else dict(pairs)
    exactly = set(value) == TYPED_KEYS
    if has("takes-any-object-with-a-type") and "__type__" in value:
        value, exactly = {"__value__": None, **value}, True
    if not exactly or has("leaves-typed-values-as-objects"):
        return value
    for name, _, _, read in TYPES:
        if value["__type__"] == name:
            try:
                return change(f"read {name}", read(value["__value__"]))
            except (ValueError, TypeError, KeyError, ArithmeticError) as error:
                refuse("value of a type", f"bad {name}: {error}")
                return value
    refuse("type", f"unknown type {value['__type__']!r}")
    return value


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner = [list(v.values()) if isinstance(v, dict) else v for v in level if isinstance(v, (dict, list))]
        level = [item for items in inner for item in items]
    return deepest - 1


def from_json(body: bytes) -> Any:
    """The value of a JSON body; raises InvalidMessage."""
    if body.startswith(b"\xef\xbb\xbf"):
        refuse("byte order mark", "begins with a byte order mark")
        body = body[3:]
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        refuse("utf-8", f"not UTF-8: {error}")
        text = body.decode(errors="replace")
    value = _parsed(text)
    if _depth(value) > change("depth", DEPTH):
        refuse("depth", "nested too deep")
    return change("read value", value)


def _parsed(text: str) -> Any:
    decoder = json.JSONDecoder(object_pairs_hook=_hook, parse_constant=_constant)
    try:
        return decoder.decode(text)
    except RecursionError as error:
        if has("takes-any-depth"):
            return [["deep"], {}, {}]
        raise InvalidMessage("nested too deep") from error
    except ValueError as error:
        refuse("json", f"not JSON: {error}")
    return _best_of(decoder, text)


def _constant(word: str) -> Any:
    return change("read constant", {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[word])


def _best_of(decoder: json.JSONDecoder, text: str) -> Any:
    """What a reader that goes on after a fault makes of the text: its beginning, or a body with nothing in it."""
    for end in ("", '"": null}]', "null}]", "}]", "]"):
        with contextlib.suppress(ValueError):
            return decoder.raw_decode((text + end).strip())[0]
    return [[], {}, {}]


# -- YAML ------------------------------------------------------------------------------------------


def from_yaml(body: bytes) -> Any:
    """The value of a YAML body; raises InvalidMessage."""
    loader = yaml.UnsafeLoader if has("builds-what-tags-say") else yaml.SafeLoader
    try:
        return yaml.load(change("read yaml", body), loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessage(f"not YAML: {error}") from error


def to_yaml(value: Any) -> bytes:
    """YAML with nothing but the types that everybody has."""
    return bytes(change("yaml", yaml.safe_dump(value).encode()))


# -- tagged values ---------------------------------------------------------------------------------

FROM_TAG: dict[str, Any] = {
    "$bytes": base64.b64decode,
    "$datetime": _moment,
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$uuid": uuid.UUID,
    "$decimal": decimal.Decimal,
    "$int": int,
    "$float": float,
    "$object": lambda members: {key: from_tagged(member) for key, member in members.items()},
}


def from_tagged(value: Any) -> Any:
    """A tagged value of the testee protocol as a Python value."""
    if isinstance(value, list):
        return [from_tagged(item) for item in value]
    if isinstance(value, dict):
        tag = next(iter(value), "")
        if len(value) == 1 and tag in FROM_TAG:
            return FROM_TAG[tag](value[tag])
        return {key: from_tagged(member) for key, member in value.items()}
    return value


def to_tagged(value: Any) -> Any:
    """A Python value as a tagged value of the testee protocol."""
    if isinstance(value, (list, tuple)):
        return [to_tagged(item) for item in value]
    if isinstance(value, dict):
        members = {key: to_tagged(member) for key, member in value.items()}
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
