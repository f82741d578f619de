"""The AMQP witness, on py-amqp alone."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
from amqp.exceptions import AMQPError, NotFound, PreconditionFailed, ResourceLocked

from celeriac_conformance.waiting import until
from celeriac_conformance.witness import REJECTED, TERMINAL, BrokerDown, RawTask

CONNECT_SECONDS = 10
#: How long the broker may take to notice that a worker has gone.
GONE_SECONDS = 10.0

#: The AMQP properties of a message, in the order of the specification of AMQP 0-9-1.
PROPERTIES = (
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
)

#: A reply queue as RS-RPC-004 has it.
REPLY_QUEUE: dict[str, Any] = {"durable": True, "auto_delete": True, "arguments": {"x-expires": 86_400_000}}

Channel = Any
Message = Any


def connect(url: str) -> Any:
    """A connection to ``amqp://user:password@host:port/vhost``; raises BrokerDown when there is none to be had."""
    parts = urlsplit(url)
    vhost = unquote(parts.path[1:]) or "/"
    connection = amqp.Connection(
        host=f"{parts.hostname}:{parts.port or 5672}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=vhost,
        connect_timeout=CONNECT_SECONDS,
    )
    try:
        connection.connect()
    except (OSError, AMQPError) as error:
        raise BrokerDown(f"no AMQP broker at {parts.hostname}:{parts.port or 5672}: {error}") from error
    return connection


class Connected:
    """A connection and a channel; a channel that the broker closed is replaced at the next use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = connect(url)
        self._current: Channel = None

    def renew(self) -> None:
        """Connect again, after the server has been killed and started anew."""
        self._connection, self._current = connect(self._url), None

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Channel]:
        try:
            if self._current is None or not self._current.is_open:
                self._current = self._connection.channel()
                self._current.auto_decode = False  # bodies are bytes here
                self._current.confirm_select()
            yield self._current
        except (NotFound, PreconditionFailed, ResourceLocked):
            raise
        except (OSError, AMQPError) as error:
            raise BrokerDown(f"AMQP: {error}") from error

    def _get(self, queue: str) -> Message:
        with self._channel() as channel:
            try:
                return channel.basic_get(queue, no_ack=True)
            except NotFound:
                return None

    def _publish(self, message: Message, queue: str) -> None:
        with self._channel() as channel:
            channel.basic_publish_confirm(message, exchange="", routing_key=queue)

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(OSError, AMQPError):
            self._connection.close()


class AmqpBroker(Connected):
    """Queues of a real AMQP broker (witness.Broker)."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._rejected: dict[str, set[str]] = {}

    def create(self, queue: str, arguments: dict[str, Any] | None = None) -> None:
        """Declare the queue durable, with these arguments."""
        with self._channel() as channel:
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments or {})

    def create_for_worker(self, queue: str, arguments: dict[str, Any] | None = None) -> None:
        """Declare the queue, and beside it the queue of what is rejected."""
        dead = _dead(queue)
        self.create(dead)
        self.create(queue, {**(arguments or {}), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})

    def delete(self, queue: str) -> None:
        """Delete the queue and its dead letters."""
        for name in (queue, _dead(queue)):
            with self._channel() as channel:
                channel.queue_delete(name)

    def put(self, queue: str, task: RawTask) -> None:
        """Publish the message, and wait until the broker has it."""
        properties = {"message_id": task.marker, **task.properties}
        if task.content_type is not None:
            properties["content_type"] = task.content_type
        if task.content_encoding is not None:
            properties["content_encoding"] = task.content_encoding
        if task.headers is not None:
            properties["application_headers"] = task.headers
        self._publish(amqp.Message(task.body, **properties), queue)

    def leave_behind(self, queue: str, task: RawTask) -> None:
        """Publish the message, take it and give it back: the broker marks it as redelivered from now on."""
        self.put(queue, task)
        with self._channel() as channel:
            taken = channel.basic_get(queue, no_ack=False)
            channel.basic_reject(taken.delivery_tag, requeue=True)

    def age(self, queue: str) -> None:
        """Nothing: the broker gives back by itself what a lost connection held."""

    def take(self, queue: str) -> dict[str, Any] | None:
        """Take the oldest message out of the queue, read as a document; None when it is empty."""
        message = self._get(queue)
        return None if message is None else document(message)

    def settled(self, queue: str, marker: str) -> str | None:
        """REJECTED when the message is among the dead letters, None when that cannot be told yet."""
        rejected = self._rejected.setdefault(queue, set())
        while (message := self._get(_dead(queue))) is not None:
            deaths = (message.properties.get("application_headers") or {}).get("x-death") or [{}]
            if deaths[0].get("reason") == "rejected":
                rejected.add(message.properties.get("message_id", ""))
        # What is delivered and not settled cannot be seen over AMQP: leftover() tells, when the worker has gone.
        return REJECTED if marker in rejected else None

    def leftover(self, queue: str) -> set[str]:
        """Wait until the worker has gone, then empty the queue; the markers of what was in it."""
        # A queue takes back what a lost consumer held in the same step in which it forgets the consumer.
        until(lambda: self._consumers(queue) == 0, GONE_SECONDS)
        markers = set()
        while (message := self._get(queue)) is not None:
            markers.add(message.properties.get("message_id", ""))
        return markers

    def _consumers(self, queue: str) -> int:
        try:
            with self._channel() as channel:
                return int(channel.queue_declare(queue, passive=True).consumer_count)
        except NotFound:
            return 0

    def facts(self, queue: str) -> dict[str, Any]:
        """Whether the queue exists, and whether it is durable and without arguments."""
        try:
            with self._channel() as channel:
                channel.queue_declare(queue, passive=True)
        except NotFound:
            return {"exists": False}
        try:
            self.create(queue)
        except PreconditionFailed:
            return {"exists": True, "plain": False}
        return {"exists": True, "plain": True}


class RpcResults(Connected):
    """Results sent as messages to a reply queue (witness.Results)."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reply_to = str(uuid.uuid4())
        self._records: dict[str, list[dict[str, Any]]] = {}
        with self._channel() as channel:
            channel.queue_declare(self.reply_to, **REPLY_QUEUE)

    def watch(self, task_id: str) -> None:
        """Begin to keep the replies for this correlation id."""
        self._records.setdefault(task_id, [])

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Fetch what has arrived; every reply for the correlation id, oldest first."""
        while (message := self._get(self.reply_to)) is not None:
            found = document(message)
            record = {"reply": {name: found[name] for name in ("properties", "content_type", "content_encoding")}}
            record.update({"document": found["body"]} if "body" in found else {"raw": found["body_text"]})
            body = found.get("body")
            named = body.get("task_id") if isinstance(body, dict) else None
            key = found["properties"].get("correlation_id") or named
            self._records.setdefault(str(key), []).append(record)
        return self._records.get(task_id, [])

    def final(self, task_id: str) -> dict[str, Any] | None:
        """The last reply with a terminal state."""
        return last_terminal(self.history(task_id))

    def write(self, task_id: str, reply_to: str, body: bytes, properties: dict[str, Any]) -> None:
        """Publish a result document as a worker would."""
        sent = {"correlation_id": task_id, "delivery_mode": 1, "content_type": "application/json"}
        sent |= {"content_encoding": "utf-8", **properties}
        self._publish(amqp.Message(body, **sent), reply_to)

    def reply_queue(self, name: str) -> dict[str, bool]:
        """Whether a client's reply queue is there, and whether it was declared as Celery 5.7 declares it."""
        try:
            with self._channel() as channel:
                channel.queue_declare(name, passive=True)
            with self._channel() as channel:
                channel.queue_declare(name, **REPLY_QUEUE)
        except NotFound:
            return {"exists": False, "as_celery": False}
        except (PreconditionFailed, ResourceLocked):
            return {"exists": True, "as_celery": False}
        return {"exists": True, "as_celery": True}

    def close(self) -> None:
        """Delete the reply queue and disconnect."""
        with contextlib.suppress(BrokerDown), self._channel() as channel:
            channel.queue_delete(self.reply_to)
        super().close()


def last_terminal(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The last record whose document has a terminal state."""
    objects = (r for r in reversed(records) if isinstance(r.get("document"), dict))
    # A state can be anything, also what no set can hold.
    return next((r for r in objects if str(r["document"].get("status")) in TERMINAL), None)


def _dead(queue: str) -> str:
    return f"{queue}.dead"


def document(message: Message) -> dict[str, Any]:
    """A message as cases look at it: headers, properties, address, the body as text and as JSON."""
    properties = {name: message.properties[name] for name in PROPERTIES if name in message.properties}
    body = message.body if isinstance(message.body, bytes) else message.body.encode()
    return {
        "headers": message.properties.get("application_headers") or {},
        "properties": properties,
        "content_type": message.properties.get("content_type"),
        "content_encoding": message.properties.get("content_encoding"),
        "exchange": message.delivery_info["exchange"],
        "routing_key": message.delivery_info["routing_key"],
        **body_document(body),
    }


def body_document(body: bytes) -> dict[str, Any]:
    """``body_text`` and, when it is JSON, ``body``."""
    text = body.decode(errors="backslashreplace")
    try:
        return {"body": json.loads(body), "body_text": text}
    except (ValueError, RecursionError):
        return {"body_text": text}


__all__ = ["AmqpBroker", "Connected", "RpcResults", "body_document", "connect", "document", "last_terminal"]
