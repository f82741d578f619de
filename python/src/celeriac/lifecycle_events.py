"""The words of ``lifecycle``: phases of a delivery, events that happen to it, actions that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from celeriac.errors import InvalidMessage
from celeriac.message import Message
from celeriac.result import Result
from celeriac.sending import Route
from celeriac.signature import Signature
from celeriac.task import Retry
from celeriac.tree import Node


class Phase(Enum):
    """Where a delivery stands."""

    RECEIVED = "received"
    WAITING = "waiting"
    RUNNING = "running"
    SETTLED = "settled"


# -- events: what happened


@dataclass(frozen=True, slots=True)
class Malformed:
    """The message breaks the protocol."""

    error: InvalidMessage


@dataclass(frozen=True, slots=True)
class Unknown:
    """No task of this name is registered here."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The message asks for what this worker cannot do; running it would lose a part silently."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """``expires`` has passed."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """Remote control will not have it run: ``revoked`` before it began, or ``terminated`` by signal ``signum``."""

    reason: str = "revoked"
    signum: int | None = None


@dataclass(frozen=True, slots=True)
class NotYet:
    """``eta`` has not come."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Ready:
    """It may run."""


@dataclass(slots=True)
class Succeeded:
    """The task returned ``value`` after ``runtime`` seconds and sent the tasks named in ``children``.

    One is made for every run, so it is not frozen, which would triple its price; nobody changes it.
    """

    value: Any
    children: tuple[Node, ...] = ()
    runtime: float = 0.0


@dataclass(frozen=True, slots=True)
class Composed:
    """The task is a canvas that came as one: its parts are to be sent."""

    signature: Signature
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Replaced:
    """The task wants another call to take its place."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class Failed:
    """The task raised."""

    error: BaseException
    traceback: str
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Retried:
    """The task asked to be run again."""

    retry: Retry
    traceback: str
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """The task asked for nothing to be stored."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The task refused its message."""

    requeue: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The process died that ran the task, and nobody will deliver its message again: it was acknowledged before."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Lethal:
    """The task has taken down so many processes, or come back to its queue so often, that it is not run once more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """What the task wanted sent, or its errbacks, cannot be: it cannot be written, or the broker will never take it."""

    error: BaseException


Event: TypeAlias = (
    Malformed
    | Unknown
    | Unsupported
    | Expired
    | Revoked
    | NotYet
    | Lethal
    | Lost
    | Ready
    | Succeeded
    | Composed
    | Replaced
    | Failed
    | Retried
    | Ignored
    | Refused
    | Unsent
)


# -- actions: what to do


@dataclass(frozen=True, slots=True)
class Run:
    """Run the task."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Set the delivery aside, unsettled, and look at it again then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Store:
    """Make the result readable; ``reply_to`` and ``correlation_id`` say to whom an rpc backend sends it."""

    result: Result
    reply_to: str | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class Send:
    """Publish a message, confirmed."""

    message: Message
    route: Route


@dataclass(frozen=True, slots=True)
class Size:
    """Tell the store how many results a group will have, before any message goes (CV-CHORD-001)."""

    group_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Count:
    """Count the end of a member of a chord; who counts the last one goes on with ``following.gathered``.

    ``body`` is the signature that gets the results.
    """

    group_id: str
    task_id: str
    index: int | None
    state: str
    result: Any
    body: Signature


@dataclass(frozen=True, slots=True)
class Call:
    """Call an errback in this worker, with the request, the error and the traceback."""

    errback: Signature
    message: Message
    error: BaseException
    traceback: str | None


@dataclass(frozen=True, slots=True)
class Ack:
    """Settle: done."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Settle: refused; to the dead-letter queue, or back to its queue."""

    requeue: bool = False


Action: TypeAlias = Run | WaitUntil | Size | Send | Store | Count | Call | Ack | Reject
Decision: TypeAlias = tuple[Phase, tuple[Action, ...]]
