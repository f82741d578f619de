"""Reads results from the client's own reply queue (``rpc://``), for many threads over one connection."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from celeriac.errors import BrokerUnavailable
from celeriac.transport.amqp_link import Link
from celeriac.transport.base import Document
from celeriac.transport.patience import Patience

T = TypeVar("T")

#: How the reply queue is declared by Celery 5.7 (BR-AMQP); other arguments would be refused with 406. Milliseconds.
REPLY_QUEUE_EXPIRES = 86_400_000
#: Tasks whose answers are kept until somebody asks; the oldest goes first. Celery keeps as many.
KEPT_TASKS = 8192
#: Seconds after which a waiting thread looks whether the thread that reads the connection has left.
HANDOVER = 1.0
#: Seconds to wait for the connection while another thread has it, before looking whether it is up.
GLANCE = 0.01


class RpcReader:
    """Documents by correlation id, as they come to the queue named ``reply_to``.

    Whichever thread waits reads the connection for all; the others are told. Implements ``ResultReader``.
    ``is_end`` says whether a document is the end of its task.
    """

    def __init__(
        self, connect: Callable[[], Link], reply_to: str, is_end: Callable[[Document], bool] = lambda _document: False
    ) -> None:
        self._connect = connect
        self._is_end = is_end
        self._reply_to = reply_to
        self._link: Link | None = None
        self._closed = False
        #: Whether there has been a connection: an address that was never right is told at once.
        self._reached = False
        self._reading = threading.Lock()
        self._news = threading.Condition()
        self._kept: OrderedDict[str, Document] = OrderedDict()

    @property
    def reply_to(self) -> str | None:
        """See ``ResultReader.reply_to``."""
        return self._reply_to

    def prepare(self) -> None:
        """Declare and consume the reply queue. Raises ``BrokerUnavailable``."""
        while not self._reading.acquire(timeout=GLANCE):
            # A thread waits for its answer, perhaps to this very message. It watches the connection.
            if self._link is not None:
                return
        try:
            if self._link is not None and not self._link.is_alive():
                self._link.close()
                self._link = None
            self._open()
        finally:
            self._reading.release()

    def _open(self) -> Link:
        if self._closed:
            raise BrokerUnavailable(f"the reader of {self._reply_to} was closed")
        if self._link is None:
            link = self._connect()
            try:
                self._consume(link)
            except BaseException:
                link.close()
                raise
            self._link, self._reached = link, True
        return self._link

    def _consume(self, link: Link) -> None:
        try:
            channel = link.channel()
            with link.translated():
                channel.queue_declare(
                    self._reply_to, durable=True, auto_delete=True, arguments={"x-expires": REPLY_QUEUE_EXPIRES}
                )
                channel.basic_consume(self._reply_to, no_ack=True, callback=self._on_message)
        except link.channel_errors as error:
            raise BrokerUnavailable(f"the reply queue {self._reply_to!r} cannot be used: {error}") from error

    def fetch(self, task_id: str) -> Document | None:
        """See ``ResultReader.fetch``."""
        # Where another thread reads already, what has come is kept or about to be.
        if self._reading.acquire(blocking=False):
            try:
                self._drain(0.0, until=lambda: False)
            finally:
                self._reading.release()
        return self._kept.get(task_id)

    def wait(self, task_id: str, timeout: float | None, accept: Callable[[Document], T | None]) -> T | None:
        """See ``ResultReader.wait``."""
        deadline = None if timeout is None else time.monotonic() + timeout
        patience = Patience(deadline)
        looked_at: Document | None = None
        while True:
            document = self._kept.get(task_id)
            if document is not None and document is not looked_at:
                looked_at = document
                if (value := accept(document)) is not None:
                    return value
                continue
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                return None
            with patience.outliving(lambda: self._reached and not self._closed):
                self._wait_for_news(task_id, looked_at, HANDOVER if remaining is None else remaining)
                patience.restored()

    def _wait_for_news(self, task_id: str, looked_at: Document | None, timeout: float) -> None:
        if self._reading.acquire(blocking=False):
            try:
                self._drain(timeout, until=lambda: self._kept.get(task_id) is not looked_at)
            finally:
                self._reading.release()
                with self._news:
                    self._news.notify_all()
            return
        with self._news:
            if self._kept.get(task_id) is looked_at and self._reading.locked():
                self._news.wait(min(timeout, HANDOVER))

    def _drain(self, timeout: float, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + timeout
        link = self._open()
        try:
            while not until() and not self._closed:
                remaining = deadline - time.monotonic()
                if link.readable(max(0.0, min(HANDOVER, remaining))):
                    link.drain()
                elif remaining <= 0:
                    return
        except Exception as error:
            self._link = None
            link.close()
            if isinstance(error, link.channel_errors):
                raise BrokerUnavailable(f"the reply queue {self._reply_to!r} is gone: {error}") from error
            raise

    def _on_message(self, message: Any) -> None:
        properties = message.properties
        task_id = properties.get("correlation_id")
        if not task_id:
            return
        body = message.body
        document = Document(
            task_id,
            body if isinstance(body, bytes) else b"",
            properties.get("content_type") or "",
            properties.get("content_encoding") or "",
        )
        with self._news:
            kept = self._kept.get(task_id)
            # The first end counts (RS-STATE-009), also when a second comes before anybody has looked.
            if kept is not None and self._is_end(kept):
                return
            self._kept[task_id] = document
            self._kept.move_to_end(task_id)
            while len(self._kept) > KEPT_TASKS:
                self._kept.popitem(last=False)
            self._news.notify_all()

    def forget(self, task_id: str) -> None:
        """See ``ResultReader.forget``."""
        with self._news:
            self._kept.pop(task_id, None)

    def close(self) -> None:
        """See ``ResultReader.close``."""
        self._closed = True
        with self._reading:
            if self._link is not None:
                self._link.close()
                self._link = None
