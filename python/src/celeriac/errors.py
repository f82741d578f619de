"""The errors of Celeriac.

::

    CeleriacError
    ├── InvalidMessage      the peer broke the protocol: what was received cannot be used
    ├── InvalidCall         the caller did: raised before anything is sent (a ValueError too)
    ├── TransportError      the broker or the way to it
    │   ├── BrokerUnavailable   no connection within the connect timeout
    │   └── PublishFailed       not confirmed: it may or may not have arrived
    │       └── PublishRefused      refused or returned: the broker will not take this message
    └── ResultError         the outcome of a task, raised where its result is asked for
        ├── TaskFailure         the task raised
        │   └── NotRegistered   no worker knows a task of that name
        ├── TaskRevoked         the task was revoked or expired
        └── TaskTimeout         the waiting ended; the task may still run (a TimeoutError too)

The protocol core (every module but ``transport``, ``client``, ``worker`` and ``cli``) raises only the first two and
the outcomes of tasks. All of them can be pickled and keep their attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celeriac.text import safe_repr


class CeleriacError(Exception):
    """Base of all errors of this package."""


class InvalidMessage(CeleriacError):
    """What was received breaks the protocol.

    Parsers raise nothing else, whatever the bytes. A worker settles such a message without requeueing it, and stores a
    failure when ``task_id`` is known.

    Attributes:
        reason: what is wrong and what it has to be.
        task_id: id of the task when the message lets it be read, else ``None``.
        task: name of the task when it can be read, else ``None``.
        field: name of the wire field at fault, else ``None``.

    """

    def __init__(
        self, reason: str, *, task_id: str | None = None, task: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.task_id = task_id
        self.task = task
        self.field = field

    def about(self, task_id: object, task: object) -> InvalidMessage:
        """Fill in whose message it is, when that is not known yet and the given values are readable text."""
        if self.task_id is None and isinstance(task_id, str) and task_id:
            self.task_id = task_id
        if self.task is None and isinstance(task, str) and task:
            self.task = task
        return self


class InvalidCall(CeleriacError, ValueError):
    """The caller asked for something that cannot be written; nothing was sent. The text says what to change."""


class TransportError(CeleriacError):
    """The broker, or the connection to it, failed."""


class BrokerUnavailable(TransportError):
    """No connection could be made within the connect timeout."""


class PublishFailed(TransportError):
    """The broker did not confirm a message in time, or the connection ended before: it may have arrived."""


class PublishRefused(PublishFailed):
    """The broker refused or returned messages, as it would again: no such queue or exchange, a full queue.

    Attributes:
        refused: the messages in question, as they were handed to the transport.

    """

    def __init__(self, reason: str, refused: Iterable[Any] = ()) -> None:
        super().__init__(reason)
        self.refused = tuple(refused)


class ResultError(CeleriacError):
    """A task did not end with a value.

    Attributes:
        task_id: id of the task, ``None`` when unknown.

    """

    def __init__(self, *args: Any, task_id: str | None = None) -> None:
        super().__init__(*args)
        self.task_id = task_id


class TaskFailure(ResultError):
    """The task raised an exception. The exception's class is named, never imported or instantiated.

    ``str()`` gives the form of a traceback's last line, ``ValueError: text``.

    Attributes:
        exc_type: qualified class name, as ``ValueError`` or ``Outer.NestedError``.
        exc_args: arguments of the exception, decoded values.
        exc_module: module of the class, ``None`` when not told.
        traceback: text of the traceback, ``None`` when not told.
        task_id: id of the task, ``None`` when unknown.

    """

    def __init__(
        self,
        exc_type: str,
        exc_args: Iterable[Any] = (),
        *,
        exc_module: str | None = None,
        traceback: str | None = None,
        task_id: str | None = None,
    ) -> None:
        self.exc_args = tuple(exc_args)
        super().__init__(exc_type, self.exc_args, task_id=task_id)
        self.exc_type = exc_type
        self.exc_module = exc_module
        self.traceback = traceback

    def __str__(self) -> str:
        if not self.exc_args:
            return self.exc_type
        if len(self.exc_args) == 1 and isinstance(self.exc_args[0], str):
            return f"{self.exc_type}: {self.exc_args[0]}"
        return f"{self.exc_type}: {safe_repr(self.exc_args[0] if len(self.exc_args) == 1 else self.exc_args)}"


class NotRegistered(TaskFailure):
    """No task of that name is registered with the worker that received the message."""


class TaskRevoked(ResultError):
    """The task was revoked, terminated or had expired before it ran; the text is the reason that was stored."""


class TaskTimeout(ResultError, TimeoutError):
    """The waiting ended before the result came. The task may still run, and its result may still come."""
