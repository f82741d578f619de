"""Hearing what is published on Redis, over connections that are kept: to connect takes longer than a short task."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import redis

from celeriac.transport.redis import SILENCE_TIMEOUT, connect

#: Connections that are kept while nobody listens.
IDLE = 10


class Ear:
    """One connection, which hears one channel at a time. Raises what redis-py raises."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._channel = b""

    def listen(self, channel: str) -> None:
        """Hear what is published on a channel; from here on nothing is missed."""
        self._connection.send_command("SUBSCRIBE", channel, check_health=False)
        self._channel = channel.encode()
        wanted = [b"subscribe", self._channel]
        deadline = time.monotonic() + SILENCE_TIMEOUT
        # What else comes is about the channel before.
        while (answer := self._next(deadline - time.monotonic())) is None or answer[:2] != wanted:
            if answer is None:
                raise redis.TimeoutError("a subscription was not answered")

    def hear(self, seconds: float) -> bytes | None:
        """Wait until something is published, or for so long; what it was."""
        told = self._next(seconds)
        return bytes(told[2]) if told is not None and told[:2] == [b"message", self._channel] else None

    def leave(self, channel: str) -> None:
        """Hear no more of a channel."""
        self._connection.send_command("UNSUBSCRIBE", channel, check_health=False)

    def is_up(self) -> bool:
        """Whether the connection is still there."""
        try:
            while self._next(0) is not None:
                pass
        except (redis.RedisError, OSError):
            return False
        return True

    def _next(self, seconds: float) -> Any:
        """What comes next within so many seconds; None for nothing."""
        if not self._connection.can_read(timeout=max(0.0, seconds)):
            return None
        return self._connection.read_response()

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()


class Ears:
    """Connections to listen on, for many threads. ``close`` leaves those alone on which somebody listens."""

    def __init__(self, url: str, *, connect_timeout: float) -> None:
        # RESP2: every redis-py and every server reads a subscription the same way.
        self._client = connect(url, connect_timeout=connect_timeout, protocol=2)
        self._idle: deque[Ear] = deque()
        self._closed = False

    @contextlib.contextmanager
    def on(self, channel: str) -> Iterator[Ear]:
        """Listen to a channel within the block."""
        ear = self._one()
        try:
            ear.listen(channel)
            yield ear
            ear.leave(channel)
        except BaseException:
            ear.close()
            raise
        self._keep(ear)

    def _one(self) -> Ear:
        with contextlib.suppress(IndexError):
            while True:
                ear = self._idle.pop()
                if ear.is_up():
                    return ear
                ear.close()
        connection: Any = self._client.connection_pool.make_connection()
        connection.connect()
        return Ear(connection)

    def _keep(self, ear: Ear) -> None:
        if len(self._idle) >= IDLE:
            ear.close()
            return
        self._idle.append(ear)
        if self._closed:
            # Perhaps between the two: then nobody else would.
            self.close()

    def close(self) -> None:
        """Keep none any longer."""
        self._closed = True
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()
