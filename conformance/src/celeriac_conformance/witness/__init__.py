"""The witnesses: raw broker code that sees what crossed the wire and what the broker holds.

Nothing here imports kombu, Celery or a Celeriac SDK: a fault shared with the testee would go unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

#: States after which a task does not change any more.
TERMINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED"})

#: Where a message that the suite sent can be found: what the cases call ``settled``.
ACKED, REJECTED, UNSETTLED = "acked", "rejected", "unsettled"


class BrokerDown(Exception):
    """A broker cannot be reached or broke the connection; never the testee's fault."""


@dataclass(frozen=True, slots=True)
class Combo:
    """A broker and a result backend, by the names that ``hello`` uses for them."""

    broker: str
    result: str

    def __str__(self) -> str:
        return f"{self.broker}+{self.result}"


#: Every combination there is; Redis as a broker has no rpc results in this suite.
COMBOS = (Combo("amqp", "rpc"), Combo("amqp", "redis"), Combo("redis", "redis"))


@dataclass(frozen=True, slots=True)
class RawTask:
    """A task message as raw as the witness sends it. ``marker`` finds it again, whatever its headers say."""

    marker: str
    body: bytes
    content_type: str | None = "application/json"
    content_encoding: str | None = "utf-8"
    headers: dict[str, Any] | None = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    #: Redis only: changes to the envelope (None removes a key), or the whole list item.
    envelope: dict[str, Any] = field(default_factory=dict)
    item: bytes | None = None


class Broker(Protocol):
    """What the cases need of a broker."""

    def create(self, queue: str, arguments: dict[str, Any] | None = None) -> None:
        """Make an empty durable queue (on Redis: nothing, an empty list does not exist)."""

    def create_for_worker(self, queue: str, arguments: dict[str, Any] | None = None) -> None:
        """Make a queue whose rejected messages can be found: with a dead-letter queue where there is such a thing."""

    def delete(self, queue: str) -> None:
        """Remove the queue and what belongs to it."""

    def put(self, queue: str, task: RawTask) -> None:
        """Put a raw task message into the queue."""

    def leave_behind(self, queue: str, task: RawTask) -> None:
        """Leave the message as a worker that died left it: delivered once, never settled, and nobody's now."""

    def age(self, queue: str) -> None:
        """Have as much time pass for what is held of the queue as makes it be given back; AMQP needs none."""

    def take(self, queue: str) -> dict[str, Any] | None:
        """Take the oldest message out of the queue, as a document; None when there is none now."""

    def settled(self, queue: str, marker: str) -> str | None:
        """REJECTED or ACKED when that can be seen now, UNSETTLED when it surely is not, None when not to be seen."""

    def leftover(self, queue: str) -> set[str]:
        """Empty the queue of an ended worker; the markers of what was in it."""

    def renew(self) -> None:
        """Connect again, after the server has been killed and started anew."""

    def facts(self, queue: str) -> dict[str, Any]:
        """What the broker says of the queue itself: ``exists`` and ``plain`` (durable, no arguments)."""

    def close(self) -> None:
        """Disconnect."""


class Results(Protocol):
    """What the cases need of a result backend, from both sides."""

    #: The reply_to that raw task messages carry.
    reply_to: str

    def watch(self, task_id: str) -> None:
        """Begin to record what is stored for the task; call before the task is sent."""

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Every record so far, oldest first: ``document`` (or ``raw`` when it is no JSON) and how it came."""

    def final(self, task_id: str) -> dict[str, Any] | None:
        """The last record with a terminal state, or None while there is none."""

    def renew(self) -> None:
        """Connect again, after the server has been killed and started anew."""

    def write(self, task_id: str, reply_to: str, body: bytes, properties: dict[str, Any]) -> None:
        """Store a raw result for the task as a worker would."""

    def close(self) -> None:
        """Disconnect."""
