"""The Redis witness, on redis-py alone."""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.exceptions import RedisError

from celeriac_conformance.witness import ACKED, UNSETTLED, BrokerDown, RawTask
from celeriac_conformance.witness.amqp import body_document, last_terminal

#: The lists of a queue, most urgent first: priority 0-2 has no suffix.
SUFFIXES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
RESULT_KEY = "celery-task-meta-{}"
RESULT_SECONDS = 86_400
CONNECT_SECONDS = 10
#: Longer than the visibility timeout of any worker, in seconds.
LONG_AGO = 86_400

Client = Any


def connect(url: str) -> Client:
    """A client of the Redis at ``url``; raises BrokerDown when it does not answer."""
    client = redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS)
    try:
        client.ping()
    except RedisError as error:
        parts = urlsplit(url)
        raise BrokerDown(f"no Redis at {parts.hostname}:{parts.port or 6379}: {error}") from error
    return client


class RedisBroker:
    """Queues as Redis lists (witness.Broker)."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._tags: dict[str, str] = {}

    def create(self, queue: str, arguments: dict[str, Any] | None = None) -> None:
        """An empty list does not exist, so there is nothing to make."""

    def create_for_worker(self, queue: str, arguments: dict[str, Any] | None = None) -> None:
        """As create: Redis has no dead letters."""

    def delete(self, queue: str) -> None:
        """Remove the lists, and what workers hold of them."""
        self._redis.delete(*_lists(queue))
        for tag, (_, routing_key) in self._unacked().items():
            if routing_key == queue:
                self._redis.hdel("unacked", tag)
                self._redis.zrem("unacked_index", tag)

    def put(self, queue: str, task: RawTask) -> None:
        """LPUSH the message in an envelope, or the list item that the case wrote itself."""
        item = task.item if task.item is not None else _item(queue, task)
        self._tags[task.marker] = str(_object(_object(item).get("properties")).get("delivery_tag"))
        self._redis.lpush(_list_of(queue, item), item)

    def leave_behind(self, queue: str, task: RawTask) -> None:
        """Write the message down as held, for longer than any visibility timeout."""
        envelope = _object(_item(queue, task))
        tag = self._tags[task.marker] = str(envelope["properties"]["delivery_tag"])
        self._redis.hset("unacked", tag, json.dumps([envelope, "", queue]))
        self._redis.zadd("unacked_index", {tag: time.time() - LONG_AGO})

    def age(self, queue: str) -> None:
        """Have what is held of the queue be held for longer than any visibility timeout, without waiting for it."""
        tags = [tag for tag, (_, routing_key) in self._unacked().items() if routing_key == queue]
        if tags:
            self._redis.zadd("unacked_index", dict.fromkeys(tags, time.time() - LONG_AGO), xx=True)
        # A worker that was killed while it looked for what others have left holds this for minutes.
        self._redis.delete("unacked_mutex")

    def take(self, queue: str) -> dict[str, Any] | None:
        """RPOP the oldest message of the most urgent list, read as a document; None when there is none."""
        for key in _lists(queue):
            if (item := self._redis.rpop(key)) is not None:
                return document(item, key[len(queue) :])
        return None

    def settled(self, queue: str, marker: str) -> str | None:
        """UNSETTLED while the message is in a list or among the unacknowledged, else ACKED."""
        held = {key: entry for key, entry in self._unacked().items() if entry[1] == queue}
        waiting = any(marker.encode() in item for key in _lists(queue) for item in self._redis.lrange(key, 0, -1))
        indexed = self._redis.zscore("unacked_index", self._tags.get(marker, "")) is not None
        return UNSETTLED if waiting or indexed or any(marker in text for text, _ in held.values()) else ACKED

    def leftover(self, queue: str) -> set[str]:
        """The markers of what is in the lists or unacknowledged, which is then removed."""
        markers = set()
        items = [item for key in _lists(queue) for item in self._redis.lrange(key, 0, -1)]
        items += [text.encode() for text, routing_key in self._unacked().values() if routing_key == queue]
        for item in items:
            properties = _object(_object(item).get("properties"))
            markers.add(str(properties.get("message_id") or item[:80]))
        self.delete(queue)
        return markers

    def renew(self) -> None:
        """Let go of connections to a server that has been killed; the client makes others."""
        self._redis.connection_pool.disconnect()

    def facts(self, queue: str) -> dict[str, Any]:
        """Whether any of the queue's lists exists."""
        return {"exists": bool(self._redis.exists(*_lists(queue))), "plain": True}

    def _unacked(self) -> dict[str, tuple[str, str]]:
        """Delivery tag -> (envelope as text, routing key) of what workers hold."""
        found = {}
        for tag, entry in self._redis.hgetall("unacked").items():
            parsed = _parsed(entry)
            if isinstance(parsed, list) and len(parsed) == 3:
                found[tag.decode()] = (json.dumps(parsed[0]), str(parsed[2]))
        return found

    def close(self) -> None:
        """Disconnect."""
        self._redis.close()


class RedisResults:
    """Results as keys that are set and published (witness.Results)."""

    def __init__(self, url: str, reply_to: str = "") -> None:
        self._redis = connect(url)
        self.reply_to = reply_to
        self._listener = self._redis.pubsub()
        self._records: dict[str, list[dict[str, Any]]] = {}

    def watch(self, task_id: str) -> None:
        """Subscribe to the result's channel; returns when the subscription counts."""
        if task_id in self._records:
            return
        self._records[task_id] = []
        self._listener.subscribe(RESULT_KEY.format(task_id))
        # The subscription counts from the server's answer on, so wait for it.
        while (message := self._listener.get_message(timeout=CONNECT_SECONDS)) is not None:
            if message["type"] == "subscribe":
                return
            self._record(message)
        raise BrokerDown("Redis did not answer SUBSCRIBE")

    def renew(self) -> None:
        """Connect and subscribe again, after the server has been killed and started anew."""
        self._redis.connection_pool.disconnect()
        self._listener.close()
        self._listener, known = self._redis.pubsub(), self._records
        self._records = {}
        for task_id in known:
            self.watch(task_id)
        self._records.update(known)

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Every document published so far, oldest first."""
        with suppress(redis.exceptions.TimeoutError):  # half of a large document: the rest is read next time
            while (message := self._listener.get_message(timeout=0.0)) is not None:
                self._record(message)
        return self._records.get(task_id, [])

    def final(self, task_id: str) -> dict[str, Any] | None:
        """The stored document, when its state is terminal, with its time to live and how often it was published."""
        key = RESULT_KEY.format(task_id)
        stored = self._redis.get(key)
        if stored is None:
            return None
        record = _result(stored)
        announced = [r for r in self.history(task_id) if r.get("document") == record.get("document")]
        record["key"] = {"ttl": self._redis.ttl(key), "published": len(announced)}
        return last_terminal([record])

    def write(self, task_id: str, reply_to: str, body: bytes, properties: dict[str, Any]) -> None:  # noqa: ARG002
        """SET the document and, unless the properties say quiet, PUBLISH it."""
        key = RESULT_KEY.format(task_id)
        with self._redis.pipeline(transaction=True) as transaction:
            transaction.set(key, body, ex=RESULT_SECONDS)
            if not properties.get("quiet"):
                transaction.publish(key, body)
            transaction.execute()

    def _record(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            task_id = message["channel"].decode().removeprefix(RESULT_KEY.format(""))
            self._records.setdefault(task_id, []).append(_result(message["data"]))

    def close(self) -> None:
        """Disconnect."""
        self._listener.close()
        self._redis.close()


def _list_of(queue: str, item: bytes) -> str:
    """The list that a producer puts the item into: by its priority, where it has one that makes sense."""
    priority = _object(_object(item).get("properties")).get("priority")
    urgency = priority // 3 if isinstance(priority, int) and 0 <= priority <= 9 else 0
    return _lists(queue)[urgency]


def _lists(queue: str) -> list[str]:
    return [queue + suffix for suffix in SUFFIXES]


def _item(queue: str, task: RawTask) -> bytes:
    properties = {
        **{name: value for name, value in task.properties.items() if name not in ("message_id", "expiration")},
        "delivery_info": {"exchange": "", "routing_key": queue},
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
        "message_id": task.marker,
    }
    properties.setdefault("priority", 0)
    envelope: dict[str, Any] = {
        "body": base64.b64encode(task.body).decode(),
        "content-encoding": task.content_encoding,
        "content-type": task.content_type,
        "headers": task.headers,
        "properties": properties,
    }
    return json.dumps(changed(envelope, task.envelope)).encode()


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with members set, or removed where the change is ``{"$drop": true}``; inner objects are changed inside."""
    result = dict(document)
    for key, value in changes.items():
        if value == {"$drop": True}:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = changed(result[key], value)
        else:
            result[key] = value
    return result


def document(item: bytes, suffix: str) -> dict[str, Any]:
    """A list item as cases look at it: the names of the AMQP witness, and the envelope itself."""
    envelope = _object(item)
    properties = dict(_object(envelope.get("properties")))
    info = _object(properties.get("delivery_info"))
    found: dict[str, Any] = {
        "item": item.decode(errors="backslashreplace"),
        "envelope": envelope,
        "list": suffix,
        "headers": envelope.get("headers"),
        "properties": properties,
        "content_type": envelope.get("content-type"),
        "content_encoding": envelope.get("content-encoding"),
        "exchange": info.get("exchange"),
        "routing_key": info.get("routing_key"),
    }
    try:
        body = base64.b64decode(envelope.get("body", ""), validate=True)
    except (ValueError, TypeError, binascii.Error):
        return {**found, "body_text": str(envelope.get("body"))}
    return {**found, **body_document(body)}


def _result(stored: bytes) -> dict[str, Any]:
    found = body_document(stored)
    return {"document": found["body"]} if "body" in found else {"raw": found["body_text"]}


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        value = _parsed(value)
    return value if isinstance(value, dict) else {}
