"""Tasks that run where they are sent, for tests: what the setting ``task_always_eager`` switches on.

There is no broker and no worker. Each message is written and read, its task is run at once, and what follows in a
worker follows here: hooks, callbacks, chains, chords, errbacks, retries, states and results. When it has to be run, and
for how long it may, does not count: eta, countdown, expires, time and rate limits.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar

from celeriac import lifecycle
from celeriac.aio import run_here
from celeriac.announcing import own_event
from celeriac.connections import Manner
from celeriac.errors import CeleriacError, InvalidCall
from celeriac.execution import around, errbacks
from celeriac.execution.builtin import with_builtins
from celeriac.execution.counting import chord_member, chord_part
from celeriac.execution.ending import instead, raised
from celeriac.following import ChordError, broken_off, gathered
from celeriac.forms import Forms
from celeriac.ids import new_id
from celeriac.job import Address, Job
from celeriac.lifecycle_events import Action, Call, Count, Event, Failed, Phase, Send, Size, Store, Succeeded, Unsent
from celeriac.message import Message
from celeriac.signature import Signature
from celeriac.task import Request, Runnable, current_request
from celeriac.text import safe_repr
from celeriac.transport import ChordPart, Document, Gathered, Outgoing
from celeriac.tree import saved_group
from celeriac.wire import Wire

T = TypeVar("T")


@dataclass(slots=True)
class Kept:
    """Results, in memory. Implements ``ResultReader``."""

    reply_to: str | None = None
    documents: dict[str, Document] = field(default_factory=dict)

    def prepare(self) -> None:
        """See ``ResultReader.prepare``."""

    def fetch(self, task_id: str) -> Document | None:
        """See ``ResultReader.fetch``."""
        return self.documents.get(task_id)

    def wait(self, task_id: str, timeout: float | None, accept: Callable[[Document], T | None]) -> T | None:
        """See ``ResultReader.wait``. What was to come is there. Raises ``InvalidCall`` rather than wait for ever."""
        document = self.documents.get(task_id)
        value = None if document is None else accept(document)
        if value is None and timeout is None:
            raise InvalidCall(f"task {task_id} ran where it was sent and left no result: there is none to wait for")
        return value

    def forget(self, task_id: str) -> None:
        """See ``ResultReader.forget``."""
        self.documents.pop(task_id, None)

    def close(self) -> None:
        """See ``ResultReader.close``."""


@dataclass(slots=True)
class Groups:
    """Chords and groups, in memory. Implements ``GroupStore``."""

    sizes: dict[str, int] = field(default_factory=dict)
    parts: dict[str, dict[str, ChordPart]] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)

    def expect(self, sizes: Sequence[tuple[str, int]]) -> None:
        """See ``GroupStore.expect``."""
        self.sizes.update(sizes)

    def expect_more(self, group_id: str, more: int = 1) -> None:
        """See ``GroupStore.expect_more``."""
        self.sizes[group_id] = self.sizes.get(group_id, 0) + more

    def count(self, parts: Sequence[ChordPart]) -> list[Gathered | None]:
        """See ``GroupStore.count``."""
        return [self._counted(part) for part in parts]

    def _counted(self, part: ChordPart) -> Gathered | None:
        there = self.parts.setdefault(part.group_id, {})
        there.setdefault(part.task_id, part)
        if len(there) != self.sizes.get(part.group_id):
            return None
        ordered = sorted(there.values(), key=lambda one: (one.index is None, one.index or 0))
        return Gathered(self.saved.get(part.group_id), [one.entry for one in ordered])

    def finish(self, part: ChordPart, *, broken: bool) -> None:  # noqa: ARG002  # nothing is kept for a look
        """See ``GroupStore.finish``."""
        self.sizes.pop(part.group_id, None)
        self.parts.pop(part.group_id, None)

    def save(self, group_id: str, document: bytes) -> None:
        """See ``GroupStore.save``."""
        self.saved[group_id] = document

    def load(self, group_id: str) -> bytes | None:
        """See ``GroupStore.load``."""
        return self.saved.get(group_id)

    def forget(self, group_id: str) -> None:
        """See ``GroupStore.forget``."""
        self.saved.pop(group_id, None)

    def close(self) -> None:
        """See ``GroupStore.close``."""


class Eager:
    """Takes the place of ``Connections``. ``tasks`` are those that can run, ``defaults`` gives options of calls.

    With ``propagates`` what a task raises is raised where it was sent, once everything has followed from it.
    """

    def __init__(
        self,
        tasks: Mapping[str, Runnable],
        defaults: Callable[[Signature], Mapping[str, Any]],
        *,
        queue: str,
        propagates: bool,
    ) -> None:
        self.pid = os.getpid()
        self.oid = new_id()
        self.origin = f"gen{self.pid}@{socket.gethostname()}"
        self.calls, self.signatures = Forms(), Forms()
        self._declared = tasks
        self._tasks: Mapping[str, Runnable] = {}
        self._defaults = defaults
        self._queue = queue
        self._propagates = propagates
        self._kept = Kept()
        self._groups = Groups()

    # -- as Connections

    def deliver(
        self,
        batch: Sequence[Outgoing],
        sizes: Sequence[tuple[str, int]],
        manner: Manner,  # noqa: ARG002  # nobody waits at a queue
    ) -> None:
        """Run them, one after the other. Raises ``InvalidCall`` before the first for a task that is not known here."""
        self._tasks = with_builtins(self._declared)
        wires = [outgoing.wire.whole for outgoing in batch]
        for wire in wires:
            self._known(wire.headers["task"])
        self._groups.expect(sizes)
        for wire in wires:
            self._run(wire)

    def announce(self, kind: str, task_id: str, told: Mapping[str, Any], hostname: str) -> None:
        """Tell nobody. Raises ``InvalidCall`` for what could not be told."""
        own_event(kind, task_id, told, hostname=hostname, timestamp=0.0).build()

    def reader(self) -> Kept:
        """Where the results are."""
        return self._kept

    def groups(self) -> Groups:
        """Where groups are."""
        return self._groups

    def close(self) -> None:
        """Forget nothing: results may still be read."""

    # -- as a worker

    def _known(self, name: str) -> Runnable:
        task = self._tasks.get(name)
        if task is None:
            raise InvalidCall(f"no task named {name!r} is declared here, where task_always_eager would have it run")
        return task

    def _run(self, sent: Wire) -> None:
        # Arguments are what a worker would get: a tuple becomes a list.
        message = Message.parse(sent)
        task = self._known(message.task)
        request = Request(message, self._queue, False, self.origin, store=self._storing(message))
        event = self._follow(message, self._ran(task, request))
        around.after(task, request, event)
        if self._propagates and isinstance(event, Failed):
            raise event.error

    def _storing(self, message: Message) -> Callable[[str, Any], None]:
        return lambda state, meta: self._perform(message, (lifecycle.noted(message, state, meta),))

    def _ran(self, task: Runnable, request: Request) -> Event:
        first = (task,) if task.options.bind else ()
        token = current_request.set(request)
        started = time.perf_counter()
        try:
            around.before(task, request)
            value = run_here(task.run(*first, *request.args, **request.kwargs))
        except Exception as error:  # noqa: BLE001  # whatever a task raises is its result
            return raised(error, request, task.options)
        finally:
            current_request.reset(token)
        return Succeeded(value, tuple(request.children), time.perf_counter() - started)

    def _follow(self, message: Message, event: Event) -> Event:
        """Do what follows; gives the event that took its place where that cannot be written."""
        try:
            _, actions = lifecycle.step(Phase.RUNNING, event, self._job(message))
            self._perform(message, actions)
        except CeleriacError as error:
            if isinstance(event, Unsent):
                raise
            return self._follow(message, instead(event, error))
        return event

    def _job(self, message: Message) -> Job:
        return Job(
            message=message,
            address=Address(message.id, message.reply_to, message.correlation_id),
            options=self._known(message.task).options,
            queue=self._queue,
            default_queue=self._queue,
            origin=self.origin,
            now=datetime.now(timezone.utc),
            new_id=new_id,
            hostname=self.origin,
            pid=self.pid,
            counts_chords=True,
            defaults=self._defaults,
            runs_inside=lambda errback: errbacks.runs_inside(errback, self._tasks),
        )

    def _perform(self, message: Message, actions: Sequence[Action]) -> None:
        """Store first: what runs next may look for it. Settling is nothing here."""
        for action in actions:
            match action:
                case Store(result, _, _):
                    encoded = result.build()
                    self._kept.documents[result.task_id] = Document(
                        result.task_id, encoded.body, encoded.content_type, encoded.content_encoding
                    )
                case Size(group_id, size):
                    self._groups.expect([(group_id, size)])
        for action in actions:
            match action:
                case Call():
                    request = Request(action.message, self._queue, False, self.origin)
                    errbacks.bound(action, self._tasks, request)()
                case Send(following, _):
                    self._run(following.build())
                case Count():
                    self._count(message, action)

    def _count(self, message: Message, count: Count) -> None:
        part = chord_part(count)
        (all_there_is,) = self._groups.count([part])
        if all_there_is is None:
            return
        job = self._job(message)
        self._groups.finish(part, broken=False)
        try:
            members = [chord_member(entry) for entry in all_there_is.entries]
            saved = None if all_there_is.saved is None else saved_group(all_there_is.saved)
            actions = gathered(job, count, members, saved)
        except CeleriacError as error:
            actions = broken_off(job, count.body, ChordError(f"Callback error: {safe_repr(error)}"))
        self._perform(message, actions)
