"""Reading an AMQP connection in bulk: many frames for one system call, whole messages at once.

py-amqp reads each frame with three calls and takes each message through three dispatches. What comes by the thousand,
deliveries and confirmations, is read here; every other frame is handed on to py-amqp as it came.
"""

from __future__ import annotations

import mmap
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any, Protocol

from amqp.exceptions import UnexpectedFrame

#: Bytes to read at a time.
CHUNK = 1 << 18
METHOD, CONTENT_HEADER, BODY = 1, 2, 3
FRAME_END = 0xCE
#: Kind, channel and size of a frame; one more byte ends it.
FRAME = struct.Struct(">BHI")
OVERHEAD = FRAME.size + 1
#: Class and method of what is read here.
DELIVER, ACK, NACK = b"\x00\x3c\x00\x3c", b"\x00\x3c\x00\x50", b"\x00\x3c\x00\x78"
TAG_AND_BIT = struct.Struct(">QB")
#: Class, weight and size of the body, which stand before the properties of a content header.
HEADER = struct.Struct(">HHQ")


class Receiver(Protocol):
    """A consumer's callback that takes messages as they came. Called by py-amqp, it takes them as py-amqp's."""

    def __call__(self, message: Any) -> None:
        """Take a message of py-amqp's."""

    def take(
        self, tag: int, redelivered: bool, properties: bytes, body: bytes, address: tuple[str, str] | None
    ) -> None:
        """Take a delivery: its tag, the encoded properties; exchange and routing key where an exchange brought it."""


class Intake:
    """Reads what has come on a connection of py-amqp's. For the thread that owns the connection.

    Bytes that are left over stay in the buffer of py-amqp's transport, so that either of them may read next.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        #: Number of a channel -> what is told of its publisher confirms: tag, whether all up to it, whether taken.
        self.confirmations: dict[int, Callable[[int, bool, bool], None]] = {}
        sock = connection.transport.sock
        self._tls = not isinstance(sock, socket.socket) or isinstance(sock, ssl.SSLSocket)
        # Takes no memory before something is written to it, and no more than that.
        self._room = memoryview(mmap.mmap(-1, CHUNK, mmap.MAP_PRIVATE))

    @property
    def pending(self) -> bool:
        """Whether a whole frame was read already and not dispatched: what came before it raised an error."""
        data = self._connection.transport._read_buffer
        return len(data) >= OVERHEAD and len(data) >= OVERHEAD + FRAME.unpack_from(data)[2]

    def read(self, timeout: float) -> bool:
        """Read once, unless something is pending, and dispatch every whole frame; whether there may be more.

        Call it when something has come. Raises what py-amqp raises; ``TimeoutError`` when nothing came within
        ``timeout`` seconds, on a connection without TLS when nothing is there.
        """
        transport = self._connection.transport
        more = self.pending or self._receive(transport, timeout)
        while self._walk(transport, transport._read_buffer):
            pass
        return more

    def _receive(self, transport: Any, timeout: float) -> bool:
        """Read once; whether there may be more."""
        try:
            data = self._waited_for(transport, timeout) if self._tls else self._there(transport.sock)
        except BlockingIOError as error:
            raise TimeoutError from error
        except TimeoutError:
            raise
        except OSError:
            transport.connected = False
            raise
        if not data:
            transport.connected = False
            raise ConnectionResetError("the broker closed the connection")
        transport._read_buffer += data
        # TLS gives a record at a time.
        return self._tls or len(data) == CHUNK

    def _there(self, sock: socket.socket) -> bytes:
        """What is there, for one system call: to set a timeout, and to make room of this size, would take six more."""
        size = sock.recv_into(self._room, CHUNK, socket.MSG_DONTWAIT)
        return bytes(self._room[:size])

    @staticmethod
    def _waited_for(transport: Any, timeout: float) -> bytes:
        with transport.having_timeout(timeout):
            data: bytes = transport._quick_recv(CHUNK)
        return data

    def _walk(self, transport: Any, data: bytes) -> bool:
        """Dispatch frames up to the first that py-amqp has to see; whether there was one."""
        start, frames, end = 0, 0, len(data)
        while end - start >= OVERHEAD:
            kind, channel, size = FRAME.unpack_from(data, start)
            following = start + OVERHEAD + size
            if following > end:
                break
            taken = self._take(data, start + FRAME.size, following, channel) if kind == METHOD else 0
            frames += 1
            if not taken:
                transport._read_buffer = data[following:]
                self._connection.bytes_recv += frames - 1
                self._hand_on(data, kind, channel, start + FRAME.size, following)
                return True
            start = taken
        transport._read_buffer = data[start:]
        # What py-amqp counts to know that the broker lives.
        self._connection.bytes_recv += frames
        return False

    def _hand_on(self, data: bytes, kind: int, channel: int, start: int, following: int) -> None:
        if data[following - 1] != FRAME_END:
            raise UnexpectedFrame("the broker sent a frame without an end")
        self._connection.on_inbound_frame((kind, channel, data[start : following - 1]))

    def _take(self, data: bytes, start: int, following: int, channel: int) -> int:
        """Take a method frame, and what belongs to it; where the next frame begins, 0 for what is not taken here."""
        method = data[start : start + 4]
        if method == DELIVER:
            return self._deliver(data, start + 4, following, channel)
        told = self.confirmations.get(channel) if method in (ACK, NACK) else None
        if told is None or data[following - 1] != FRAME_END:
            return 0
        tag, bits = TAG_AND_BIT.unpack_from(data, start + 4)
        told(tag, bool(bits & 1), method == ACK)
        return following

    def _deliver(self, data: bytes, start: int, header: int, channel: int) -> int:
        """Take a delivery whose body is one frame or none, and all of it here."""
        until = start + 1 + data[start]
        known = self._connection.channels.get(channel)
        receiver = None if known is None else known.callbacks.get(data[start + 1 : until].decode("utf-8", "replace"))
        take = getattr(receiver, "take", None)
        content = _payload(data, header, CONTENT_HEADER, channel)
        if take is None or content is None or data[header - 1] != FRAME_END:
            return 0
        first, last = content
        size = HEADER.unpack_from(data, first)[2]
        body, following = b"", last + 1
        if size:
            whole = _payload(data, following, BODY, channel)
            if whole is None or whole[1] - whole[0] != size:
                return 0
            body, following = data[whole[0] : whole[1]], whole[1] + 1
        tag, bits = TAG_AND_BIT.unpack_from(data, until)
        named = until + TAG_AND_BIT.size
        # Most come by the name of their queue.
        address = _address(data, named) if data[named] else None
        take(tag, bool(bits & 1), data[first + HEADER.size : last], body, address)
        return following


def _address(data: bytes, start: int) -> tuple[str, str]:
    """The two short strings that begin there: exchange and routing key."""
    middle = start + 1 + data[start]
    end = middle + 1 + data[middle]
    return data[start + 1 : middle].decode("utf-8", "replace"), data[middle + 1 : end].decode("utf-8", "replace")


def _payload(data: bytes, start: int, kind: int, channel: int) -> tuple[int, int] | None:
    """Where the payload of a frame of this kind begins and ends; None when it is another, or not all of it there."""
    if len(data) - start < OVERHEAD:
        return None
    found, number, size = FRAME.unpack_from(data, start)
    last = start + FRAME.size + size
    if found != kind or number != channel or last >= len(data) or data[last] != FRAME_END:
        return None
    return start + FRAME.size, last
