"""The application's side of remote control and events: ``app.control`` asks workers, ``app.events`` listens to them.

app.control.ping()                           # {"w1@host": {"ok": "pong"}}
app.control.revoke(result.id, terminate=True)
for event in app.events(keys=["task.#"]):
    print(event.type, event.uuid)
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from celeriac.control import REPLY_EXCHANGE, REQUEST_EXCHANGE, ControlReply, ControlRequest
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.events import Event, EventMessage
from celeriac.framed import Framed
from celeriac.ids import new_id
from celeriac.settings import Settings
from celeriac.transport import Post, events_for, open_post, replies_to
from celeriac.wire import Wire

logger = logging.getLogger("celeriac.remote")

#: Seconds to wait for replies. Celery's.
TIMEOUT = 1.0
_PERSISTENT = 2
Message = TypeVar("Message", bound=Framed)


class Reachable(Protocol):
    """What is needed of an application."""

    @property
    def broker(self) -> str:
        """URL of the broker."""

    @property
    def conf(self) -> Settings:
        """Its settings."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one node says; ``reply`` is ``{"ok": text}``, ``{"error": text}``, or what was asked for."""

    node: str
    reply: Any


class Control:
    """Commands to workers: Celery's, and this package's. Each call connects, asks and closes; for any thread.

    ``destination`` names the nodes that are meant (None: all), ``timeout`` is how many seconds to wait for replies.
    Nobody knows how many nodes there are: who does not answer in time is not in the result. Raises
    ``BrokerUnavailable``; ``InvalidCall`` for arguments that cannot be written.
    """

    def __init__(self, app: Reachable) -> None:
        self._app = app

    def broadcast(
        self,
        method: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        destination: Sequence[str] | None = None,
        pattern: str | None = None,
        matcher: str | None = None,
        reply: bool = False,
        timeout: float = TIMEOUT,
        limit: int | None = None,
    ) -> list[Reply]:
        """Send a command; the replies in the order in which they come, or none when ``reply`` is false.

        ``pattern`` and ``matcher`` (``glob`` or ``pcre``) choose nodes by name. With ``limit`` the waiting ends with so
        many replies, without it when as many have come as ``destination`` names, or with ``timeout`` (CT-RPL-003).
        """
        if isinstance(destination, str):
            raise InvalidCall(f"destination is {destination!r}; it is a list of node names")
        key = new_id()
        request = ControlRequest(
            expires=time.time() + timeout,
            delivery_mode=_PERSISTENT,
            priority=0,
            method=method,
            arguments=dict(arguments or {}),
            destination=None if destination is None else list(destination),
            pattern=pattern,
            matcher=matcher,
            ticket=new_id() if reply else None,
            reply_to={"exchange": REPLY_EXCHANGE, "routing_key": key} if reply else None,
        )
        wire = request.build()
        # The queue for the replies is there before the request is sent (CT-REQ-006).
        subscription = replies_to(key) if reply else None
        post = open_post(self._app.broker, subscription, connect_timeout=self._app.conf.broker_connection_timeout)
        with contextlib.closing(post):
            post.send(REQUEST_EXCHANGE, "", wire)
            if not reply:
                return []
            enough = limit if limit is not None else len(destination) if destination else None
            return _replies(post, request, timeout, enough)

    def ask(
        self, method: str, /, *, destination: Sequence[str] | None = None, timeout: float = TIMEOUT, **arguments: Any
    ) -> dict[str, Any]:
        """Send a command with these arguments; the replies by node name."""
        found = self.broadcast(method, arguments, destination=destination, reply=True, timeout=timeout)
        return {reply.node: reply.reply for reply in found}

    def ping(self, *, destination: Sequence[str] | None = None, timeout: float = TIMEOUT) -> dict[str, Any]:
        """Who is there."""
        return self.ask("ping", destination=destination, timeout=timeout)

    def revoke(
        self,
        task_id: str | Sequence[str],
        *,
        terminate: bool = False,
        signal: str = "SIGTERM",
        destination: Sequence[str] | None = None,
        timeout: float = TIMEOUT,
    ) -> dict[str, Any]:
        """Have tasks not run; with ``terminate`` also ended where they run. ``ok`` is no proof (CT-REV-002)."""
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        given: list[Any] = ids
        if not given or not all(isinstance(one, str) and one for one in given):
            raise InvalidCall(f"task_id is {task_id!r}; it is the id of a task as text, or several (CT-REV-001)")
        arguments = {"task_id": ids, "terminate": terminate, "signal": signal}
        return self.ask("revoke", destination=destination, timeout=timeout, **arguments)

    def shutdown(self, *, destination: Sequence[str] | None = None) -> None:
        """Have workers finish what runs and leave. Nobody replies (CT-CMD-005)."""
        self.broadcast("shutdown", destination=destination)


def _replies(post: Post, request: ControlRequest, timeout: float, enough: int | None) -> list[Reply]:
    found: list[Reply] = []
    until = time.monotonic() + timeout
    while (left := until - time.monotonic()) > 0 and (enough is None or len(found) < enough):
        replies = [parsed(ControlReply, content) for content in post.receive(left)]
        # Late replies to an earlier question come with its ticket (CT-RPL-002).
        mine = (reply for reply in replies if reply is not None and reply.ticket == request.ticket)
        found += [Reply(reply.node, reply.reply) for reply in mine]
    return found if enough is None else found[:enough]


def parsed(kind: type[Message], content: Wire | InvalidMessage) -> Message | None:
    """What has come, read; None for what cannot be, which is logged and dropped."""
    try:
        if isinstance(content, InvalidMessage):
            raise content
        return kind.parse(content)
    except InvalidMessage as error:
        logger.warning("%s dropped: %s", kind.__name__, error)
        return None


class Events:
    """What workers and producers tell, as it comes: ``for event in app.events(): ...``. One thread's.

    Listens from the moment it is made, so that nothing is missed that happens after. Malformed messages are dropped
    (EV-FORM-008).
    """

    def __init__(self, app: Reachable, keys: Iterable[str] = ("#",)) -> None:
        subscription = events_for(new_id(), keys)
        self._post = open_post(app.broker, subscription, connect_timeout=app.conf.broker_connection_timeout)
        self._closed = False

    def receive(self, timeout: float) -> list[Event]:
        """The events that have come; waits up to so many seconds for the first. Raises ``BrokerUnavailable``."""
        return [event for message in self.messages(timeout) for event in message.events]

    def messages(self, timeout: float) -> list[EventMessage]:
        """Likewise, as they travelled: one message holds one event or several."""
        messages = [parsed(EventMessage, content) for content in self._post.receive(timeout)]
        return [message for message in messages if message is not None]

    def __iter__(self) -> Iterator[Event]:
        """Events without end, until ``close``."""
        while not self._closed:
            yield from self.receive(TIMEOUT)

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if not self._closed:
            self._closed = True
            self._post.close()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
