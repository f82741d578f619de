"""Remote control and events on AMQP (witness.mail)."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

import amqp
from amqp.exceptions import AMQPError

from celeriac_conformance.witness.amqp import Connected, document
from celeriac_conformance.witness.mail import EVENTS, REPLIES, REQUESTS

#: exchange -> how it is declared by everybody.
EXCHANGES: dict[str, dict[str, Any]] = {
    REQUESTS: {"type": "fanout", "durable": False, "auto_delete": False},
    REPLIES: {"type": "direct", "durable": False, "auto_delete": False},
    EVENTS: {"type": "topic", "durable": True, "auto_delete": False},
}


class AmqpMail(Connected):
    """Remote control and events of a real AMQP broker (witness.mail.Mail)."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        key = str(uuid.uuid4())
        self.reply_to = {"exchange": REPLIES, "routing_key": key}
        self._reply_queue = f"{key}.{REPLIES}"
        self._event_queue = ""
        self._kept: dict[str, list[dict[str, Any]]] = {}
        with self._channel() as channel:
            for name, kind in EXCHANGES.items():
                channel.exchange_declare(name, **kind)
        self._own_queue(self._reply_queue, REPLIES, key)

    def _own_queue(self, queue: str, exchange: str, key: str) -> None:
        with self._channel() as channel:
            channel.queue_declare(queue, exclusive=True, auto_delete=True)
            channel.queue_bind(queue, exchange, key)
        self._kept[queue] = []

    def _fetch(self, queue: str) -> list[dict[str, Any]]:
        while (message := self._get(queue)) is not None:
            self._kept[queue].append(document(message))
        return self._kept[queue]

    def _send(self, exchange: str, routing_key: str, message: dict[str, Any], **options: Any) -> bool:
        """Publish, confirmed; False when the broker gave it back as unroutable."""
        returned: list[Any] = []
        content = {"content_type": "application/json", "content_encoding": "utf-8", **message}
        body, headers = content.pop("body"), content.pop("headers", {})
        with self._channel() as channel:
            channel.events["basic_return"] = {lambda *how: returned.append(how)}
            raw = amqp.Message(body, application_headers=headers, **content)
            channel.basic_publish_confirm(raw, exchange=exchange, routing_key=routing_key, **options)
        return not returned

    def request(self, body: bytes, headers: dict[str, Any]) -> None:
        """Publish to the fanout exchange of requests."""
        self._send(REQUESTS, "", {"body": body, "headers": headers, "delivery_mode": 2})

    def replies(self) -> list[dict[str, Any]]:
        """What has come to the suite's own reply queue."""
        return self._fetch(self._reply_queue)

    def join(self, node: str) -> None:
        """Declare the node's queue and bind it."""
        self._own_queue(f"{node}.{REQUESTS}", REQUESTS, "")

    def requests(self, node: str) -> list[dict[str, Any]]:
        """What has come to the node's queue."""
        return self._fetch(f"{node}.{REQUESTS}")

    def answer(self, reply_to: Any, body: bytes, headers: dict[str, Any]) -> bool:
        """Publish a reply, to be given back when no queue is bound for it."""
        message = {"body": body, "headers": headers, "delivery_mode": 1}
        return self._send(str(reply_to["exchange"]), str(reply_to["routing_key"]), message, mandatory=True)

    def leave(self, node: str) -> None:
        """Delete the node's queue."""
        with self._channel() as channel:
            channel.queue_delete(f"{node}.{REQUESTS}")

    def listen(self) -> None:
        """Declare a queue of the suite's own and bind it to everything."""
        if not self._event_queue:
            self._event_queue = f"{EVENTS}.{uuid.uuid4()}"
            self._own_queue(self._event_queue, EVENTS, "#")

    def events(self) -> list[dict[str, Any]]:
        """What has come to the suite's own event queue."""
        return self._fetch(self._event_queue)

    def tell(self, routing_key: str, message: dict[str, Any]) -> None:
        """Publish to the topic exchange of events."""
        self._send(EVENTS, routing_key, {"delivery_mode": 1, **message})

    def close(self) -> None:
        """Disconnect; the queues are exclusive and go with the connection."""
        with suppress(OSError, AMQPError):
            super().close()
