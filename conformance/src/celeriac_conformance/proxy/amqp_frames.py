"""AMQP 0-9-1, as far as a proxy needs it: where frames end, what methods are called, and the arguments worth a log."""

from __future__ import annotations

import struct
from collections.abc import Callable

from celeriac_conformance.proxy.frames import BadFrame, Frame

PREFACE = b"AMQP"
PREFACE_SIZE = 8
FRAME_HEAD = struct.Struct(">BHI")
FRAME_END = 0xCE
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
#: Of a body, as many bytes as a log shows.
SHOWN = 60

#: Class and method numbers of the specification's XML, for what clients of queues use.
METHODS = {
    (10, 10): "connection.start", (10, 11): "connection.start-ok", (10, 30): "connection.tune",
    (10, 31): "connection.tune-ok", (10, 40): "connection.open", (10, 41): "connection.open-ok",
    (10, 50): "connection.close", (10, 51): "connection.close-ok", (10, 60): "connection.blocked",
    (10, 61): "connection.unblocked",
    (20, 10): "channel.open", (20, 11): "channel.open-ok", (20, 20): "channel.flow", (20, 21): "channel.flow-ok",
    (20, 40): "channel.close", (20, 41): "channel.close-ok",
    (40, 10): "exchange.declare", (40, 11): "exchange.declare-ok", (40, 20): "exchange.delete",
    (40, 21): "exchange.delete-ok", (40, 30): "exchange.bind", (40, 31): "exchange.bind-ok",
    (50, 10): "queue.declare", (50, 11): "queue.declare-ok", (50, 20): "queue.bind", (50, 21): "queue.bind-ok",
    (50, 30): "queue.purge", (50, 31): "queue.purge-ok", (50, 40): "queue.delete", (50, 41): "queue.delete-ok",
    (60, 10): "basic.qos", (60, 11): "basic.qos-ok", (60, 20): "basic.consume", (60, 21): "basic.consume-ok",
    (60, 30): "basic.cancel", (60, 31): "basic.cancel-ok", (60, 40): "basic.publish", (60, 50): "basic.return",
    (60, 60): "basic.deliver", (60, 70): "basic.get", (60, 71): "basic.get-ok", (60, 72): "basic.get-empty",
    (60, 80): "basic.ack", (60, 90): "basic.reject", (60, 110): "basic.recover", (60, 111): "basic.recover-ok",
    (60, 120): "basic.nack",
    (85, 10): "confirm.select", (85, 11): "confirm.select-ok",
}  # fmt: skip


class AmqpSplitter:
    """One direction of a connection."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[Frame]:
        """The frames that are whole now; the protocol header that a client begins with is one."""
        self._rest += received
        frames = []
        while (size := self._size()) is not None and len(self._rest) >= size:
            raw, self._rest = self._rest[:size], self._rest[size:]
            frames.append(_frame(raw))
        return frames

    def _size(self) -> int | None:
        if self._rest.startswith(PREFACE):
            return PREFACE_SIZE
        if len(self._rest) < FRAME_HEAD.size:
            return None
        kind, _, size = FRAME_HEAD.unpack_from(self._rest)
        if kind not in (METHOD, HEADER, BODY, HEARTBEAT):
            raise BadFrame(f"no frame of AMQP begins with {self._rest[:8]!r}")
        return FRAME_HEAD.size + int(size) + 1


def _frame(raw: bytes) -> Frame:
    if raw.startswith(PREFACE):
        return Frame("preface", "protocol header 0-9-1", raw)
    kind, channel, size = FRAME_HEAD.unpack_from(raw)
    if raw[-1] != FRAME_END:
        raise BadFrame(f"a frame of {size} bytes does not end with 0xCE")
    payload = raw[FRAME_HEAD.size : -1]
    name, text = _KINDS[kind](payload)
    return Frame(name, f"[{channel}] {text}" if channel else text, raw)


def _method(payload: bytes) -> tuple[str, str]:
    numbers = struct.unpack_from(">HH", payload)
    name = METHODS.get(numbers, f"method {numbers[0]}.{numbers[1]}")
    read = _ARGUMENTS.get(name)
    return name, f"{name} {read(payload[4:])}" if read else name


def _header(payload: bytes) -> tuple[str, str]:
    return "header", f"header: a body of {int.from_bytes(payload[4:12], 'big')} bytes follows"


def _body(payload: bytes) -> tuple[str, str]:
    return "body", f"body {payload[:SHOWN]!r}{' ...' if len(payload) > SHOWN else ''}"


_KINDS: dict[int, Callable[[bytes], tuple[str, str]]] = {
    METHOD: _method, HEADER: _header, BODY: _body, HEARTBEAT: lambda _: ("heartbeat", "heartbeat"),
}  # fmt: skip


def _short(data: bytes, at: int) -> tuple[str, int]:
    """A short string, and where what follows it begins."""
    end = at + 1 + data[at]
    return data[at + 1 : end].decode("utf-8", "replace"), end


def _tag(data: bytes) -> str:
    return f"tag {int.from_bytes(data[:8], 'big')}"


def _publish(data: bytes) -> str:
    exchange, at = _short(data, 2)
    return f"to {exchange!r} {_short(data, at)[0]!r}"


def _deliver(data: bytes) -> str:
    _, at = _short(data, 0)
    redelivered = ", redelivered" if data[at + 8] else ""
    return f"{_tag(data[at:])}{redelivered}"


def _queue(data: bytes) -> str:
    return repr(_short(data, 2)[0])


def _qos(data: bytes) -> str:
    return f"{int.from_bytes(data[4:6], 'big')} for {'the channel' if data[6] & 1 else 'each consumer'}"


def _reason(data: bytes) -> str:
    return f"{int.from_bytes(data[:2], 'big')} {_short(data, 2)[0]}"


#: What the log says of a method beside its name.
_ARGUMENTS: dict[str, Callable[[bytes], str]] = {
    "basic.publish": _publish, "basic.deliver": _deliver, "basic.ack": _tag, "basic.nack": _tag,
    "basic.reject": _tag, "queue.declare": _queue, "basic.consume": _queue, "queue.delete": _queue,
    "basic.qos": _qos, "connection.close": _reason, "channel.close": _reason, "basic.return": _reason,
}  # fmt: skip
