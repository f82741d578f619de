"""The frames that are written are those that py-amqp writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from amqp import Message, spec
from amqp.method_framing import frame_writer
from amqp.serialization import dumps
from hypothesis import given
from hypothesis import strategies as st

from celeriac.transport.amqp_frames import Address

names = st.text(max_size=60)


def of_py_amqp(channel: int, message: Message, names: tuple[str, str], mandatory: bool, frame_max: int) -> bytes:
    written: list[bytes] = []
    connection: Any = SimpleNamespace(frame_max=frame_max, bytes_sent=0, negotiate_capabilities={})
    transport = SimpleNamespace(write=lambda data: written.append(bytes(data)))
    write = frame_writer(connection, transport)
    arguments = dumps("Bssbb", [0, *names, mandatory, False])
    write(1, channel, spec.Basic.Publish, arguments, message)
    return b"".join(written)


@given(st.integers(1, 2**16 - 1), names, names, st.booleans(), st.binary(max_size=300), st.sampled_from([64, 4096]))
def test_frames_are_those_of_py_amqp(
    channel: int, exchange: str, routing_key: str, mandatory: bool, body: bytes, frame_max: int
) -> None:
    message = Message(body, content_type="application/json", application_headers={"id": "1", "eta": None})
    ours = Address(channel, exchange, routing_key, mandatory=mandatory)
    expected = of_py_amqp(channel, message, (exchange, routing_key), mandatory, frame_max)
    assert ours.frames(message._serialize_properties(), body, frame_max) == expected


def test_without_a_limit_the_body_is_one_frame() -> None:
    frames = Address(1, "", "q", mandatory=True).frames(b"\x00\x00", b"x" * 100_000, 0)
    assert frames.endswith(b"\x03\x00\x01\x00\x01\x86\xa0" + b"x" * 100_000 + b"\xce")
