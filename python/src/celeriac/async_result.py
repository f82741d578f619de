"""What the sender of tasks holds of them: their ids, and the way to their results."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from celeriac.aio import in_thread
from celeriac.errors import InvalidCall, InvalidMessage, ResultError, TaskTimeout
from celeriac.result import TERMINAL, Result, State, outcome
from celeriac.transport import Document, GroupStore, ResultReader
from celeriac.tree import Node, saved_document

R = TypeVar("R")

#: Seconds after which a thread that waits for a result looks whether anybody still awaits it.
SLICE = 5.0


@dataclass(frozen=True, slots=True)
class Backend:
    """How results are reached, and their tasks called off.

    ``reader`` raises ``InvalidCall`` without a backend; ``groups`` gives None where the backend keeps none. ``revoke``
    takes ids, ``terminate`` and ``signal``.
    """

    reader: Callable[[], ResultReader]
    groups: Callable[[], GroupStore | None]
    revoke: Callable[..., object]


class AsyncResult(Generic[R]):
    """The result of a task that was sent: ``get`` waits for it.

    Attributes:
        id: id of the task.
        parent: result of the step before it in a chain, of a chord's header; None where it is not known.

    """

    def __init__(self, node: Node, backend: Backend) -> None:
        self.id = node.id
        self.parent: AsyncResult[Any] | None = None if node.parent is None else result_of(node.parent, backend)
        self._node = node
        self._backend = backend

    def __repr__(self) -> str:
        return f"<AsyncResult {self.id}>"

    def get(self, timeout: float | None = None, *, propagate: bool = True) -> R:
        """Wait up to ``timeout`` seconds (None: for ever) for the task to end and return its value.

        Raises ``TaskFailure`` (``NotRegistered`` where no worker knows the task) if it failed, ``TaskRevoked`` if it
        was revoked or had expired, ``TaskTimeout`` if nothing came in time: the task may still run. ``InvalidCall``
        without a backend, ``InvalidMessage`` for a document that breaks the protocol, ``BrokerUnavailable``. Unless
        ``propagate``, the error of a task that did not end with a value is returned in place of one.
        """
        result = self._backend.reader().wait(self.id, timeout, _terminal)
        if result is None:
            raise TaskTimeout(f"task {self.id} did not end within {timeout:g} seconds", task_id=self.id)
        try:
            value: R = outcome(result)
        except ResultError as error:
            if propagate:
                raise
            return error  # type: ignore[return-value]  # as asked for
        return value

    async def aget(self, timeout: float | None = None, *, propagate: bool = True) -> R:
        """As ``get``, for ``await``: a thread waits meanwhile, which ends within seconds where this is cancelled."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SLICE if deadline is None else min(SLICE, max(0.0, deadline - time.monotonic()))
            try:
                return await in_thread(lambda left=left: self.get(left, propagate=propagate))  # type: ignore[misc]
            except TaskTimeout:
                if deadline is not None and time.monotonic() >= deadline:
                    raise TaskTimeout(
                        f"task {self.id} did not end within {timeout:g} seconds", task_id=self.id
                    ) from None

    def _known(self) -> Result | None:
        document = self._backend.reader().fetch(self.id)
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
    def status(self) -> str:
        """Celery's other name for ``state``."""
        return self.state

    @property
    def info(self) -> Any:
        """Celery's other name for ``result``: of a task that tells of its progress, what it tells."""
        return self.result

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

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """Results of the tasks and groups that the task sent, as far as it has ended."""
        known = self._known()
        return [result_of(Node.parse(child), self._backend) for child in (known.children if known else None) or ()]

    def collect(self, timeout: float | None = None) -> Iterator[tuple[AsyncResult[Any], Any]]:
        """Wait for the task, what it sent, what that sent, and so on: each result with its value.

        ``timeout`` is for all of it. Raises as ``get``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting: deque[AsyncResult[Any]] = deque([self])
        while waiting:
            result = waiting.popleft()
            yield result, result.get(None if deadline is None else max(0.0, deadline - time.monotonic()))
            waiting.extend(result.children)

    def revoke(self, *, terminate: bool = False, signal: str = "SIGTERM") -> None:
        """Ask all workers not to run it; with ``terminate`` also to end it where it runs. Waits for their answers.

        Raises ``BrokerUnavailable``. It may have ended before: ``state`` tells.
        """
        self._backend.revoke(self._ids(), terminate=terminate, signal=signal)

    def _ids(self) -> list[str]:
        return [self.id]

    def as_tuple(self) -> list[Any]:
        """The result tuple ``[[id, parent], members]``, which may travel as JSON; ``Celeriac.result_from`` reads it."""
        return self._node.as_tuple()

    def forget(self) -> None:
        """Delete what the backend keeps of the task."""
        self._backend.reader().forget(self.id)


class GroupResult(AsyncResult[list[Any]]):
    """The results of a group that was sent, in the order of its members: ``get`` waits for all of them."""

    def __init__(self, node: Node, backend: Backend) -> None:
        super().__init__(node, backend)
        if node.members is None:
            raise InvalidCall(f"{node.id} is the id of a task, not a group with members")
        self.results = [result_of(member, backend) for member in node.members]

    def __repr__(self) -> str:
        return f"<GroupResult {self.id} of {len(self.results)}>"

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[AsyncResult[Any]]:
        return iter(self.results)

    def __getitem__(self, index: int) -> AsyncResult[Any]:
        return self.results[index]

    def get(self, timeout: float | None = None, *, propagate: bool = True) -> list[Any]:
        """Wait up to ``timeout`` seconds (None: for ever) for all members; their values in order.

        Raises what ``AsyncResult.get`` of the first failed member raises; unless ``propagate``, the error stands in the
        list in place of a value. ``TaskTimeout`` when not all are over in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        values: list[Any] = []
        for member in self.results:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            values.append(member.get(left, propagate=propagate))
        return values

    #: Celery's other name for ``get``.
    join = get

    @property
    def state(self) -> str:
        """SUCCESS when all have ended with a value, FAILURE when one has not, else PENDING."""
        states = [member.state for member in self.results]
        if any(state in (State.FAILURE, State.REVOKED) for state in states):
            return State.FAILURE.value
        return State.SUCCESS.value if all(state == State.SUCCESS for state in states) else State.PENDING.value

    @property
    def result(self) -> list[Any]:
        """What each member has as of now."""
        return [member.result for member in self.results]

    @property
    def traceback(self) -> str | None:
        """That of the first member that has one."""
        return next((text for member in self.results if (text := member.traceback) is not None), None)

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """The members."""
        return list(self.results)

    def ready(self) -> bool:
        """Whether all members have ended."""
        return all(member.ready() for member in self.results)

    def waiting(self) -> bool:
        """Whether some member has not ended."""
        return not self.ready()

    def successful(self) -> bool:
        """Whether all members have ended with a value."""
        return all(member.successful() for member in self.results)

    def failed(self) -> bool:
        """Whether some member has ended with an error."""
        return any(member.failed() for member in self.results)

    def completed_count(self) -> int:
        """How many members have ended with a value."""
        return sum(member.successful() for member in self.results)

    def _ids(self) -> list[str]:
        return [task_id for member in self.results for task_id in member._ids()]

    def save(self) -> None:
        """Keep in the backend what the group is made of, for ``Celeriac.restore_group`` in another process.

        Raises ``InvalidCall`` where the backend is not Redis.
        """
        groups = self._backend.groups()
        if groups is None:
            raise InvalidCall("groups are kept in a redis:// backend alone: name one to save them")
        groups.save(self.id, saved_document(self._node))

    def forget(self) -> None:
        """Delete what the backend keeps of the members; and of the group, where it was saved."""
        for member in self.results:
            member.forget()
        groups = self._backend.groups()
        if groups is not None:
            groups.forget(self.id)


def result_of(node: Node, backend: Backend) -> AsyncResult[Any]:
    """The result that a result tuple points to."""
    return AsyncResult(node, backend) if node.members is None else GroupResult(node, backend)


def is_end(document: Document) -> bool:
    """Whether a document says that its task has ended; one that cannot be read does not."""
    try:
        return _terminal(document) is not None
    except InvalidMessage:
        return False


def _parse(document: Document) -> Result:
    return Result.parse(document.body, document.content_type, document.content_encoding)


def _terminal(document: Document) -> Result | None:
    result = _parse(document)
    return result if result.status in TERMINAL else None
