"""One AMQP connection, on kombu's py-amqp transport: errors translated, waits bounded, safe to fork.

kombu reads the URL and opens the connection; from there on the channels are used as they are.
"""

from __future__ import annotations

import contextlib
import os
import select
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from amqp import spec
from amqp.exceptions import UnexpectedFrame
from amqp.method_framing import frame_handler
from kombu.connection import Connection
from kombu.transport.pyamqp import Channel

from celeriac.errors import BrokerUnavailable, InvalidCall
from celeriac.transport.amqp_intake import Intake
from celeriac.transport.base import CONNECT_TIMEOUT
from celeriac.transport.urls import sanitized

#: Seconds to wait for the rest of a frame whose beginning has come.
FRAME_TIMEOUT = 5.0
#: Seconds to wait for any answer, and for room to write, before the connection counts as lost.
SILENCE_TIMEOUT = 30.0
#: Seconds to wait for the broker's answer to a farewell.
CLOSE_TIMEOUT = 2.0
#: Seconds between heartbeats that a worker's connection asks for.
HEARTBEAT = 60

NOT_FOUND = 404
CONTENT_HEADER = 2
#: Class, weight and size of the body, which stand before the properties of a content header.
HEADER_START = 12
NO_PROPERTIES = b"\x00\x00"

_links: weakref.WeakSet[Link] = weakref.WeakSet()


def _forget_inherited() -> None:
    """Drop the connections of the parent in a process that was forked from it.

    Closing them would shut them down for the parent too, and so would py-amqp when they are garbage collected.
    """
    for link in list(_links):
        link.abandon()


os.register_at_fork(after_in_child=_forget_inherited)


class Link:
    """One AMQP connection. Errors of the driver become ``BrokerUnavailable``. Not for two threads at once.

    Raises ``BrokerUnavailable`` when no connection comes up within ``connect_timeout`` seconds.
    """

    def __init__(self, url: str, *, connect_timeout: float = CONNECT_TIMEOUT, heartbeat: int = 0) -> None:
        self.url = sanitized(url)
        options = {
            "read_timeout": SILENCE_TIMEOUT,
            "write_timeout": SILENCE_TIMEOUT,
            "frame_handler": lenient_frame_handler,
        }
        make: Any = Connection
        self._kombu = make(url, connect_timeout=connect_timeout, heartbeat=heartbeat, transport_options=options)
        self._transport = self._kombu.transport
        try:
            with self.translated():
                self._amqp = self._transport.establish_connection()
        except self.channel_errors as error:
            # A wrong password, which py-amqp takes for an error of a channel.
            raise BrokerUnavailable(f"the broker at {self.url} does not let us in: {error}") from error
        # Without it py-amqp spins on a socket that has nothing to read.
        self._amqp.transport.raise_on_initial_eintr = True
        #: Watches the socket, which is the same as long as the connection is.
        self._poll = select.poll()
        self._poll.register(self._socket(), select.POLLIN)
        #: Whether the broker has said that it takes no messages for now, being short of memory or disk.
        self.blocked = False
        self._amqp.on_blocked = lambda _reason: self._set_blocked(True)
        self._amqp.on_unblocked = lambda: self._set_blocked(False)
        #: Reads what comes; who waits for confirmations leaves word there.
        self.intake = Intake(self._amqp)
        _links.add(self)

    def _set_blocked(self, blocked: bool) -> None:
        self.blocked = blocked

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the driver's errors into ``BrokerUnavailable``; those that concern one channel pass through."""
        try:
            yield
        except self._transport.channel_errors:
            raise
        # AttributeError: what py-amqp raises when its connection went away underneath it.
        except (*self._transport.connection_errors, OSError, AttributeError) as error:
            reason = str(error) or type(error).__name__
            raise BrokerUnavailable(
                f"cannot reach the broker at {self.url}: {reason}; is it running, and are address, user, "
                "password and virtual host right?"
            ) from error

    @property
    def channel_errors(self) -> tuple[type[Exception], ...]:
        """What the broker's refusal of one call on a channel raises."""
        return tuple(self._transport.channel_errors)

    def channel(self, on_close: Callable[[Exception], None] | None = None) -> Channel:
        """Open a channel that leaves bodies as they are.

        ``on_close`` is told when the broker closes it; without, that is raised to whoever reads it, whatever for.
        """
        with self.translated():
            channel: Channel = self._amqp.channel()
        channel.auto_decode = False
        if on_close is not None:
            close = channel._callbacks[spec.Channel.Close]
            channel._callbacks[spec.Channel.Close] = partial(self._tell, on_close, close)
        return channel

    def _tell(self, on_close: Callable[[Exception], None], close: Callable[..., None], *reason: Any) -> None:
        try:
            close(*reason)
        except self.channel_errors as error:
            on_close(error)

    def fileno(self) -> int:
        """Descriptor of the socket."""
        return int(self._socket().fileno())

    def _socket(self) -> Any:
        # Asked for the socket of a closed connection, py-amqp would connect anew.
        if not self._amqp.connected or self._amqp.sock is None:
            raise BrokerUnavailable(f"the connection to {self.url} is closed")
        return self._amqp.sock

    def readable(self, timeout: float = 0.0) -> bool:
        """Whether something has come within ``timeout`` seconds."""
        sock = self._socket()
        if self.intake.pending:
            return True
        # TLS may hold decrypted bytes that the descriptor does not tell of.
        pending = getattr(sock, "pending", None)
        if pending is not None and pending():
            return True
        return bool(self._poll.poll(timeout * 1000))

    def drain(self) -> None:
        """Read and dispatch what has come; call it when ``readable``."""
        with self.translated(), contextlib.suppress(TimeoutError):
            self.intake.read(FRAME_TIMEOUT)

    def catch_up(self) -> None:
        """Read and dispatch all that has come, and wait for nothing."""
        self._socket()
        with self.translated(), contextlib.suppress(TimeoutError):
            while self.intake.read(0.0):
                pass

    @property
    def frame_max(self) -> int:
        """Largest frame that broker and client agreed on, in bytes."""
        return int(self._amqp.frame_max)

    def write(self, frames: bytes) -> None:
        """Write whole frames."""
        self._socket()
        with self.translated():
            self._amqp.transport.write(frames)
        # What py-amqp counts to know when a heartbeat is due.
        self._amqp.bytes_sent += 1

    def is_alive(self) -> bool:
        """Whether the connection is up, as far as can be told without asking the broker."""
        refusals: tuple[type[Exception], ...] = (BrokerUnavailable, *self.channel_errors)
        try:
            if self.readable():
                self.catch_up()
        except refusals:
            return False
        return True

    def tick(self) -> None:
        """Send a heartbeat when one is due; raise ``BrokerUnavailable`` when none came for too long."""
        self._socket()
        with self.translated():
            self._amqp.heartbeat_tick()

    def ensure_queue(self, name: str) -> None:
        """Leave a queue that exists as it is; declare one that does not: durable, without arguments.

        A declaration with other arguments than the queue has would be refused (406), so it is asked for first.
        """
        probe = self.channel()
        try:
            with self.translated():
                probe.queue_declare(name, passive=True)
                probe.close()
        except self.channel_errors as error:
            if getattr(error, "reply_code", None) != NOT_FOUND:
                raise InvalidCall(f"queue {name!r} cannot be used: {error}") from error
            self._declare_queue(name)

    def _declare_queue(self, name: str) -> None:
        channel = self.channel()
        try:
            with self.translated():
                channel.queue_declare(name, durable=True, auto_delete=False)
                channel.close()
        except self.channel_errors as error:
            raise InvalidCall(f"queue {name!r} cannot be declared: {error}") from error

    def close(self) -> None:
        """Close the connection, whatever state it is in; a broker that does not answer is not waited for."""
        with contextlib.suppress(BrokerUnavailable, *self.channel_errors), self.translated():
            self._socket().settimeout(CLOSE_TIMEOUT)
            self._amqp.close()
        self._amqp.collect()

    def abandon(self) -> None:
        """Let go of the connection without a word to the broker or to whoever else holds it."""
        transport = self._amqp.transport if self._amqp.connected else None
        if transport is not None and transport.sock is not None:
            transport.sock.close()
            transport.sock = None
            transport.connected = False


def lenient_frame_handler(connection: Any, callback: Callable[..., Any]) -> Callable[[Any], Any]:
    """py-amqp's frame handler, for brokers that hand on properties and header tables which py-amqp cannot read.

    It would give up the connection, again and again, because the message comes back each time. Such a message loses its
    properties here, so that it is refused as malformed like any other.
    """
    handle = frame_handler(connection, callback)

    def on_frame(frame: tuple[int, int, bytes]) -> Any:
        try:
            return handle(frame)
        except UnexpectedFrame:
            raise
        except Exception:
            kind, channel, payload = frame
            if kind != CONTENT_HEADER:
                raise
            return handle((kind, channel, payload[:HEADER_START] + NO_PROPERTIES))

    return on_frame
