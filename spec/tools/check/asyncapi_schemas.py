"""JSON Schemas of draft 7, the dialect that AsyncAPI's own is built on, made of the rows of fields.json."""

from __future__ import annotations

from typing import Any

from . import tables
from .problems import Spec

Schema = dict[str, Any]
NULLABLE_NUMBER: Schema = {"type": ["number", "null"]}
#: Type of the field list -> schema.
TYPES: dict[str, Schema] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array"},
    "object": {"type": "object"},
    "null": {"type": "null"},
    "date-time": {"type": "string", "format": "date-time"},
    "time-limit": {"type": "array", "minItems": 2, "maxItems": 2, "items": NULLABLE_NUMBER},
    "any": {},
}


def of_field(field: dict[str, Any]) -> Schema:
    """Schema of one row of the field list."""
    kinds = [TYPES[name] for name in field["type"]]
    schema = dict(kinds[0]) if len(kinds) == 1 else {"anyOf": kinds}
    return {"description": field["about"], **schema, **({"default": field["omitted"]} if field.get("omitted") else {})}


def of_place(spec: Spec, section: str, place: str) -> Schema:
    """Schema of an object that holds the fields of one place."""
    rows = [field for field in tables.fields(spec)[section] if field["place"] == place]
    required = [field["name"] for field in rows if "omitted" not in field]
    properties = {field["name"]: of_field(field) for field in rows}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def task_body(spec: Spec) -> Schema:
    """Schema of the body of three."""
    args, kwargs = (of_field(field) for field in tables.fields(spec)["task-v2"] if field["place"] == "body")
    embed = {"anyOf": [of_place(spec, "task-v2", "embed"), {"type": "null"}]}
    return {"type": "array", "minItems": 3, "maxItems": 3, "items": [args, kwargs, embed], "additionalItems": False}


def envelope(spec: Spec, section: str, headers: str) -> Schema:
    """Schema of an envelope on Redis around a message of a section, with the headers of a named schema."""
    info = of_place(spec, "envelope", "delivery_info")
    own, properties = of_place(spec, "envelope", "envelope"), of_place(spec, section, "properties")
    merged = {**properties["properties"], **own["properties"], "delivery_info": info}
    whole: dict[str, Schema] = {
        "body": {"type": "string", "contentEncoding": "base64", "description": "the body of the message in base64"},
        "content-encoding": {"type": "string"},
        "content-type": {"type": "string"},
        "headers": {"$ref": f"#/components/schemas/{headers}"},
        "properties": {"type": "object", "required": [*own["required"], "delivery_info"], "properties": merged},
    }
    return {"type": "object", "required": ["body", "content-type", "headers", "properties"], "properties": whole}


def reply(spec: Spec) -> Schema:
    """Schema of a reply to a command: an object whose one key is the name of the node."""
    (value,) = (field for field in tables.fields(spec)["reply"] if field["name"] == "reply")
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": of_field(value)}


def event(spec: Spec) -> Schema:
    """Schema of one event: what every event has, and what the types of events add, each for its own."""
    whole = of_place(spec, "event", "every")
    for field in tables.fields(spec)["event"]:
        if field["place"] != "every":
            added = of_field(field)
            whole["properties"][field["name"]] = {**added, "description": f"{field['place']}: {added['description']}"}
    return whole


ONE = {"$ref": "#/components/schemas/event"}
#: A body of events: one, or an array of some.
EVENTS: Schema = {"anyOf": [ONE, {"type": "array", "minItems": 1, "items": ONE}]}


def all_of(spec: Spec) -> dict[str, Schema]:
    """Every schema of the document, by name."""
    return {
        "taskHeaders": of_place(spec, "task-v2", "headers"),
        "taskProperties": of_place(spec, "task-v2", "properties"),
        "taskBody": task_body(spec),
        "taskEnvelope": envelope(spec, "task-v2", "taskHeaders"),
        "signature": of_place(spec, "signature", "signature"),
        "result": of_place(spec, "result", "result"),
        "controlHeaders": of_place(spec, "control", "headers"),
        "controlRequest": of_place(spec, "control", "body"),
        "controlEnvelope": envelope(spec, "control", "controlHeaders"),
        "replyHeaders": of_place(spec, "reply", "headers"),
        "controlReply": reply(spec),
        "replyEnvelope": envelope(spec, "reply", "replyHeaders"),
        "eventHeaders": of_place(spec, "event-message", "headers"),
        "event": event(spec),
        "events": EVENTS,
        "eventEnvelope": envelope(spec, "event-message", "eventHeaders"),
    }
