"""asyncapi.json and schemas.bundle.json: the field list and the schemas for the tools of other worlds, generated."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from . import asyncapi_schemas, schemas, tables
from .problems import Problem, Spec

Part = dict[str, Any]
BINDING = "0.3.0"


def example(spec: Spec, name: str, *parts: str) -> list[Part]:
    """The example of a message: parts of a vector."""
    wire = schemas.read_json(spec.folder / "vectors" / f"{name}.json")["wire"]
    payload = json.loads(base64.b64decode(wire["item"] if "item" in wire else wire["body"]))
    return [{"name": name, **{part: wire[part] for part in parts}, "payload": payload}]


def message(title: str, payload: str, examples: list[Part], headers: str = "", **more: Any) -> Part:
    """A message with its payload's schema and its example; with headers it is one of AMQP, whose type is its title."""
    schema = {"$ref": f"#/components/schemas/{payload}"}
    whole: Part = {"title": title, "contentType": "application/json", **more, "payload": schema, "examples": examples}
    if headers:
        whole["headers"] = {"$ref": f"#/components/schemas/{headers}"}
        whole["bindings"] = {"amqp": {"contentEncoding": "utf-8", "bindingVersion": BINDING}}
    return whole


def located(where: str) -> Part:
    """A correlation id."""
    return {"description": "by which an answer is matched to its question", "location": f"$message.{where}"}


def messages(spec: Spec) -> dict[str, Part]:
    """Every message, by name. On Redis headers and properties are inside the payload, the envelope."""

    def of(name: str, *parts: str) -> list[Part]:
        return example(spec, name, *parts)

    about = "Protocol 2 on AMQP. Its properties are those of the schema taskProperties."
    ids = {"task": located("header#/id"), "ticket": located("payload#/ticket"), "reply": located("header#/ticket")}
    sent, asked = of("task-v2/plain", "headers"), of("control/ping-request", "headers")
    told, news = of("control/ping-reply", "headers"), of("events/task-succeeded", "headers")
    return {
        "task": message("Task", "taskBody", sent, "taskHeaders", correlationId=ids["task"], description=about),
        "taskEnvelope": message("Task on Redis", "taskEnvelope", of("redis/plain")),
        "result": message("Result document", "result", of("result/redis-success")),
        "request": message("Command", "controlRequest", asked, "controlHeaders", correlationId=ids["ticket"]),
        "requestEnvelope": message("Command on Redis", "controlEnvelope", of("control/redis-ping-request")),
        "reply": message("Reply of one node", "controlReply", told, "replyHeaders", correlationId=ids["reply"]),
        "replyEnvelope": message("Reply on Redis", "replyEnvelope", of("control/redis-ping-reply")),
        "events": message("Events", "events", news, "eventHeaders"),
        "eventsEnvelope": message("Events on Redis", "eventEnvelope", of("events/redis-task-succeeded")),
    }


def channel(address: str, about: str, name: str, parameters: dict[str, Part], binding: Part | None = None) -> Part:
    """A channel with one message; a binding makes it one of AMQP."""
    reference = {"$ref": f"#/components/messages/{name}"}
    found: Part = {"address": address, "description": about, "messages": {name: reference}}
    found |= {"parameters": parameters} if parameters else {}
    return found | ({"bindings": {"amqp": {**binding, "bindingVersion": BINDING}}} if binding else {})


def queue(name: str, auto_delete: bool) -> Part:
    """The binding of a durable queue."""
    return {"is": "queue", "queue": {"name": name, "durable": True, "exclusive": False, "autoDelete": auto_delete}}


def exchange(name: str, kind: str, durable: bool) -> Part:
    """The binding of an exchange."""
    return {"is": "routingKey", "exchange": {"name": name, "type": kind, "durable": durable, "autoDelete": False}}


def channels() -> dict[str, Part]:
    """Every channel, by name."""
    db = {"db": {"description": "number of the Redis database", "default": "0"}}
    key = {"routingKey": {"description": "the type with dots for hyphens; task.multi for an array"}}
    address = {
        "description": "routing key of the request's reply_to",
        "location": "$message.payload#/reply_to/routing_key",
    }
    back = {"routingKey": address}
    task = {"description": "name of the task queue"}
    own = {"replyTo": {"description": "name of the client's own queue"}}
    kept = {"taskId": {"description": "id of the task"}}
    fanout = exchange("celery.pidbox", "fanout", durable=False)
    direct = exchange("reply.celery.pidbox", "direct", durable=False)
    topic = exchange("celeryev", "topic", durable=True)
    return {
        "taskQueue": channel("{queue}", "a task queue", "task", {"queue": task}, queue("{queue}", False)),
        "taskList": channel("{list}", "a task queue, a list on Redis", "taskEnvelope", {"list": task}),
        "replyQueue": channel("{replyTo}", "results over rpc", "result", own, queue("{replyTo}", True)),
        "resultKey": channel("celery-task-meta-{taskId}", "key and channel of a result", "result", kept),
        "control": channel("", "commands to every node; the routing key is empty", "request", {}, fanout),
        "controlChannel": channel("/{db}.celery.pidbox", "commands, by PUBLISH", "requestEnvelope", db),
        "replies": channel("{routingKey}", "replies to commands", "reply", back, direct),
        "replyList": channel("{routingKey}.reply.celery.pidbox", "replies, a list on Redis", "replyEnvelope", back),
        "events": channel("{routingKey}", "events", "events", key, topic),
        "eventChannel": channel("/{db}.celeryev/{routingKey}", "events, by PSUBSCRIBE", "eventsEnvelope", db | key),
    }


def operation(action: str, channel_name: str, message_name: str, summary: str, reply: Part | None = None) -> Part:
    """What a client does with a channel."""
    place = f"#/channels/{channel_name}"
    found: Part = {"action": action, "summary": summary, "channel": {"$ref": place}}
    found["messages"] = [{"$ref": f"{place}/messages/{message_name}"}]
    return found | ({"reply": reply} if reply else {})


def answered(channel_name: str, message_name: str) -> Part:
    """Where the replies to an operation come."""
    place = f"#/channels/{channel_name}"
    return {"channel": {"$ref": place}, "messages": [{"$ref": f"{place}/messages/{message_name}"}]}


def operations() -> dict[str, Part]:
    """What a client, a controller and a monitor do."""
    amqp, redis = answered("replies", "reply"), answered("replyList", "replyEnvelope")
    return {
        "sendTask": operation("send", "taskQueue", "task", "Publish a task to RabbitMQ"),
        "pushTask": operation("send", "taskList", "taskEnvelope", "LPUSH a task to Redis"),
        "receiveReply": operation("receive", "replyQueue", "result", "Consume results over rpc"),
        "receiveResult": operation("receive", "resultKey", "result", "SUBSCRIBE and GET a result on Redis"),
        "ask": operation("send", "control", "request", "Publish a command on RabbitMQ", amqp),
        "askOnRedis": operation("send", "controlChannel", "requestEnvelope", "PUBLISH a command on Redis", redis),
        "watch": operation("receive", "events", "events", "Consume events from RabbitMQ"),
        "watchOnRedis": operation("receive", "eventChannel", "eventsEnvelope", "PSUBSCRIBE to events on Redis"),
    }


def document(spec: Spec) -> Part:
    """The AsyncAPI document, from the side of a client: producer, result reader, controller and monitor."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "The task message protocol",
            "version": (spec.folder / "VERSION").read_text(encoding="utf-8").strip(),
            "description": "Generated from fields.json; the text of the specification is what counts.",
        },
        "defaultContentType": "application/json",
        "channels": channels(),
        "operations": operations(),
        "components": {"messages": messages(spec), "schemas": asyncapi_schemas.all_of(spec)},
    }


def bundle(spec: Spec) -> Part:
    """All schemas as one: each keeps its ``$id``, by which the others refer to it."""
    version = (spec.folder / "VERSION").read_text(encoding="utf-8").strip()
    about = f"All schemas of version {version}, generated. Refer to one by its $id, such as vector.schema.json."
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "schemas.bundle.json"}
    return {**head, "description": about, "$defs": schemas.load(spec)}


GENERATED: dict[str, Callable[[Spec], Part]] = {"asyncapi.json": document, "schemas.bundle.json": bundle}


def text(spec: Spec, name: str) -> str:
    """The text of one of the generated files."""
    return json.dumps(GENERATED[name](spec), indent=2, ensure_ascii=False) + "\n"


def check(spec: Spec) -> Iterator[Problem]:
    """Whether the generated files are what would be generated now."""
    for name in GENERATED:
        path = spec.folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text(spec, name):
            yield Problem(name, 0, "is not what fields.json and the schemas make of it", tables.REMEDY)
