"""Events: news of tasks and workers, one at a time or several in one message (EV).

Pure. An event has the fields of every event and those of its own type; what else it holds is its application's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from celeriac.errors import InvalidMessage
from celeriac.fields import Field, on_wire, read, rest, table, write
from celeriac.framed import Framed, table_of
from celeriac.tagged import from_tagged, to_tagged
from celeriac.text import shown
from celeriac.wire import Wire

#: Durable topic exchange of events (EV-FORM-001).
EVENT_EXCHANGE = "celeryev"
#: Routing key of an array of task events (EV-FORM-003).
MANY = "task.multi"
#: An event as it travels, written: what ``Event.build`` gives, as JSON without characters beyond ASCII.
Document: TypeAlias = str
_TRANSIENT = 1

_BOTH = "task-sent and task-received"
_BAD = "task-failed and task-retried"
_BEATS = "unless asked for"
_WHEN_THERE = frozenset({"traceback", "active", "processed", "loadavg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event. A field that is not of its type is ``None``; what the specification does not name is in ``extra``.

    Attributes:
        hostname: name of the node, or of the client that sent the task.
        utcoffset: hours between UTC and the local time of the sender; 0 says nothing.
        pid: process of the sender.
        clock: logical clock of the sender.
        uuid: id of the task, in every task event.
        name, args, kwargs, root_id, parent_id, retries, eta, expires: of the message, args and kwargs as text.
        queue, exchange, routing_key: where a producer sent it.
        result: text of the result (EV-TASK-004).
        runtime: seconds that it ran.
        exception, traceback: text of the exception.
        requeue: whether the message went back to its queue.
        terminated, signum, expired: how a task was revoked.
        freq: seconds between two heartbeats.
        active, processed, loadavg: tasks that run, tasks done since the start, load of the machine.
        sw_ident, sw_ver, sw_sys: name, version and system of the sender.
        timestamp: when, as Unix time.
        type: group, hyphen, what happened: ``task-succeeded``.
        extra: fields that the type does not have by the specification.
        absent: names to leave out as long as they are ``None``; no part of comparison.

    """

    hostname: str = field(metadata=on_wire("every", "string"))
    utcoffset: float | None = field(default=0, metadata=on_wire("every", "number", "null"))
    pid: int | None = field(default=None, metadata=on_wire("every", "integer", "null"))
    clock: int | None = field(default=None, metadata=on_wire("every", "integer", "null"))
    uuid: str | None = field(default=None, metadata=on_wire("task", "string"))
    name: str | None = field(default=None, metadata=on_wire(_BOTH, "string", "null"))
    args: str | None = field(default=None, metadata=on_wire(_BOTH, "string", "null"))
    kwargs: str | None = field(default=None, metadata=on_wire(_BOTH, "string", "null"))
    root_id: str | None = field(default=None, metadata=on_wire(_BOTH, "string", "null"))
    parent_id: str | None = field(default=None, metadata=on_wire(_BOTH, "string", "null"))
    retries: int | None = field(default=None, metadata=on_wire(_BOTH, "integer", "null"))
    eta: str | None = field(default=None, metadata=on_wire(_BOTH, "date-time", "null"))
    expires: str | None = field(default=None, metadata=on_wire(_BOTH, "date-time", "null"))
    queue: str | None = field(default=None, metadata=on_wire("task-sent", "string", "null"))
    exchange: str | None = field(default=None, metadata=on_wire("task-sent", "string", "null"))
    routing_key: str | None = field(default=None, metadata=on_wire("task-sent", "string", "null"))
    result: str | None = field(default=None, metadata=on_wire("task-succeeded", "string", "null"))
    runtime: float | None = field(default=None, metadata=on_wire("task-succeeded", "number", "null"))
    exception: str | None = field(default=None, metadata=on_wire(_BAD, "string", "null"))
    traceback: str | None = field(default=None, metadata=on_wire(_BAD, "string", "null", writer="when there is one"))
    requeue: bool | None = field(default=None, metadata=on_wire("task-rejected", "boolean", "null"))
    terminated: bool | None = field(default=None, metadata=on_wire("task-revoked", "boolean", "null"))
    signum: int | str | None = field(default=None, metadata=on_wire("task-revoked", "integer", "string", "null"))
    expired: bool | None = field(default=None, metadata=on_wire("task-revoked", "boolean", "null"))
    freq: float | None = field(default=None, metadata=on_wire("worker", "number", "null"))
    active: int | None = field(default=None, metadata=on_wire("worker", "integer", "null", writer=_BEATS))
    processed: int | None = field(default=None, metadata=on_wire("worker", "integer", "null", writer=_BEATS))
    loadavg: Sequence[float] | None = field(default=None, metadata=on_wire("worker", "array", "null", writer=_BEATS))
    sw_ident: str | None = field(default=None, metadata=on_wire("worker", "string", "null"))
    sw_ver: str | None = field(default=None, metadata=on_wire("worker", "string", "null"))
    sw_sys: str | None = field(default=None, metadata=on_wire("worker", "string", "null"))
    timestamp: float = field(metadata=on_wire("every", "number"))
    type: str = field(metadata=on_wire("every", "name"))
    extra: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = field(default=_WHEN_THERE, compare=False)

    @classmethod
    def parse(cls, document: Any) -> Event:
        """Read a decoded event. Raises InvalidMessage and nothing else."""
        if not isinstance(document, dict):
            raise InvalidMessage(f"an event is {shown(document)}; it is an object")
        kind = document.get("type")
        fields = rows_of(kind if isinstance(kind, str) else "")
        values: dict[str, Any] = {}
        absent = read(fields, document, values)
        if _group(values["type"]) == "task" and "uuid" not in values:
            raise InvalidMessage("uuid is missing in a task event; send the id of the task", field="uuid")
        extra = rest(document, frozenset(row.name for row in fields), len(fields) - len(absent))
        return cls(**values, extra=extra, absent=frozenset(absent))

    def build(self) -> dict[str, Any]:
        """Give the event as an object, in Celery's order. Raises InvalidCall for a value of a wrong type."""
        return {**write(rows_of(self.type), self, self.absent), **self.extra}

    @property
    def order(self) -> tuple[int, float]:
        """What events of several senders are put in order by (EV-FORM-007)."""
        return self.clock or 0, self.timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMessage(Framed):
    """A message of events.

    Attributes:
        hostname: name of the sender once more.
        events: the events.
        is_array: whether they travel as an array; a single event need not (EV-FORM-005).

    """

    hostname: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    events: Sequence[Event]
    is_array: bool = True

    @classmethod
    def create(cls, hostname: str, events: Sequence[Event], *, is_array: bool) -> EventMessage:
        """Give the message that a sender of this name sends: it does not outlive the broker."""
        return cls(hostname=hostname, events=events, is_array=is_array, delivery_mode=_TRANSIENT, priority=0)

    @classmethod
    def read_body(cls, body: Any, values: dict[str, Any], _extra: dict[str, Mapping[str, Any]]) -> list[str]:
        """Take one event or an array of them; one that is none spoils the message."""
        values["is_array"] = isinstance(body, list)
        values["events"] = tuple(Event.parse(one) for one in (body if values["is_array"] else [body]))
        return []

    def body(self) -> Any:
        """Give the body: an array of objects, or one object."""
        documents = [event.build() for event in self.events]
        return documents if self.is_array else documents[0]

    @property
    def routing_key(self) -> str:
        """Routing key that the message is sent with (EV-FORM-003, EV-FORM-004)."""
        return MANY if self.is_array else self.events[0].type.replace("-", ".")

    def to_neutral(self) -> dict[str, Any]:
        """Give the flat neutral form of the vectors, ``events`` as they travel."""
        return {**super(EventMessage, self).to_neutral(), "events": to_tagged(self.body())}

    @classmethod
    def from_neutral(cls, flat: Mapping[str, Any]) -> EventMessage:
        """Read the flat neutral form. Raises InvalidCall or InvalidMessage for what is none."""
        values: dict[str, Any] = {}
        cls.read_body(from_tagged(flat.get("events")), values, {})
        names = {row.name for row in EVENT_MESSAGE_FIELDS}
        kept = {name: from_tagged(value) for name, value in flat.items() if name != "events"}
        return cls(**kept, **values, absent=frozenset(names - flat.keys()))


def message_of(hostname: str, documents: Iterable[Document]) -> Wire:
    """The message of an array of events that are written already; as ``EventMessage.build``, for a busy worker."""
    frame, body = _frame(hostname), f"[{', '.join(documents)}]".encode("ascii")
    return Wire(body, frame.content_type, frame.content_encoding, frame.headers, frame.properties)


@lru_cache(maxsize=16)
def _frame(hostname: str) -> Wire:
    return EventMessage.create(hostname, (), is_array=True).build()


#: The fields of an event, and of the message around events, held against ``spec/fields.json`` by a test.
EVENT_FIELDS = table(Event)
EVENT_MESSAGE_FIELDS = table_of(EventMessage)


def _group(kind: str) -> str:
    return kind.partition("-")[0]


@lru_cache(maxsize=256)
def rows_of(kind: str) -> tuple[Field, ...]:
    """Give the fields of an event of a type: those of every event, of its group and of the type itself."""
    wanted = {"every", _group(kind), kind}
    return tuple(row for row in EVENT_FIELDS if wanted & set(row.place.split(" and ")))
