"""What the sender of a task holds of it: its id, and the way to its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from celeriac.errors import TaskTimeout
from celeriac.result import TERMINAL, Result, State, outcome
from celeriac.transport import Document, ResultReader

R = TypeVar("R")


class AsyncResult(Generic[R]):
    """The result of a task that was sent: ``get`` waits for it."""

    def __init__(self, task_id: str, reader: Callable[[], ResultReader]) -> None:
        self.id = task_id
        self._reader = reader

    def __repr__(self) -> str:
        return f"<AsyncResult {self.id}>"

    def get(self, timeout: float | None = None) -> R:
        """Wait up to ``timeout`` seconds (None: for ever) for the task to end and return its value.

        Raises ``TaskFailure`` (``NotRegistered`` where no worker knows the task) if it failed, ``TaskRevoked`` if it
        was revoked or had expired, ``TaskTimeout`` if nothing came in time: the task may still run. ``InvalidCall``
        without a backend, ``InvalidMessage`` for a document that breaks the protocol, ``BrokerUnavailable``.
        """
        result = self._reader().wait(self.id, timeout, _terminal)
        if result is None:
            raise TaskTimeout(f"task {self.id} did not end within {timeout:g} seconds", task_id=self.id)
        value: R = outcome(result)
        return value

    def _known(self) -> Result | None:
        document = self._reader().fetch(self.id)
        return None if document is None else _parse(document)

    @property
    def state(self) -> str:
        """State as of now; PENDING also for what nobody has heard of.

        Raises what ``get`` raises, but for the task's own errors.
        """
        known = self._known()
        return State.PENDING.value if known is None else str(known.status)

    @property
    def result(self) -> Any:
        """Value, exception data or meta as the state has it; None while there is none."""
        known = self._known()
        return None if known is None else known.result

    @property
    def traceback(self) -> str | None:
        """Traceback of a task that failed or is to be retried, as text."""
        known = self._known()
        return None if known is None else known.traceback

    def ready(self) -> bool:
        """Whether the task has ended."""
        return self.state in TERMINAL

    def successful(self) -> bool:
        """Whether the task has ended with a value."""
        return self.state == State.SUCCESS

    def failed(self) -> bool:
        """Whether the task has ended with an error."""
        return self.state == State.FAILURE

    def forget(self) -> None:
        """Delete what the backend keeps of the task."""
        self._reader().forget(self.id)


def _parse(document: Document) -> Result:
    return Result.parse(document.body, document.content_type, document.content_encoding)


def _terminal(document: Document) -> Result | None:
    result = _parse(document)
    return result if result.status in TERMINAL else None
