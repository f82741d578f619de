"""asyncapi.json and schemas.bundle.json: the field list and the schemas for the tools of other worlds, generated."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from . import schemas, tables
from .problems import Problem, Spec

Schema = dict[str, Any]
BINDING = "0.3.0"
NULLABLE_NUMBER: Schema = {"type": ["number", "null"]}
#: Type of the field list -> JSON Schema of draft 7, the dialect that AsyncAPI's own is built on.
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


def envelope(spec: Spec) -> Schema:
    """Schema of a list item on Redis."""
    info = of_place(spec, "envelope", "delivery_info")
    own, properties = of_place(spec, "envelope", "envelope"), of_place(spec, "task-v2", "properties")
    merged = {**properties["properties"], **own["properties"], "delivery_info": info}
    whole: dict[str, Schema] = {
        "body": {"type": "string", "contentEncoding": "base64", "description": "the body of a task message in base64"},
        "content-encoding": {"type": "string"},
        "content-type": {"type": "string"},
        "headers": {"$ref": "#/components/schemas/taskHeaders"},
        "properties": {"type": "object", "required": [*own["required"], "delivery_info"], "properties": merged},
    }
    return {"type": "object", "required": ["body", "content-type", "headers", "properties"], "properties": whole}


def example(spec: Spec, name: str, *parts: str) -> list[dict[str, Any]]:
    """The example of a message: parts of a vector."""
    wire = schemas.read_json(spec.folder / "vectors" / f"{name}.json")["wire"]
    payload = json.loads(base64.b64decode(wire["item"] if "item" in wire else wire["body"]))
    return [{"name": name, **{part: wire[part] for part in parts}, "payload": payload}]


def message(title: str, payload: str, examples: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A message with its payload's schema and its example."""
    schema = {"$ref": f"#/components/schemas/{payload}"}
    return {"title": title, "contentType": "application/json", **more, "payload": schema, "examples": examples}


def channel(address: str, about: str, name: str, parameter: str, durable: bool | None = None) -> dict[str, Any]:
    """A channel with one message and one parameter; on AMQP a queue where ``durable`` says of which sort."""
    parameters = {parameter: {"description": about}}
    reference = {"$ref": f"#/components/messages/{name}"}
    found: dict[str, Any] = {"address": address, "description": about, "messages": {name: reference}}
    found["parameters"] = parameters
    if durable is not None:
        queue = {"name": address, "durable": durable, "exclusive": False, "autoDelete": name != "task"}
        found["bindings"] = {"amqp": {"is": "queue", "queue": queue, "bindingVersion": BINDING}}
    return found


def operation(action: str, name: str, message_name: str, summary: str) -> dict[str, Any]:
    """What a producer does with a channel."""
    place = f"#/channels/{name}"
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": place},
        "messages": [{"$ref": f"{place}/messages/{message_name}"}],
    }


def document(spec: Spec) -> dict[str, Any]:
    """The AsyncAPI document, from the side of a producer that waits for its results."""
    amqp = {"amqp": {"contentEncoding": "utf-8", "messageType": "task", "bindingVersion": BINDING}}
    correlation = {"description": "the task id", "location": "$message.header#/id"}
    task = {
        "headers": {"$ref": "#/components/schemas/taskHeaders"},
        "correlationId": correlation,
        "bindings": amqp,
        "description": "Protocol 2 on AMQP. Its properties are those of the schema taskProperties.",
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "The task message protocol",
            "version": (spec.folder / "VERSION").read_text(encoding="utf-8").strip(),
            "description": "Generated from fields.json; the text of the specification is what counts.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "taskQueue": channel("{queue}", "name of the task queue", "task", "queue", durable=True),
            "taskList": channel("{list}", "name of the task queue, a list on Redis", "envelope", "list"),
            "replyQueue": channel("{replyTo}", "name of the client's own queue", "result", "replyTo", durable=True),
            "resultKey": channel("celery-task-meta-{taskId}", "id of the task", "result", "taskId"),
        },
        "operations": {
            "sendTask": operation("send", "taskQueue", "task", "Publish a task to RabbitMQ"),
            "pushTask": operation("send", "taskList", "envelope", "LPUSH a task to Redis"),
            "receiveReply": operation("receive", "replyQueue", "result", "Consume results over rpc"),
            "receiveResult": operation("receive", "resultKey", "result", "SUBSCRIBE and GET a result on Redis"),
        },
        "components": {
            "messages": {
                "task": message("Task message", "taskBody", example(spec, "task-v2/plain", "headers"), **task),
                "envelope": message("Task message on Redis", "envelope", example(spec, "redis/plain")),
                "result": message("Result document", "result", example(spec, "result/redis-success")),
            },
            "schemas": {
                "taskHeaders": of_place(spec, "task-v2", "headers"),
                "taskProperties": of_place(spec, "task-v2", "properties"),
                "taskBody": task_body(spec),
                "envelope": envelope(spec),
                "signature": of_place(spec, "signature", "signature"),
                "result": of_place(spec, "result", "result"),
            },
        },
    }


def bundle(spec: Spec) -> dict[str, Any]:
    """All schemas as one: each keeps its ``$id``, by which the others refer to it."""
    version = (spec.folder / "VERSION").read_text(encoding="utf-8").strip()
    about = f"All schemas of version {version}, generated. Refer to one by its $id, such as vector.schema.json."
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "schemas.bundle.json"}
    return {**head, "description": about, "$defs": schemas.load(spec)}


GENERATED: dict[str, Callable[[Spec], dict[str, Any]]] = {"asyncapi.json": document, "schemas.bundle.json": bundle}


def text(spec: Spec, name: str) -> str:
    """The text of one of the generated files."""
    return json.dumps(GENERATED[name](spec), indent=2, ensure_ascii=False) + "\n"


def check(spec: Spec) -> Iterator[Problem]:
    """Whether the generated files are what would be generated now."""
    for name in GENERATED:
        path = spec.folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text(spec, name):
            yield Problem(name, 0, "is not what fields.json and the schemas make of it", tables.REMEDY)
