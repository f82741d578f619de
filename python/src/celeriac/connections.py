"""The connections of one process: idle publishers, and the reader of results."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from celeriac.announcing import own_event, task_sent
from celeriac.errors import InvalidCall, PublishRefused, TransportError
from celeriac.events import EVENT_EXCHANGE, Event, EventMessage
from celeriac.forms import Forms
from celeriac.ids import new_id
from celeriac.transport import (
    ClientLink,
    Document,
    GroupStore,
    Outgoing,
    ResultReader,
    counts_chords,
    open_client_link,
    open_groups,
    open_reader,
)

logger = logging.getLogger("celeriac.client")

#: Seconds that groups are kept unless the application says otherwise.
RESULT_EXPIRES = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How calls are delivered.

    Attributes:
        answered: whether results are awaited.
        headers: for all messages.
        pauses: seconds to wait before each further try to send what could not be sent.
        told: whether monitors are told of it.
        confirm: whether to wait until the broker has the messages.

    """

    answered: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    pauses: Iterator[float] = field(default_factory=lambda: iter(()))
    told: bool = False
    confirm: bool = True


class Connections:
    """Publishers, lent to one thread at a time, and the reader of results, shared by all. Safe for many threads.

    Attributes:
        pid: the process that they belong to; a connection cannot be shared with a process forked from it.
        oid: name of the queue that answers over rpc:// come to.
        origin: how messages name their sender.
        calls: forms of calls by name.
        signatures: forms of signatures.

    """

    def __init__(
        self,
        broker: str,
        backend: str | None,
        connect_timeout: float,
        is_end: Callable[[Document], bool],
        result_expires: int = RESULT_EXPIRES,
    ) -> None:
        self.pid = os.getpid()
        self.oid = new_id()
        self.origin = f"gen{self.pid}@{socket.gethostname()}"
        self.calls, self.signatures = Forms(), Forms()
        self._broker = broker
        self._backend = backend
        self._connect_timeout = connect_timeout
        self._is_end = is_end
        #: By whether they confirm.
        self._idle: dict[bool, list[ClientLink]] = {True: [], False: []}
        #: Logical clock of its events.
        self._clock = itertools.count(1)
        self._result_expires = result_expires
        self._reader: ResultReader | None = None
        self._groups: GroupStore | None = None
        self._lock = threading.Lock()
        self._closed = False

    def deliver(self, batch: Sequence[Outgoing], sizes: Sequence[tuple[str, int]], manner: Manner) -> None:
        """Publish, once who waits for answers can hear them, and who counts knows how far.

        ``sizes`` are those of chords. Raises as ``publish``. What is tried again is sent whole: with a confirmation
        that was lost, some of it may arrive twice.
        """
        if manner.headers:
            batch = [replace(outgoing, wire=outgoing.wire.with_headers(manner.headers)) for outgoing in batch]
        if manner.answered:
            _persist(self.reader().prepare, manner.pauses)
        groups = self.groups() if sizes else None
        if groups is not None:
            _persist(lambda: groups.expect(sizes), manner.pauses)
        _persist(lambda: self.publish(batch, confirm=manner.confirm), manner.pauses)
        if manner.told:
            self._tell([self._sent(outgoing) for outgoing in batch])

    def _sent(self, outgoing: Outgoing) -> Event:
        headers, to = outgoing.wire.whole.headers, (outgoing.exchange, outgoing.routing_key)
        return task_sent(headers, *to, **self._about(self.origin))

    def publish(self, batch: Sequence[Outgoing], *, confirm: bool = True) -> None:
        """Publish on an idle connection that is still up, else on a new one. Raises as ``Publisher.publish``."""
        with self._lent(confirm=confirm) as link:
            link.publisher.publish(batch)

    def announce(self, kind: str, task_id: str, told: Mapping[str, Any], hostname: str) -> None:
        """Tell monitors of a task in the application's own words. Raises ``InvalidCall`` for what cannot be written."""
        self._tell([own_event(kind, task_id, told, **self._about(hostname))])

    def _about(self, hostname: str) -> dict[str, Any]:
        return {
            "hostname": hostname,
            "utcoffset": 0.0,
            "pid": self.pid,
            "clock": next(self._clock),
            "timestamp": time.time(),
        }

    def _tell(self, events: Sequence[Event]) -> None:
        """Send events, each by itself (EV-FORM-005). They are news: where the broker is away, they are lost."""
        messages = [EventMessage.create(event.hostname, (event,), is_array=False) for event in events]
        wires = [(message.routing_key, message.build()) for message in messages]
        try:
            with self._lent() as link:
                for routing_key, wire in wires:
                    link.post.send(EVENT_EXCHANGE, routing_key, wire)
        except TransportError as error:
            logger.warning("Monitors were not told of %d event(s): %s", len(wires), error)

    @contextmanager
    def _lent(self, *, confirm: bool = True) -> Iterator[ClientLink]:
        """A connection of one's own; it is kept unless something went wrong with it."""
        link = self._lend(confirm)
        try:
            yield link
        except (PublishRefused, InvalidCall):
            self._give_back(link, confirm)
            raise
        except BaseException:
            link.close()
            raise
        self._give_back(link, confirm)

    def _lend(self, confirm: bool) -> ClientLink:
        while True:
            with self._lock:
                link = self._idle[confirm].pop() if self._idle[confirm] else None
            if link is None:
                return open_client_link(self._broker, connect_timeout=self._connect_timeout, confirm=confirm)
            if link.publisher.is_alive():
                return link
            link.close()

    def _give_back(self, link: ClientLink, confirm: bool) -> None:
        with self._lock:
            if not self._closed:
                self._idle[confirm].append(link)
                return
        link.close()

    def reader(self) -> ResultReader:
        """The reader of results, made when it is first asked for. Raises ``InvalidCall`` without a backend."""
        if self._backend is None:
            raise InvalidCall(
                "no result backend: name one, as in Celeriac(..., backend='rpc://') or backend='redis://localhost/0'"
            )
        with self._lock:
            if self._reader is None:
                self._reader = open_reader(
                    self._broker,
                    self._backend,
                    self.oid,
                    connect_timeout=self._connect_timeout,
                    is_end=self._is_end,
                )
            return self._reader

    def groups(self) -> GroupStore | None:
        """The groups that the backend keeps; None where it keeps none."""
        if self._backend is None or not counts_chords(self._backend):
            return None
        with self._lock:
            if self._groups is None:
                self._groups = open_groups(
                    self._backend, expires=self._result_expires, connect_timeout=self._connect_timeout
                )
            return self._groups

    def close(self) -> None:
        """Close what is idle; what is lent, when it is given back. May be called twice."""
        with self._lock:
            self._closed = True
            groups, self._groups = self._groups, None
            idle, self._idle = self._idle, {True: [], False: []}
            reader, self._reader = self._reader, None
        for link in (*idle[True], *idle[False]):
            link.close()
        if groups is not None:
            groups.close()
        if reader is not None:
            with suppress(TransportError):
                reader.close()


def _persist(step: Callable[[], None], pauses: Iterator[float]) -> None:
    """Take a step, again after each pause while the broker cannot be reached. What it refuses is not tried again."""
    while True:
        try:
            return step()
        except TransportError as error:
            pause = None if isinstance(error, PublishRefused) else next(pauses, None)
            if pause is None:
                raise
            logger.warning("Not sent, trying again in %g s: %s", pause, error)
        time.sleep(pause)
