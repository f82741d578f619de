"""The connections of one process: idle publishers, and the reader of results."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from celeriac.errors import InvalidCall, PublishRefused, TransportError
from celeriac.message import Message
from celeriac.sending import Route
from celeriac.transport import (
    Document,
    GroupStore,
    Outgoing,
    Publisher,
    ResultReader,
    counts_chords,
    open_groups,
    open_publisher,
    open_reader,
)

#: Seconds that groups are kept unless the application says otherwise.
RESULT_EXPIRES = 86_400


class Connections:
    """Publishers, lent to one thread at a time, and the reader of results, shared by all. Safe for many threads.

    Attributes:
        pid: the process that they belong to; a connection cannot be shared with a process forked from it.
        oid: name of the queue that answers over rpc:// come to.
        origin: how messages name their sender.

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
        self.oid = str(uuid.uuid4())
        self.origin = f"gen{self.pid}@{socket.gethostname()}"
        self._broker = broker
        self._backend = backend
        self._connect_timeout = connect_timeout
        self._is_end = is_end
        self._idle: list[Publisher] = []
        self._result_expires = result_expires
        self._reader: ResultReader | None = None
        self._groups: GroupStore | None = None
        self._lock = threading.Lock()

    def deliver(
        self,
        messages: Sequence[tuple[Message, Route | None]],
        sizes: Sequence[tuple[str, int]],
        default_queue: str,
        *,
        answered: bool,
        headers: Mapping[str, str],
    ) -> None:
        """Publish, once who waits for answers (if they are ``answered``) can hear them, and who counts knows how far.

        ``headers`` are for all of them. ``sizes`` are those of chords. Raises as ``publish``; nothing was sent when a
        message cannot be written.
        """
        default = Route("", default_queue)
        batch = [
            Outgoing(message.build().with_headers(headers), (route or default).routing_key, (route or default).exchange)
            for message, route in messages
        ]
        if answered:
            self.reader().prepare()
        groups = self.groups() if sizes else None
        if groups is not None:
            groups.expect(sizes)
        self.publish(batch)

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Publish on an idle connection that is still up, else on a new one. Raises as ``Publisher.publish``."""
        publisher = self._lend()
        try:
            publisher.publish(batch)
        except (PublishRefused, InvalidCall):
            self._give_back(publisher)
            raise
        except BaseException:
            publisher.close()
            raise
        self._give_back(publisher)

    def _lend(self) -> Publisher:
        while True:
            with self._lock:
                publisher = self._idle.pop() if self._idle else None
            if publisher is None:
                return open_publisher(self._broker, connect_timeout=self._connect_timeout)
            if publisher.is_alive():
                return publisher
            publisher.close()

    def _give_back(self, publisher: Publisher) -> None:
        with self._lock:
            self._idle.append(publisher)

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
        """Close what is idle. May be called twice."""
        with self._lock:
            groups, self._groups = self._groups, None
            idle, self._idle = self._idle, []
            reader, self._reader = self._reader, None
        for publisher in idle:
            publisher.close()
        if groups is not None:
            groups.close()
        if reader is not None:
            with suppress(TransportError):
                reader.close()
