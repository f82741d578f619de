"""Result documents: what a worker stores or sends back about a task (RS).

States repeat and only the terminal ones end the waiting; a failure names its exception and never makes one: no class
that a document names is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from celeriac.errors import InvalidCall, InvalidMessage, NotRegistered, TaskFailure, TaskRevoked
from celeriac.fields import on_wire, read, rest, table, write
from celeriac.limits import is_deeper
from celeriac.serialization import DEFAULT_LIMITS, JSON, Encoded, Limits, dumps
from celeriac.stored import read_document, write_document
from celeriac.tagged import from_tagged, to_tagged
from celeriac.text import safe_repr, shown
from celeriac.times import instant, iso

__all__ = ["RESULT_FIELDS", "TERMINAL", "Result", "State", "exception_info", "outcome"]


class State(str, Enum):
    """States of a task. Documents may hold others, which tasks define for themselves; those are not terminal."""

    PENDING = "PENDING"
    RECEIVED = "RECEIVED"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    RETRY = "RETRY"
    REVOKED = "REVOKED"
    REJECTED = "REJECTED"
    IGNORED = "IGNORED"

    __str__ = str.__str__


#: States after which nothing more comes (RS-STATE-003, RS-STATE-004).
TERMINAL = frozenset({State.SUCCESS, State.FAILURE, State.REVOKED, State.REJECTED, State.IGNORED})


def _when_set() -> frozenset[str]:
    return _WHEN_SET


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result document.

    Attributes:
        status: one of ``State``, or a state of the task's own.
        result: SUCCESS: the value; FAILURE, RETRY, REVOKED: ``{"exc_type", "exc_message", "exc_module"}`` (RETRY also
            ``None``); STARTED: ``{"pid", "hostname"}``; other states: whatever the task gave.
        traceback: text of the traceback.
        children: result tuples ``[[id, parent], children]`` of the tasks that this one sent.
        date_done: ISO text; ``None`` while the task is not over.
        group_id: id of the group, absent when ``None``.
        parent_id: id of the parent task, absent when ``None``.
        task_id: id of the task.
        extra: members that the specification does not name, written back.
        compression: MIME name when the document was or is to be compressed as a whole (Celery 5.7), else ``None``.
        absent: names to leave out as long as they hold what their omission means; no part of comparison.

    """

    status: str = field(metadata=on_wire("result", "name"))
    result: Any = field(default=None, metadata=on_wire("result", "any"))
    traceback: str | None = field(default=None, metadata=on_wire("result", "string", "null"))
    children: Sequence[Any] | None = field(default=None, metadata=on_wire("result", "array", "null"))
    date_done: str | None = field(default=None, metadata=on_wire("result", "date-time", "null"))
    group_id: str | None = field(default=None, metadata=on_wire("result", "string", "null", writer="when set"))
    parent_id: str | None = field(default=None, metadata=on_wire("result", "string", "null", writer="when set"))
    task_id: str = field(metadata=on_wire("result", "name"))
    extra: Mapping[str, Any] = field(default_factory=dict)
    compression: str | None = None
    absent: frozenset[str] = field(default_factory=_when_set, compare=False)

    @classmethod
    def parse(
        cls,
        body: bytes,
        content_type: str | None = JSON,
        content_encoding: str | None = "utf-8",
        *,
        accept: frozenset[str] = frozenset({JSON}),
        limits: Limits = DEFAULT_LIMITS,
    ) -> Result:
        """Read a result document. Raises InvalidMessage and nothing else (RS-DOC-008)."""
        document, compression = read_document(body, content_type, content_encoding, accept=accept, limits=limits)
        try:
            values: dict[str, Any] = {}
            absent = read(RESULT_FIELDS, document, values)
            _check_exception(values["status"], values.get("result"))
        except InvalidMessage as error:
            raise error.about(document.get("task_id"), None) from error.__cause__
        extra = rest(document, _NAMES, len(RESULT_FIELDS) - len(absent))
        return cls(**values, extra=extra, compression=compression, absent=frozenset(absent))

    def build(self, serializer: str = "json") -> Encoded:
        """Give the document as bytes, its members in Celery's order.

        Raises InvalidCall, naming the part of the result that cannot be written.
        """
        document = {**write(RESULT_FIELDS, self, self.absent), **self.extra}
        return write_document(document, serializer, self.compression)

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more comes for the task."""
        return self.status in TERMINAL

    @property
    def done_at(self) -> datetime | None:
        """Instant at which the task ended; aware, UTC."""
        return None if self.date_done is None else instant(self.date_done)

    @classmethod
    def from_success(cls, task_id: str, value: Any, *, date_done: datetime | str, **fields: Any) -> Result:
        """Give the document of a task that returned ``value``. ``fields`` are others of the document."""
        return cls._done(State.SUCCESS, task_id, value, date_done, fields)

    @classmethod
    def from_failure(
        cls, task_id: str, error: BaseException | Mapping[str, Any], *, date_done: datetime | str, **fields: Any
    ) -> Result:
        """Give the document of a task that raised ``error``: an exception, or what ``exception_info`` made of it."""
        return cls._done(State.FAILURE, task_id, _info(error), date_done, fields)

    @classmethod
    def from_revoked(cls, task_id: str, *, reason: str, date_done: datetime | str, **fields: Any) -> Result:
        """Give the document of a task that did not run: ``reason`` is ``revoked``, ``terminated`` or ``expired``."""
        info = {"exc_type": "TaskRevokedError", "exc_message": [reason], "exc_module": "celery.exceptions"}
        return cls._done(State.REVOKED, task_id, info, date_done, fields)

    @classmethod
    def from_retry(
        cls, task_id: str, cause: BaseException | Mapping[str, Any] | None, *, traceback: str | None, **fields: Any
    ) -> Result:
        """Give the document of a task that will run again, because of ``cause`` if that is known."""
        fields.setdefault("children", [])
        result = None if cause is None else _info(cause)
        return cls(task_id=task_id, status=State.RETRY.value, result=result, traceback=traceback, **fields)

    @classmethod
    def started(cls, task_id: str, *, pid: int, hostname: str, **fields: Any) -> Result:
        """Give the document of a task that runs, in this process of this worker."""
        fields.setdefault("children", [])
        return cls(task_id=task_id, status=State.STARTED.value, result={"pid": pid, "hostname": hostname}, **fields)

    @classmethod
    def _done(
        cls, state: State, task_id: str, result: Any, date_done: datetime | str, fields: dict[str, Any]
    ) -> Result:
        fields.setdefault("children", [])
        done = iso(date_done) if isinstance(date_done, datetime) else date_done
        return cls(task_id=task_id, status=state.value, result=result, date_done=done, **fields)

    def to_neutral(self) -> dict[str, Any]:
        """Give the flat neutral form of the vectors: the members that are on the wire, values tagged."""
        flat = {name: to_tagged(value) for name, value in write(RESULT_FIELDS, self, self.absent).items()}
        if self.compression is not None:
            flat["compression"] = self.compression
        return {**flat, "extra": to_tagged(self.extra)} if self.extra else flat

    @classmethod
    def from_neutral(cls, flat: Mapping[str, Any]) -> Result:
        """Read the flat neutral form. Raises InvalidCall for what is no member of a result document."""
        unknown = flat.keys() - _NAMES - {"extra", "compression"}
        missing = {row.name for row in RESULT_FIELDS if row.required} - flat.keys()
        if unknown or missing:
            raise InvalidCall(f"not the neutral form of a result: unknown {sorted(unknown)}, missing {sorted(missing)}")
        values = {name: from_tagged(flat[name]) for name in flat.keys() & _NAMES}
        extra = from_tagged(flat.get("extra", {}))
        return cls(**values, extra=extra, compression=flat.get("compression"), absent=_NAMES - flat.keys())


#: The fields of a result document, in the order in which they are written.
RESULT_FIELDS = table(Result)
_NAMES = frozenset(row.name for row in RESULT_FIELDS)
_WHEN_SET = frozenset(row.name for row in RESULT_FIELDS if row.writer != "always")


def success_body(
    task_id: str, value: Any, *, date_done: datetime, parent_id: str | None, group_id: str | None
) -> bytes | None:
    """The bytes of ``Result.from_success(...).build()``, by a short way; None where that has to find out what is wrong.

    The ids are those of a message that was read.
    """
    try:
        # What most tasks return that are sent away.
        written = b"null" if value is None else dumps(value).body
    except InvalidCall:
        return None
    # In the document it lies one level deeper.
    if is_deeper(written, DEFAULT_LIMITS.depth - 1):
        return None
    ids = "".join(
        f'"{name}": {_quoted(text)}, '
        for name, text in (("group_id", group_id), ("parent_id", parent_id))
        if text is not None
    )
    after = (
        f', "traceback": null, "children": [], "date_done": "{iso(date_done)}", {ids}"task_id": {_quoted(task_id)}}}'
    )
    return b'{"status": "SUCCESS", "result": ' + written + after.encode("ascii")


def exception_info(error: BaseException) -> dict[str, Any]:
    """Describe an exception as documents hold it: class, arguments, module.

    An argument that cannot be serialized is replaced by its ``repr`` (RS-EXC-001 to 005). Cause and context are in the
    traceback's text alone, as in Celery.
    """
    kind = type(error)
    return {
        "exc_type": kind.__qualname__,
        "exc_message": [_serializable(argument) for argument in error.args],
        "exc_module": kind.__module__,
    }


def outcome(result: Result) -> Any:
    """Give the value of a terminal document, or raise what it says (RS-EXC-010).

    No class that the document names is imported or made (RS-EXC-009). IGNORED gives ``None``. Raises TaskFailure,
    NotRegistered or TaskRevoked (REJECTED too); InvalidCall for a document that is not terminal.
    """
    if result.status in (State.SUCCESS, State.IGNORED):
        return result.result if result.status == State.SUCCESS else None
    if result.status == State.FAILURE:
        raise _failure(result)
    if result.status in (State.REVOKED, State.REJECTED):
        arguments = _arguments(result.result)
        raise TaskRevoked(arguments[0] if arguments else result.status.lower(), task_id=result.task_id)
    raise InvalidCall(f"task {result.task_id} is {result.status}, not over; wait for a terminal state")


def _failure(result: Result) -> TaskFailure:
    info = _unwrapped(result.result)
    kind = NotRegistered if info["exc_type"] == "NotRegistered" else TaskFailure
    module = info.get("exc_module")
    return kind(
        info["exc_type"],
        _arguments(info),
        exc_module=module if isinstance(module, str) else None,
        traceback=result.traceback,
        task_id=result.task_id,
    )


def _unwrapped(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the exception inside the wrapper that Celery puts around what it cannot pickle (RS-EXC-006)."""
    arguments = _arguments(info)
    if info["exc_type"] != "UnpickleableExceptionWrapper" or len(arguments) < 3:
        return info
    module, name, inner = arguments[:3]
    if not isinstance(name, str) or not name:
        return info
    return {"exc_type": name, "exc_message": inner, "exc_module": module}


def _arguments(info: Any) -> tuple[Any, ...]:
    """Give the arguments of an exception; old and foreign writers store one text in place of the list."""
    message = info.get("exc_message") if isinstance(info, Mapping) else None
    if message is None:
        return ()
    return tuple(message) if isinstance(message, (list, tuple)) else (message,)


def _info(error: BaseException | Mapping[str, Any]) -> Mapping[str, Any]:
    return exception_info(error) if isinstance(error, BaseException) else error


def _serializable(argument: Any) -> Any:
    try:
        dumps(argument)
    except InvalidCall:
        return safe_repr(argument)
    return argument


def _check_exception(status: str, result: Any) -> None:
    """Refuse a failure that does not say which; readers of Celery break on it."""
    if status != State.FAILURE:
        return
    name = result.get("exc_type") if isinstance(result, dict) else None
    if not isinstance(name, str) or not name:
        reason = f"result of a FAILURE is {shown(result)}; it is an object with exc_type, exc_message and exc_module"
        raise InvalidMessage(reason, field="result")
