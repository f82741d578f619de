"""What the cases need of remote control and events: the suite as controller, as node, as monitor and as teller.

One of each kind per broker for a whole run. All messages come as documents of the same form that the
brokers' witnesses give (witness.amqp, witness.redis): headers, properties, body.
"""

from __future__ import annotations

from typing import Any, Protocol

REQUESTS = "celery.pidbox"
REPLIES = "reply.celery.pidbox"
EVENTS = "celeryev"


class Mail(Protocol):
    """Remote control and events of one broker, from every side."""

    #: Where replies to the suite's requests go: the member ``reply_to`` of a request.
    reply_to: dict[str, str]

    def request(self, body: bytes, headers: dict[str, Any]) -> None:
        """Send a raw request to all nodes."""

    def replies(self) -> list[dict[str, Any]]:
        """Every reply so far, oldest first."""

    def join(self, node: str) -> None:
        """Be a node: from now on its requests are kept."""

    def requests(self, node: str) -> list[dict[str, Any]]:
        """Every request so far that came to the node, oldest first."""

    def answer(self, reply_to: Any, body: bytes, headers: dict[str, Any]) -> bool:
        """Send a raw reply; False when there is nobody to reply to at that address."""

    def leave(self, node: str) -> None:
        """Be that node no longer."""

    def listen(self) -> None:
        """Begin to keep events; returns when nothing that is sent from now on can be missed."""

    def events(self) -> list[dict[str, Any]]:
        """Every message of events so far, oldest first."""

    def tell(self, routing_key: str, message: dict[str, Any]) -> None:
        """Send a raw message of events: ``body`` (bytes), ``content_type`` and ``headers``."""

    def close(self) -> None:
        """Disconnect."""
