"""Listen in: copies of what passes an AMQP exchange, and the commands that reach Redis."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import amqp

from .tags import b64
from .wires import PATIENCE_SECONDS, Rabbit, Store, eventually, wire_of

#: One command in the answer of MONITOR: time, client, quoted words.
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
#: A connection whose commands are none of Celery's: this one.
MARK = "capture.mark"


class Tap:
    """A queue of our own, bound to an exchange that exists or is declared as Celery declares it."""

    def __init__(self, rabbit: Rabbit, exchange: str, kind: str, durable: bool, key: str) -> None:
        self.rabbit = rabbit
        channel = rabbit.channel
        channel.exchange_declare(exchange, kind, durable=durable, auto_delete=False)
        self.queue = channel.queue_declare("", exclusive=True, auto_delete=True).queue
        channel.queue_bind(self.queue, exchange, key)

    def take(self) -> dict[str, Any]:
        """The next copy as a wire object with the exchange and the routing key that it was published with."""
        get = lambda: self.rabbit.channel.basic_get(self.queue, no_ack=True)  # noqa: E731
        return addressed(eventually("a copy of a message", get))

    def close(self) -> None:
        """Delete the queue."""
        self.rabbit.channel.queue_delete(self.queue)


def addressed(message: amqp.Message) -> dict[str, Any]:
    """Wire object of a message with its address."""
    info = message.delivery_info
    return {"exchange": info["exchange"], "routing_key": info["routing_key"], **wire_of(message)}


@contextmanager
def tapped(rabbit: Rabbit, exchange: str, kind: str, durable: bool = False, key: str = "") -> Iterator[Tap]:
    """A tap for as long as the block lasts."""
    tap = Tap(rabbit, exchange, kind, durable, key)
    try:
        yield tap
    finally:
        tap.close()


def plain(word: bytes) -> bytes:
    """A word of MONITOR's answer without its escapes."""

    def one(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPES.get(code, code)

    return ESCAPE.sub(one, word)


def words(line: bytes) -> list[bytes]:
    """The command of one line of MONITOR's answer."""
    return [plain(word) for word in WORD.findall(line)]


class Monitor:
    """Everything that Redis is told, in order, from the moment that the block begins."""

    def __init__(self, store: Store) -> None:
        self.store = store
        parts = urlsplit(store.url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 6379), PATIENCE_SECONDS)
        self.lines = self.socket.makefile("rb")
        self.socket.sendall(b"MONITOR\r\n")
        self.lines.readline()

    def until(self, last: Callable[[list[bytes]], bool]) -> list[list[bytes]]:
        """Commands up to and with the first that ``last`` is true of; raises TimeoutError when none comes."""
        found: list[list[bytes]] = []
        for line in self.lines:
            found.append(words(line))
            if last(found[-1]):
                return found
        raise TimeoutError("Redis closed the connection")

    def so_far(self) -> list[list[bytes]]:
        """Commands up to now."""
        self.store.client.echo(MARK)
        return self.until(lambda command: command[:2] == [b"ECHO", MARK.encode()])[:-1]

    def close(self) -> None:
        """Stop listening."""
        self.lines.close()
        self.socket.close()


@contextmanager
def monitored(store: Store) -> Iterator[Monitor]:
    """A monitor for as long as the block lasts."""
    monitor = Monitor(store)
    try:
        yield monitor
    finally:
        monitor.close()


def published(command: list[bytes]) -> dict[str, Any]:
    """Wire object of a PUBLISH to a channel or an LPUSH to a list: where it went, and the item."""
    place = {b"PUBLISH": "channel", b"LPUSH": "key"}[command[0].upper()]
    return {place: command[1].decode(), "item": b64(command[2])}
