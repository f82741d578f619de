"""Remote control and events on Redis (witness.mail)."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

from celeriac_conformance.witness import BrokerDown
from celeriac_conformance.witness.mail import EVENTS, REPLIES, REQUESTS
from celeriac_conformance.witness.redis import CONNECT_SECONDS, connect, document

#: The set that names the list for a routing key, and what stands between the parts of a member.
BINDINGS, SEPARATOR = f"_kombu.binding.{REPLIES}", "\x06\x16"


class RedisMail:
    """Remote control and events of a real Redis (witness.mail.Mail)."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._listener = self._redis.pubsub()
        self._database = urlsplit(url).path.lstrip("/") or "0"
        key = str(uuid.uuid4())
        self.reply_to = {"exchange": REPLIES, "routing_key": key}
        self._reply_list = f"{key}.{REPLIES}"
        self._member = f"{key}{SEPARATOR}{SEPARATOR}{self._reply_list}"
        self._redis.sadd(BINDINGS, self._member)
        self._replies: list[dict[str, Any]] = []
        self._heard: list[dict[str, Any]] = []
        self._requests: list[dict[str, Any]] = []
        self._joined: dict[str, int] = {}
        self._listening = False

    def _channel(self, exchange: str, routing_key: str = "") -> str:
        return f"/{self._database}.{exchange}" + (f"/{routing_key}" if routing_key else "")

    def request(self, body: bytes, headers: dict[str, Any]) -> None:
        """PUBLISH to the channel of requests."""
        item = envelope(REQUESTS, "", {"body": body, "headers": headers, "delivery_mode": 2})
        self._redis.publish(self._channel(REQUESTS), item)

    def replies(self) -> list[dict[str, Any]]:
        """What has come to the suite's own reply list."""
        while (item := self._redis.rpop(self._reply_list)) is not None:
            self._replies.append(document(item, ""))
        return self._replies

    def join(self, node: str) -> None:
        """Subscribe to the channel of requests."""
        if not self._joined:
            self._subscribe(self._listener.subscribe, self._channel(REQUESTS))
        self._joined[node] = len(self._requests)

    def requests(self, node: str) -> list[dict[str, Any]]:
        """What has come since the node joined: on Redis each node hears the same."""
        self._hear()
        return self._requests[self._joined[node] :]

    def answer(self, reply_to: Any, body: bytes, headers: dict[str, Any]) -> bool:
        """LPUSH the reply to the lists that the bindings name; False when they name none."""
        exchange, key = str(reply_to["exchange"]), str(reply_to["routing_key"])
        members = [member.decode().split(SEPARATOR) for member in self._redis.smembers(f"_kombu.binding.{exchange}")]
        lists = [parts[-1] for parts in members if parts[0] == key]
        for name in lists:
            self._redis.lpush(name, envelope(exchange, key, {"body": body, "headers": headers, "delivery_mode": 1}))
        return bool(lists)

    def leave(self, node: str) -> None:
        """Forget the node."""
        self._joined.pop(node, None)
        if not self._joined:
            self._listener.unsubscribe(self._channel(REQUESTS))

    def listen(self) -> None:
        """Subscribe to every channel of events."""
        if not self._listening:
            self._listening = True
            self._subscribe(self._listener.psubscribe, self._channel(EVENTS, "*"))

    def events(self) -> list[dict[str, Any]]:
        """What was published since."""
        self._hear()
        return self._heard

    def tell(self, routing_key: str, message: dict[str, Any]) -> None:
        """PUBLISH to the channel of that routing key."""
        item = envelope(EVENTS, routing_key, {"delivery_mode": 1, **message})
        self._redis.publish(self._channel(EVENTS, routing_key), item)

    def _subscribe(self, subscribe: Any, channel: str) -> None:
        """Subscribe, and wait until the server says so: from then on nothing is missed."""
        subscribe(channel)
        while (message := self._listener.get_message(timeout=CONNECT_SECONDS)) is not None:
            if message["type"] in ("subscribe", "psubscribe"):
                return
            self._keep(message)
        raise BrokerDown("Redis did not answer SUBSCRIBE")

    def _hear(self) -> None:
        while (message := self._listener.get_message(timeout=0.0)) is not None:
            self._keep(message)

    def _keep(self, message: dict[str, Any]) -> None:
        if message["type"] not in ("message", "pmessage"):
            return
        channel = message["channel"].decode()
        kept = self._requests if channel == self._channel(REQUESTS) else self._heard
        kept.append({**document(message["data"], ""), "channel": channel})

    def close(self) -> None:
        """Take the binding back and disconnect."""
        self._redis.srem(BINDINGS, self._member)
        self._redis.delete(self._reply_list)
        self._listener.close()
        self._redis.close()


def envelope(exchange: str, routing_key: str, message: dict[str, Any]) -> bytes:
    """The JSON envelope of a message; ``item`` stands for the whole of it."""
    if "item" in message:
        return bytes(message["item"])
    properties = {
        "delivery_mode": message["delivery_mode"],
        "delivery_info": {"exchange": exchange, "routing_key": routing_key},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    whole = {
        "body": base64.b64encode(message["body"]).decode(),
        "content-encoding": message.get("content_encoding", "utf-8"),
        "content-type": message.get("content_type", "application/json"),
        "headers": message.get("headers", {}),
        "properties": properties,
    }
    return json.dumps(whole).encode()
