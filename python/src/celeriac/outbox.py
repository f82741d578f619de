"""What an application sends, and the connections that it sends it through."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Protocol

from celeriac.async_result import AsyncResult, Backend, is_end, result_of
from celeriac.calls import check_signature, to_call
from celeriac.canvas import chords_in
from celeriac.connections import Connections, Manner
from celeriac.declared import SentTask
from celeriac.eager import Eager
from celeriac.errors import InvalidCall
from celeriac.forms import Forms, may_have_form
from celeriac.ids import new_id
from celeriac.message import Message
from celeriac.planning import Sender, plan
from celeriac.retrying import RetryPolicy
from celeriac.routes import Habits
from celeriac.sending import Route
from celeriac.settings import Settings
from celeriac.signature import Signature
from celeriac.task import Runnable, current_request
from celeriac.tracing import Tracing
from celeriac.transport import GroupStore, Outgoing, ResultReader, counts_chords, sanitized
from celeriac.tree import Node
from celeriac.wire import Content, Filled, Wire


class Sending(Protocol):
    """What an outbox looks up in its application, which may change it at any time."""

    tasks: dict[str, Any]
    habits: Habits
    tracing: Tracing

    @property
    def conf(self) -> Settings:
        """The settings."""


@dataclass(frozen=True, slots=True)
class _Drafts:
    """What is sent for several calls; sizes of their chords, where their results will be, and their options."""

    batch: list[Outgoing]
    sizes: list[tuple[str, int]]
    results: list[Node]
    options: list[Mapping[str, Any]]

    def add(self, content: Content, to: Route) -> None:
        """A message."""
        self.batch.append(Outgoing(content, to.routing_key, to.exchange))

    def fill(self, filled: Filled, to: Route) -> None:
        """All that is sent for a call."""
        self.add(filled, to)
        self.results.append(Node(filled.id))


def _build(message: Message, _to: Route) -> Wire:
    return message.build()


class Outbox:
    """Sends for ``app``. Nothing is connected before the first message; ``close`` lets it connect anew.

    May be used by many threads, and after a fork. ``backend`` is what results are read from; ``revoke`` revokes tasks.
    """

    def __init__(self, app: Sending, revoke: Callable[..., object]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._connections: Connections | Eager | None = None
        self.backend = Backend(self.reader, self.groups, revoke)

    # -- sending

    def call(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> SentTask:
        """Send a task by its name. Raises as ``Celeriac.send_task``."""
        defaults = self._defaults(Signature(task=name, args=args, kwargs=kwargs or {}, options=options))
        parent = current_request.get()
        if parent is not None:
            defaults["root_id"] = parent.root_id or parent.id
            defaults["parent_id"] = parent.id
        whole = {**defaults, **options}
        connections, drafts = self.connected(), _Drafts([], [], [], [whole])
        filled = connections.calls.filled(name, args, {} if kwargs is None else kwargs, whole, new_id)
        if filled is not None:
            drafts.fill(*filled)
        else:
            call = to_call(name, args, kwargs, whole, self._app.conf.task_default_queue)
            message = call.message(connections.origin, connections.oid, new_id(), datetime.now(timezone.utc))
            route = Route(call.exchange, call.routing_key)
            drafts.add(connections.calls.learn(name, whole, message, route), route)
            drafts.results.append(Node(message.id))
        self._deliver(connections, drafts)
        return AsyncResult(drafts.results[0], self.backend)

    def apply(self, signatures: Iterable[Signature]) -> list[SentTask]:
        """Send signatures, their confirmations in flight together. Raises as ``Celeriac.send_task``."""
        connections = self.connected()
        drafts = self._drafted(signatures, connections)
        self._deliver(connections, drafts)
        return [result_of(result, self.backend) for result in drafts.results]

    def one_more(self, group_id: str, member: Signature) -> SentTask:
        """Send one more member of a chord, which is expected from then on. Raises as ``Celeriac.send_task``."""
        groups = self.groups()
        if groups is None:
            raise InvalidCall("a chord needs a backend that counts results; name a redis:// backend")
        connections = self.connected()
        drafts = self._drafted([member], connections)
        groups.expect_more(group_id)
        self._deliver(connections, drafts)
        return result_of(drafts.results[0], self.backend)

    def check_canvas(self, signature: Signature) -> None:
        """Raise ``InvalidCall`` for a chord that this application's backend could not count, naming the backend."""
        conf = self._app.conf
        backend = conf.result_backend
        if not chords_in(signature) or conf.task_always_eager or counts_chords(backend):
            return
        named = "there is none" if backend is None else f"{sanitized(backend)!r} does not"
        raise InvalidCall(
            f"a chord, as a group with a task after it, needs a result backend that counts, and {named}; name "
            "a Redis, as in Celeriac(..., backend='redis://localhost/0')"
        )

    def _defaults(self, call: Signature) -> dict[str, Any]:
        task: Runnable | None = self._app.tasks.get(call.task)
        return self._app.habits.defaults(call, None if task is None else task.options)

    def _drafted(self, signatures: Iterable[Signature], connections: Connections | Eager) -> _Drafts:
        """What is to be sent for signatures, all checked before anything is. Raises ``InvalidCall``."""
        request = current_request.get()
        sender = Sender(
            origin=connections.origin,
            now=datetime.now(timezone.utc),
            new_id=new_id,
            reply_to=connections.oid,
            parent=None if request is None else request.message,
            defaults=self._defaults,
        )
        drafts = _Drafts([], [], [], [])
        for signature in signatures:
            drafts.options.append(signature.options)
            if request is None and may_have_form(signature):
                self._draft_alike(signature, sender, connections.signatures, drafts)
            else:
                self._draft(signature, sender, drafts)
        return drafts

    def _draft_alike(self, task: Signature, sender: Sender, forms: Forms, drafts: _Drafts) -> None:
        """As ``_draft``, of a task whose message may be like others."""
        whole = {**self._defaults(task), **task.options}
        filled = forms.filled(task.task, task.args, task.kwargs, whole, new_id)
        if filled is not None:
            drafts.fill(*filled)
            return
        defaults = replace(sender, defaults=lambda _call: whole)
        self._draft(task, defaults, drafts, lambda message, to: forms.learn(task.task, whole, message, to))

    def _draft(
        self, signature: Signature, sender: Sender, drafts: _Drafts, build: Callable[[Message, Route], Wire] = _build
    ) -> None:
        """Add what is to be sent for a signature. Raises ``InvalidCall``."""
        check_signature(signature)
        self.check_canvas(signature)
        planned = plan(signature, sender)
        default = Route("", self._app.conf.task_default_queue)
        for message, said in planned.messages:
            route = said or default
            drafts.add(build(message, route), route)
        drafts.sizes.extend(planned.sizes)
        drafts.results.append(planned.result)

    def _deliver(self, connections: Connections | Eager, drafts: _Drafts) -> None:
        """Send what results are expected of, which the task that runs here has then as children."""
        conf = self._app.conf
        manner = Manner(
            answered=conf.result_backend is not None and not all(map(_ignores_result, drafts.batch)),
            headers=self._app.tracing.carried(),
            pauses=_pauses(conf, drafts.options),
            told=conf.task_send_sent_event,
            confirm=any(one.get("confirm", True) for one in drafts.options),
        )
        connections.deliver(drafts.batch, drafts.sizes, manner)
        parent = current_request.get()
        if parent is not None:
            parent.children.extend(drafts.results)

    # -- connections

    def connected(self) -> Connections | Eager:
        """The connections of this process; in an eager application, what takes their place."""
        with self._lock:
            connections = self._connections
            # Connections must not be shared with the process that this one was forked from.
            if connections is None or connections.pid != os.getpid():
                eager = self._app.conf.task_always_eager
                connections = self._connections = self._eager() if eager else self._remote()
            return connections

    def _remote(self) -> Connections:
        conf = self._app.conf
        return Connections(
            conf.broker_url, conf.result_backend, conf.broker_connection_timeout, is_end, conf.result_expires
        )

    def _eager(self) -> Eager:
        conf = self._app.conf
        return Eager(
            self._app.tasks, self._defaults, queue=conf.task_default_queue, propagates=conf.task_eager_propagates
        )

    def reader(self) -> ResultReader:
        """The reader of results. Raises ``InvalidCall`` where there is no backend."""
        return self.connected().reader()

    def groups(self) -> GroupStore | None:
        """Where groups are kept; None: the backend keeps none."""
        return self.connected().groups()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is not None and connections.pid == os.getpid():
            connections.close()


def _ignores_result(outgoing: Outgoing) -> bool:
    wire = outgoing.wire.form.like if isinstance(outgoing.wire, Filled) else outgoing.wire
    return bool(wire.headers["ignore_result"])


def _pauses(conf: Settings, options: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """How long to wait before trying again: as the first of these options says that does, else as the settings do."""
    said = next((one for one in options if "retry" in one or "retry_policy" in one), {})
    if said.get("retry", conf.task_publish_retry or "retry_policy" in said):
        yield from RetryPolicy.of({**conf.task_publish_retry_policy, **said.get("retry_policy", {})}).pauses()
