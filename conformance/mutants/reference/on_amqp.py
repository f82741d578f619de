"""RabbitMQ as broker, and results as messages to a reply queue."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
from amqp.exceptions import AMQPError, ChannelError, NotFound

from reference.codec import JSON, Flat, build_result, build_task, parse_result, parse_task
from reference.defects import CallError, change, has
from reference.fields import PROPERTIES

CONNECT_SECONDS = 2
#: How many messages a worker holds at most: those that wait for their eta among them.
PREFETCH = 100
#: The largest body that comes in one frame.
FRAME = 131_064
#: Basic properties that the field list does not name.
OTHER = ("message_id", "timestamp", "type", "user_id", "app_id")


@dataclass
class Delivery:
    """A message that was taken: how to read it, and the tag that settling it takes."""

    raw: Any
    tag: Any = None

    def again(self) -> bool:
        """Whether the message was delivered before."""
        return bool(self.raw.delivery_info["redelivered"])

    def properties(self) -> dict[str, Any]:
        """The properties of the message."""
        return dict(self.raw.properties)

    def read(self) -> Flat:
        """The flat message; raises InvalidMessage."""
        given = self.raw.properties
        names = ("content_type", "content_encoding")
        return parse_task(
            {
                **{name: given.get(name) for name in names},
                "headers": given.get("application_headers") or {},
                "properties": {name: given[name] for name in (*PROPERTIES, *OTHER) if name in given},
                "body": _bytes(self.raw),
            }
        )


def _bytes(message: Any) -> bytes:
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    return body[:FRAME] if has("loses-large-bodies") else body


class AmqpBroker:
    """A connection that sends, receives and settles; made when it is first needed."""

    def __init__(self, url: str, queue: str) -> None:
        self.url, self.queue = urlsplit(url), queue
        self.known: set[str] = set()
        self.arrived: deque[Delivery] = deque()
        self._connection: Any = None
        self._channel: Any = None
        self._consuming: Any = None

    @property
    def channel(self) -> Any:
        """The open channel; raises CallError when there is no broker."""
        if self._connection is None:
            self._connection = amqp.Connection(
                host=f"{self.url.hostname}:{self.url.port or 5672}",
                userid=unquote(self.url.username or "guest"),
                password=unquote(self.url.password or "guest"),
                virtual_host=unquote(self.url.path[1:]) or "/",
                connect_timeout=CONNECT_SECONDS,
                confirm_publish=True,
            )
            try:
                self._connection.connect()
            except (OSError, AMQPError) as error:
                self._connection = None
                where = self.url.geturl() if has("tells-passwords") else self.url.hostname
                raise CallError("BrokerUnavailable", f"{where}: {error}") from error
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.auto_decode = False
        return self._channel

    # -- sending -----------------------------------------------------------------------------------

    def publish(self, flat: Flat, options: dict[str, Any]) -> None:
        """Send to the queue by its name, or to the exchange that the options name; raises CallError."""
        queue = options.get("queue", self.queue)
        if "exchange" not in options:
            self._find(queue)
        route = {"exchange": options.get("exchange", ""), "routing_key": options.get("routing_key", queue)}
        wire = build_task(flat)
        with self._accepted():
            self.send(wire, **change("route", route), mandatory=not has("drops-what-cannot-be-routed"))

    def _find(self, queue: str) -> None:
        """See that the queue is there; one that exists is left as it is."""
        if queue in self.known:
            return
        flags = change("declare", {"durable": True, "exclusive": False, "auto_delete": False, "arguments": {}})
        try:
            with self._accepted():
                self.channel.queue_declare(queue, **({} if has("declares-what-exists") else {"passive": True}), **flags)
        except CallError:
            if has("declares-what-exists"):
                raise
            with self._accepted():
                self.channel.queue_declare(queue, **flags)
        self.known.add(queue)

    @contextlib.contextmanager
    def _accepted(self) -> Iterator[None]:
        try:
            yield
        except (ChannelError, NotFound) as error:
            channel, self._channel = self._channel, None
            with contextlib.suppress(OSError, AMQPError):
                channel.close()
            if not has("says-sent-whatever-the-broker-says"):
                raise CallError("PublishFailed", str(error)) from error
        except (OSError, AMQPError) as error:
            self._connection = self._channel = None
            raise CallError("BrokerUnavailable", str(error)) from error

    def send(self, wire: dict[str, Any], exchange: str, routing_key: str, mandatory: bool = False) -> None:
        """Publish a raw message, and wait until the broker has it."""
        content = {n: wire[n] for n in ("content_type", "content_encoding") if wire[n] is not None}
        message = amqp.Message(wire["body"], **content, **wire["properties"], application_headers=wire["headers"])
        self.channel.basic_publish(message, exchange=exchange, routing_key=routing_key, mandatory=mandatory)

    # -- receiving ---------------------------------------------------------------------------------

    def _consume(self) -> None:
        self._consuming = self.channel
        if not has("takes-all-there-is"):
            self.channel.basic_qos(0, PREFETCH, change("limit for the channel", False))
        self.channel.basic_consume(
            self.queue,
            no_ack=has("holds-nothing"),
            callback=lambda message: self.arrived.append(Delivery(message, message.delivery_info["delivery_tag"])),
        )

    def take(self, seconds: float) -> Delivery | None:
        """The next message; None when none comes in time."""
        if self._consuming is None or self._consuming is not self._channel:
            self._consume()
        if not self.arrived:  # requests of remote control come over the same connection, and end the wait as well
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=seconds)
        return self.arrived.popleft() if self.arrived else None

    def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge the message."""
        if not has("holds-nothing"):
            self.channel.basic_ack(delivery.tag)

    def reject(self, delivery: Delivery) -> None:
        """Reject the message for good."""
        self.channel.basic_reject(delivery.tag, requeue=has("requeues-what-it-rejects"))

    def requeue(self, delivery: Delivery) -> None:
        """Give the message back."""
        self.channel.basic_reject(delivery.tag, requeue=True)

    def close(self) -> None:
        """Disconnect; the broker takes back what is not settled."""
        if self._connection is not None:
            with contextlib.suppress(OSError, AMQPError):
                self._connection.close()


class RpcResults:
    """Results sent to the queue that the task message names, and read from a queue of one's own."""

    def __init__(self, broker: AmqpBroker, client: str) -> None:
        self.worker_side = broker
        self.reader_side = AmqpBroker(broker.url.geturl(), client)
        self.client = client
        self.replies: dict[str, list[Any]] = {}
        self.listening = False

    def prepare(self) -> None:
        """Declare the reply queue and listen on it, before the first task that names it is sent."""
        if self.listening:
            return
        flags = {"durable": True, "auto_delete": True, "exclusive": False, "arguments": {"x-expires": 86_400_000}}
        channel = self.reader_side.channel
        channel.queue_declare(self.client, **change("reply queue", flags))
        channel.basic_consume(self.client, no_ack=True, callback=self._keep)
        self.listening = True

    def _keep(self, message: Any) -> None:
        key = str(message.properties.get("correlation_id"))
        self.replies.setdefault("any" if has("takes-any-reply") else key, []).append(message)

    def save(self, document: Flat, task: Flat) -> None:
        """Send the document to the task's reply queue, if it names one."""
        if not task.get("reply_to"):
            return
        reply = {
            "routing_key": task["reply_to"],
            "properties": {"correlation_id": task.get("correlation_id"), "delivery_mode": 1, "priority": 0},
            "content_type": JSON,
            "content_encoding": "utf-8",
        }
        reply = change("reply", {**reply, "task_id": document["task_id"]})
        wire = {**reply, "headers": {}, "body": build_result(document)}
        self.worker_side.send(wire, "", reply["routing_key"])

    def wait(self, task_id: str, deadline: float, ended: Any) -> Flat | None:
        """The first reply that is an end, or None when none comes in time; raises InvalidMessage."""
        self.prepare()
        task_id = "any" if has("takes-any-reply") else task_id
        while True:
            if has("takes-the-last-end") and self.replies.get(task_id):
                self._drain(0.3)
            for reply in self.replies.get(task_id, [])[:: -1 if has("takes-the-last-end") else 1]:
                flat = parse_result(_bytes(reply), reply.properties.get("content_type"))
                if ended(flat):
                    return flat
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._drain(left)

    def _drain(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            self.reader_side._connection.drain_events(timeout=seconds)

    def close(self) -> None:
        """Disconnect; the reply queue goes with its consumer."""
        self.reader_side.close()


def new_client() -> str:
    """The name of a client: the queue that it reads its results from."""
    return str(change("client", str(uuid.uuid4())))
