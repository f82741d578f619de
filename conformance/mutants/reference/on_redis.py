"""Redis as broker and as result store."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from reference.codec import Flat, build_envelope, build_result, parse_envelope, parse_result
from reference.defects import CallError, change, has

#: The lists of a queue, most urgent first.
STEPS = ("", "\x06\x163", "\x06\x166", "\x06\x169")
KEY = "celery-task-meta-{}"
DAY = 86_400
VISIBILITY_TIMEOUT = 3_600
CONNECT_SECONDS = 2
#: What comes of looking into an item that is no envelope.
UNREADABLE = (ValueError, AttributeError, TypeError, KeyError, RecursionError)


@dataclass
class Delivery:
    """A message that was taken: how to read it, and what settling it takes."""

    raw: Any
    tag: Any = None

    def again(self) -> bool:
        """Whether the message was delivered before."""
        return b'"redelivered": true' in self.raw

    def properties(self) -> dict[str, Any]:
        """The properties of the envelope, if there are any to be read."""
        with contextlib.suppress(*UNREADABLE):
            return dict(json.loads(self.raw)["properties"])
        return {}

    def read(self) -> Flat:
        """The flat message; raises InvalidMessage."""
        return parse_envelope(self.raw)


@contextlib.contextmanager
def _reached(url: str) -> Iterator[None]:
    told = url if has("tells-passwords") else ""
    try:
        yield
    except redis.ConnectionError as error:
        raise CallError("BrokerUnavailable", f"{told}{error}") from error


class RedisBroker:
    """Queues that are lists of envelopes."""

    reader_wants_reply_queue = False

    def __init__(self, url: str, queue: str) -> None:
        # Any: the annotations of redis-py give every answer as a union of all its modes.
        self.redis: Any = redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS)
        self.url, self.queue = url, queue
        self.look_again = 0.0

    # -- sending -----------------------------------------------------------------------------------

    def publish(self, flat: Flat, options: dict[str, Any]) -> None:
        """LPUSH the message; raises CallError."""
        queue = options.get("queue", options.get("routing_key", self.queue))
        priority = flat.get("priority", 0)
        tag = "celery" if has("one-delivery-tag") else str(uuid.uuid4())
        info = {"exchange": "", "routing_key": queue, "delivery_tag": tag, "body_encoding": "base64"}
        item = build_envelope({**flat, "priority": priority, **info})
        push = self.redis.rpush if has("pushes-on-the-wrong-side") else self.redis.lpush
        with _reached(self.url):
            push(queue + change("list", STEPS[min(priority // 3, 3)]), item)

    # -- receiving ---------------------------------------------------------------------------------

    def take(self, seconds: float) -> Delivery | None:
        """The oldest message of the most urgent list, which is then held; None when none comes in time."""
        self._restore()
        lists = [self.queue + step for step in change("lists", STEPS)]
        found = self.redis.brpop(lists, seconds)
        if found is None:
            return None
        delivery = Delivery(found[1])
        with contextlib.suppress(*UNREADABLE):
            envelope = json.loads(delivery.raw)
            delivery.tag = envelope["properties"].get("delivery_tag") if "properties" in envelope else None
        if isinstance(delivery.tag, str) and not has("holds-nothing"):
            self.redis.hset("unacked", delivery.tag, json.dumps([envelope, "", self.queue]))
            self.redis.zadd("unacked_index", {delivery.tag: time.time()})
        return delivery

    def _restore(self) -> None:
        """Put back what others have held for longer than the visibility timeout."""
        if time.monotonic() < self.look_again or has("leaves-the-lost"):
            return
        self.look_again = time.monotonic() + 1
        for tag in self.redis.zrangebyscore("unacked_index", 0, time.time() - VISIBILITY_TIMEOUT):
            entry = json.loads(self.redis.hget("unacked", tag) or "[{}, null, null]")
            if entry[2] == self.queue:
                self.requeue(Delivery(json.dumps(entry[0]).encode(), tag.decode()))

    def acknowledge(self, delivery: Delivery) -> None:
        """Forget what was held."""
        if isinstance(delivery.tag, str):
            self.redis.hdel("unacked", delivery.tag)
            if not has("leaves-the-index"):
                self.redis.zrem("unacked_index", delivery.tag)

    reject = acknowledge

    def requeue(self, delivery: Delivery) -> None:
        """Put the message back at the end from which it is taken, marked as redelivered."""
        item = delivery.raw
        with contextlib.suppress(*UNREADABLE):
            envelope = json.loads(item)
            envelope["headers"]["redelivered"] = envelope["properties"]["delivery_info"]["redelivered"] = True
            item = json.dumps(envelope).encode()
        self.redis.rpush(self.queue, item)
        self.acknowledge(delivery)

    def close(self) -> None:
        """Disconnect."""
        self.redis.close()


class RedisResults:
    """Result documents under a key of their own, announced on the channel of that name."""

    def __init__(self, url: str) -> None:
        self.redis: Any = redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS)

    def prepare(self) -> None:
        """Nothing has to be there before a task is sent."""

    def save(self, document: Flat, _: Flat) -> None:
        """Store and announce the document, unless it would take the place of a success."""
        key, body = change("result key", KEY).format(document["task_id"]), build_result(document)
        if document["status"] != "SUCCESS" and self._has_success(key) and not has("overwrites-success"):
            return
        self.redis.setex(key, change("time to live", DAY), body)
        if not has("announces-nothing"):
            self.redis.publish(key, body)

    def _has_success(self, key: str) -> bool:
        body = self.redis.get(key)
        stored = None if body is None else json.loads(body)
        return isinstance(stored, dict) and stored.get("status") == "SUCCESS"

    def wait(self, task_id: str, deadline: float, ended: Any) -> Flat | None:
        """The first document that is an end, or None when none comes in time; raises InvalidMessage."""
        key = change("result key", KEY).format(task_id)
        with self.redis.pubsub() as listener:
            listener.subscribe(key)
            body = None if has("looks-only-at-the-channel") else self.redis.get(key)
            while True:
                if body is not None:
                    flat = parse_result(body)
                    if ended(flat):
                        if has("deletes-what-it-reads"):
                            self.redis.delete(key)
                        return flat
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                told = listener.get_message(timeout=min(left, 0.2))
                body = told["data"] if told is not None and told["type"] == "message" else None

    def close(self) -> None:
        """Disconnect."""
        self.redis.close()
