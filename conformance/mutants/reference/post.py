"""How requests, replies and events travel: exchanges on RabbitMQ, channels and lists on Redis.

Both have the same methods. What arrives is handed to a function as (headers, content type, body).
"""

from __future__ import annotations

import base64
import contextlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import amqp

from reference.codec import JSON
from reference.defects import change, has

REQUESTS, REPLIES, EVENTS = "celery.pidbox", "reply.celery.pidbox", "celeryev"
#: exchange -> how everybody declares it
EXCHANGES: dict[str, dict[str, Any]] = {
    REQUESTS: {"type": "fanout", "durable": False, "auto_delete": False},
    REPLIES: {"type": "direct", "durable": False, "auto_delete": False},
    EVENTS: {"type": "topic", "durable": True, "auto_delete": False},
}
SEPARATOR = "\x06\x16"
Keep = Callable[[dict[str, Any], Any, bytes], None]


def letter(exchange: str, routing_key: str, headers: dict[str, Any], body: Any, mode: int) -> dict[str, Any]:
    """A message as it is before either binding makes something of it."""
    where = {"exchange": exchange, "routing_key": routing_key, "headers": headers, "body": body}
    return {**where, "content_type": JSON, "properties": {"delivery_mode": mode, "priority": 0}}


def new_address() -> dict[str, str]:
    """Where the replies to a controller go."""
    return {"exchange": REPLIES, "routing_key": str(uuid.uuid4())}


class AmqpPost:
    """On a channel of its own of a broker's connection."""

    def __init__(self, broker: Any) -> None:
        self.broker = broker
        _ = broker.channel  # connects
        self.channel = broker._connection.channel()
        self.channel.auto_decode = False
        for name, kind in EXCHANGES.items():
            self.channel.exchange_declare(name, **kind)

    def _own_queue(self, queue: str, exchange: str, key: str, keep: Keep) -> None:
        self.channel.queue_declare(queue, durable=False, auto_delete=True, arguments={"x-expires": 10_000})
        self.channel.queue_bind(queue, exchange, key)

        def arrived(message: Any) -> None:
            body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
            keep(message.properties.get("application_headers") or {}, message.properties.get("content_type"), body)

        self.channel.basic_consume(queue, no_ack=True, callback=arrived)

    def serve(self, node: str, keep: Keep) -> None:
        """Be the node of that name."""
        self._own_queue(f"{node}.{REQUESTS}", REQUESTS, "", keep)

    def answered(self, address: dict[str, str], keep: Keep) -> None:
        """Listen to the replies that come to the address."""
        self._own_queue(f"{address['routing_key']}.{REPLIES}", REPLIES, address["routing_key"], keep)

    def hear(self, keep: Keep) -> None:
        """Listen to all events."""
        self._own_queue(f"celeryev.{uuid.uuid4()}", EVENTS, change("binding of events", "#"), keep)

    def send(self, found: dict[str, Any]) -> None:
        """Send a letter."""
        body = json.dumps(found["body"]).encode()
        content = {"content_type": found["content_type"], "content_encoding": "utf-8", **found["properties"]}
        message = amqp.Message(body, **content, application_headers=found["headers"])
        self.channel.basic_publish(message, exchange=found["exchange"], routing_key=found["routing_key"])

    def pump(self, seconds: float) -> None:
        """Hand on what arrives within that time."""
        with contextlib.suppress(TimeoutError):
            self.broker._connection.drain_events(timeout=seconds)

    def close(self) -> None:
        """The connection is the broker's."""


class RedisPost:
    """On a connection of its own; the database is part of each channel's name."""

    def __init__(self, broker: Any) -> None:
        self.redis = broker.redis
        self.pubsub = broker.redis.pubsub(ignore_subscribe_messages=True)
        self.database = broker.redis.connection_pool.connection_kwargs.get("db", 0)
        self.keeps: dict[str, Keep] = {}
        self.bound: dict[str, str] = {}

    def _channel(self, exchange: str, key: str = "") -> str:
        name = f"/{self.database}.{exchange}" + (f"/{key}" if key else "")
        return str(change(f"channel of {exchange}", name))

    def _subscribe(self, kind: str, channel: str, keep: Keep) -> None:
        getattr(self.pubsub, kind)(channel)
        self.keeps[channel] = keep
        self.pump(2.0)  # until the server has said that it is so

    def serve(self, _: str, keep: Keep) -> None:
        """Be a node: all of them hear the same channel, whatever their names."""
        self._subscribe("subscribe", self._channel(REQUESTS), keep)

    def answered(self, address: dict[str, str], keep: Keep) -> None:
        """Bind a list to the address, and read the replies from it."""
        name = f"{address['routing_key']}.{REPLIES}"
        self.bound[name] = f"{address['routing_key']}{SEPARATOR}{SEPARATOR}{name}"
        self.keeps[name] = keep
        if not has("binds-nothing"):
            self.redis.sadd(f"_kombu.binding.{REPLIES}", self.bound[name])

    def hear(self, keep: Keep) -> None:
        """Listen to all events."""
        pattern = f"/{self.database}.{EVENTS}/*"
        self._subscribe("psubscribe", change("pattern of events", pattern), keep)

    def send(self, found: dict[str, Any]) -> None:
        """Send a letter: replies to the lists that are bound, everything else to its channel."""
        properties = {
            **found["properties"],
            "delivery_info": {"exchange": found["exchange"], "routing_key": found["routing_key"]},
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        }
        envelope = {
            "body": base64.b64encode(json.dumps(found["body"]).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": found["content_type"],
            "headers": found["headers"],
            "properties": properties,
        }
        item = json.dumps(envelope)
        if found["exchange"] == REPLIES:
            for name in change("lists of a reply", self._lists(found["routing_key"])):
                self.redis.lpush(name, item)
        else:
            self.redis.publish(self._channel(found["exchange"], found["routing_key"]), item)

    def _lists(self, key: str) -> list[str]:
        members = [member.decode().split(SEPARATOR) for member in self.redis.smembers(f"_kombu.binding.{REPLIES}")]
        return [parts[-1] for parts in members if parts[0] == key]

    def pump(self, seconds: float) -> None:
        """Hand on what arrives within that time."""
        if self.keeps and self.pubsub.subscribed:
            while (told := self.pubsub.get_message(timeout=seconds)) is not None:
                channel = (told["pattern"] or told["channel"]).decode()
                self._hand_on(self.keeps.get(channel), told["data"])
                seconds = 0.0
        elif self.bound:
            found = self.redis.brpop(list(self.bound), seconds)
            if found is not None:
                self._hand_on(self.keeps[found[0].decode()], found[1])

    @staticmethod
    def _hand_on(keep: Keep | None, item: bytes) -> None:
        try:
            envelope = json.loads(item)
            body = base64.b64decode(envelope["body"])
            headers, content_type = envelope["headers"], envelope["content-type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # nobody could read it
        if keep is not None:
            keep(headers, content_type, body)

    def close(self) -> None:
        """Take the bindings back and disconnect."""
        for name, member in self.bound.items():
            self.redis.srem(f"_kombu.binding.{REPLIES}", member)
            self.redis.delete(name)
        self.pubsub.close()


def post_of(broker: Any) -> AmqpPost | RedisPost:
    """The post of a broker."""
    return RedisPost(broker) if hasattr(broker, "redis") else AmqpPost(broker)
