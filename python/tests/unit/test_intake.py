"""What is read in bulk is what py-amqp reads frame by frame, wherever the bytes are cut."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections import deque
from collections.abc import Iterator
from struct import pack
from types import SimpleNamespace
from typing import Any

import pytest
from amqp.serialization import _write_table, dumps, loads
from hypothesis import given
from hypothesis import strategies as st

from celeriac.transport.amqp_consumer import wire_from, wire_of
from celeriac.transport.amqp_intake import ACK, DELIVER, NACK, Intake
from celeriac.transport.amqp_link import lenient_frame_handler

CHANNEL, OTHER = 1, 2
HEARTBEAT = pack(">BHIB", 8, 0, 0, 0xCE)


class Receiver:
    """Notes what it is given, in either form, as (tag, redelivered, address, wire)."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def __call__(self, message: Any) -> None:
        self._seen.append((*message.delivered, wire_of(message)))

    def take(
        self, tag: int, redelivered: bool, properties: bytes, body: bytes, address: tuple[str, str] | None
    ) -> None:
        self._seen.append((tag, redelivered, address, wire_from(properties, body)))


class Connection:
    """As much of py-amqp's connection as reading needs; its own frame handler is the real one."""

    def __init__(self, chunks: list[bytes], *, bulk: bool) -> None:
        self.seen: list[Any] = []
        self.bytes_recv = 0
        receiver = Receiver(self.seen)
        if not bulk:
            receiver.take = None  # type: ignore[method-assign, assignment]
        self.channels = {CHANNEL: SimpleNamespace(callbacks={"tag": receiver})}
        self.on_inbound_frame = lenient_frame_handler(self, self._on_method)
        left = deque(chunks)
        self.transport: Any = SimpleNamespace(
            sock=None,
            _read_buffer=b"",
            _quick_recv=lambda _: left.popleft(),
            having_timeout=self._timeout,
            connected=True,
        )
        self.intake = Intake(self)
        if bulk:
            self.intake.confirmations[CHANNEL] = lambda *told: self.seen.append(told)

    @contextlib.contextmanager
    def _timeout(self, _seconds: float) -> Iterator[None]:
        yield

    def _on_method(self, channel: int, method: tuple[int, int], payload: bytes, content: Any) -> None:
        if method == (60, 60):
            (name, tag, redelivered, exchange, key), _ = loads("sLbss", payload, 4)
            content.delivered = (tag, redelivered, (exchange, key) if exchange else None)
            self.channels[channel].callbacks[name](content)
        else:
            (tag, multiple), _ = loads("Lb", payload, 4)
            self.seen.append((tag, multiple, method == (60, 80)))


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def delivery(tag: int, redelivered: bool, address: tuple[str, str], properties: bytes, body: bytes, cut: int) -> bytes:
    """A delivery whose body is cut into frames of ``cut`` bytes."""
    method = frame(1, CHANNEL, DELIVER + dumps("sLbss", ["tag", tag, redelivered, *address]))
    header = frame(2, CHANNEL, pack(">HHQ", 60, 0, len(body)) + properties)
    return method + header + b"".join(frame(3, CHANNEL, body[i : i + cut]) for i in range(0, len(body), cut))


def encoded(headers: dict[str, Any], content_type: str) -> bytes:
    table: list[bytes] = []
    _write_table(headers, table.append, [])
    rows = b"".join(table)
    text: bytes = dumps("s", [content_type])
    return pack(">H", 0x8000 | 0x2000) + text + rows


values = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=20)
deliveries = st.builds(
    delivery,
    st.integers(1, 2**63),
    st.booleans(),
    st.sampled_from([("", "q"), ("mails", "mail.ä"), ("x" * 255, "")]),
    st.builds(encoded, st.dictionaries(st.text(max_size=9), values, max_size=4), st.just("application/json"))
    | st.sampled_from([b"\x00\x00", b"\x20\x00\x00\x00", b"", b"\xff\xff\xff"]),
    st.binary(max_size=40),
    st.sampled_from([7, 1000]),
)
confirmations = st.builds(
    lambda method, tag, multiple: frame(1, CHANNEL, method + dumps("Lb", [tag, multiple])),
    st.sampled_from([ACK, NACK]),
    st.integers(1, 2**63),
    st.booleans(),
)
streams = st.lists(deliveries | confirmations | st.just(HEARTBEAT), max_size=8).map(b"".join)


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


@given(streams, st.lists(st.integers(0, 10**6), max_size=6))
def test_bulk_and_py_amqp_agree(data: bytes, cuts: list[int]) -> None:
    seen = []
    for bulk in (True, False):
        connection = Connection(chunks_of(data, cuts), bulk=bulk)
        for _ in chunks_of(data, cuts):
            connection.intake.read(1)
        assert connection.transport._read_buffer == b""
        seen.append((connection.seen, connection.bytes_recv > 0))
    assert seen[0] == seen[1]


def test_what_an_error_left_behind_is_pending() -> None:
    bad = frame(1, OTHER, b"\x00\x3c\x00\x50" + dumps("Lb", [1, False]))
    connection = Connection([bad + HEARTBEAT + delivery(7, False, ("", "q"), b"\x00\x00", b"x", 9)], bulk=True)

    def refuse(_frame: object) -> None:
        connection.on_inbound_frame = lambda _: True
        raise LookupError

    connection.on_inbound_frame = refuse
    with pytest.raises(LookupError):
        connection.intake.read(1)
    assert connection.intake.pending
    connection.intake.read(1)
    assert [tag for tag, *_ in connection.seen] == [7]
    assert not connection.intake.pending


def test_the_end_of_the_connection_is_an_error() -> None:
    connection = Connection([b""], bulk=True)
    with pytest.raises(OSError, match="closed"):
        connection.intake.read(1)
    assert not connection.transport.connected


def test_a_frame_without_an_end_is_refused() -> None:
    whole = delivery(7, False, ("", "q"), b"\x00\x00", b"", 9)
    broken = whole[:-1] + b"\x00"
    connection = Connection([broken], bulk=True)
    with pytest.raises(Exception, match="without an end"):
        connection.intake.read(1)


def test_a_socket_is_read_without_waiting() -> None:
    near, far = socket.socketpair()
    with near, far:
        connection = Connection([], bulk=True)
        connection.transport.sock = near
        connection.intake = Intake(connection)
        with pytest.raises(TimeoutError):
            connection.intake.read(30)
        far.sendall(delivery(7, False, ("", "q"), b"\x00\x00", b"x" * 10_000, 20_000))
        assert not connection.intake.read(0), "all that was there has been read"
        assert [tag for tag, *_ in connection.seen] == [7]
        far.close()
        with pytest.raises(ConnectionResetError, match="closed"):
            connection.intake.read(0)
