"""What is read by what it has in common with an earlier message is what reading all of it gives, up to the message.

On AMQP; ``test_redis_casts`` has the items of Redis.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from celeriac import InvalidMessage, Message, Wire
from celeriac.message import HEADERS as MESSAGE_HEADERS
from celeriac.message import PROPERTIES as MESSAGE_PROPERTIES
from celeriac.transport.amqp_casts import Parts, cast_of
from celeriac.transport.amqp_consumer import wire_from
from celeriac.transport.amqp_tables import encoded
from celeriac.transport.casts import CHANGING, MOST, Casts, is_plain
from celeriac.wire import OWN

TEXT = st.text(max_size=40) | st.sampled_from(["", "x" * 300, "\x02idS", "\x00" * 8])
HEADERS: dict[str, Any] = {
    "lang": "py",
    "task": "mail.send",
    "id": "1",
    "shadow": None,
    "eta": None,
    "retries": 0,
    "timelimit": [None, None],
    "root_id": "1",
    "parent_id": None,
    "argsrepr": "('x',)",
    "kwargsrepr": "{}",
    "origin": "gen1@host",
    "ignore_result": False,
    "stamps": {},
}
PROPERTIES = {"delivery_mode": 2, "correlation_id": "1", "reply_to": "replies"}
BODY = b'[["x"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
PLAIN = Wire(BODY, "application/json", "utf-8", HEADERS, PROPERTIES)
#: What takes a message off the short way, or makes it none.
ODD = st.fixed_dictionaries(
    {},
    optional={
        "eta": st.sampled_from(["2026-01-02T03:04:05+00:00", "never", 5]),
        "retries": st.sampled_from([1, True, "1", None]),
        "timelimit": st.sampled_from([[1, 2], [[1], 2], "soon", None]),
        "stamps": st.sampled_from([{"a": 1}, {"a": [1]}, None, 3]),
        "ignore_result": st.sampled_from([True, 0, None]),
        "parent_id": TEXT,
        "shadow": TEXT,
        "compression": st.sampled_from(["application/x-gzip", "none", None]),
        "own": TEXT,
        "root_id": st.sampled_from([None, 5]),
        "argsrepr": st.sampled_from([None, 5, ["x"]]),
    },
)
BODIES = st.sampled_from(
    [
        BODY,
        b"[[], {}, {}]",
        b"[[], {}, null]",
        b'[[1], {"a": 2}, {"callbacks": [], "errbacks": null, "chain": null, "chord": null}]',
        b'[[], {}, {"callbacks": ["none"], "errbacks": null, "chain": null, "chord": null}]',
        b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null, "more": 1}]',
        b'[{}, [], {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
        b"[[], {}]",
        b"no JSON",
    ]
)


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    """Messages that are much like ``PLAIN``."""
    own = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(OWN), TEXT)))
    headers = {name: own.get(name, value) for name, value in HEADERS.items()} | draw(st.just({}) | ODD)
    properties = {name: own.get(name, value) for name, value in PROPERTIES.items()}
    for name in draw(st.sets(st.sampled_from(sorted({*headers, *properties})), max_size=1)):
        headers.pop(name, None)
        properties.pop(name, None)
    if draw(st.booleans()):
        properties |= draw(st.sampled_from([{"priority": 3}, {"expiration": "5"}, {"message_id": "m"}]))
    content_type = draw(st.sampled_from(["application/json", "application/json", "text/plain", "", None]))
    return Wire(draw(BODIES), content_type, draw(st.sampled_from(["utf-8", None])), headers, properties)


def parsed(wire: Wire) -> object:
    """The message, with what takes no part in comparison; or why it is none."""
    try:
        message = Message.parse(wire)
    except InvalidMessage as error:
        return str(error), error.task_id, error.task
    return message, message.absent, list(map(type, message.stamps or ()))


def agree(casts: Casts[Parts], properties: bytes, body: bytes) -> Wire:
    """What a consumer would read, which is what the long way gives."""
    parts = properties, body
    short, long = casts.wire(parts), wire_from(properties, body)
    if short is None:
        casts.learn(parts, long)
        return long
    assert short == long and repr(short) == repr(long)
    assert parsed(short) == parsed(long)
    return short


@given(st.lists(wires(), max_size=2 * MOST))
@example([PLAIN, PLAIN, replace(PLAIN, headers={**HEADERS, "id": ""})])
@example([PLAIN, replace(PLAIN, headers={**HEADERS, "retries": True})])
def test_what_is_alike_is_read_as_all_of_it_would_be(sent: list[Wire]) -> None:
    casts = Casts(cast_of)
    for wire in (PLAIN, *sent, *sent):
        properties = encoded(wire)
        if properties is not None:
            agree(casts, properties, wire.body)


@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 3))
def test_what_is_not_quite_alike_is_read_as_all_of_it_would_be(place: int, byte: int, cut: int) -> None:
    casts = Casts(cast_of)
    properties = encoded(PLAIN)
    assert properties is not None
    agree(casts, properties, BODY)
    changed = bytearray(properties)
    changed[place % len(changed)] = byte
    agree(casts, bytes(changed), BODY)
    agree(casts, bytes(changed[: len(changed) - cut]), BODY)
    agree(casts, bytes(changed + b"x" * cut), BODY)


def nested(levels: int) -> bytes:
    array = b""
    for _ in range(levels):
        array = b"A" + len(array).to_bytes(4, "big") + array
    table = b"\x01a" + array
    return b"\x20\x00" + len(table).to_bytes(4, "big") + table


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"\x20\x00" + data))
@example(nested(3_000))
@example(b"")
def test_whatever_comes_first_is_read_as_ever(properties: bytes) -> None:
    agree(Casts(cast_of), properties, BODY)


def test_a_plain_message_leaves_a_cast_that_others_fit() -> None:
    casts = Casts(cast_of)
    other = replace(PLAIN, headers={**HEADERS, "id": "2", "task": "mail.read", "argsrepr": "('y',)"})
    first, second = (agree(casts, encoded(wire) or b"", BODY) for wire in (PLAIN, other))
    assert first.kind is None and second.kind is not None


def test_messages_of_a_kind_share_nothing_that_can_be_changed() -> None:
    casts = Casts(cast_of)
    properties = encoded(PLAIN) or b""
    agree(casts, properties, BODY)
    agree(casts, properties, BODY).headers["stamps"]["changed"] = True
    assert agree(casts, properties, BODY) == PLAIN


def test_a_copy_of_a_message_is_of_no_kind() -> None:
    casts = Casts(cast_of)
    properties = encoded(PLAIN) or b""
    agree(casts, properties, BODY)
    wire = agree(casts, properties, BODY)
    assert wire.kind is not None and wire.with_headers({"id": "2"}).kind is None


def test_what_may_differ_is_named_as_the_field_table_names_it() -> None:
    headers = {row.name for row in MESSAGE_HEADERS}
    assert headers.issuperset(CHANGING) and headers.union(row.name for row in MESSAGE_PROPERTIES) >= OWN


def test_no_cast_is_taken_of_what_few_are_like() -> None:
    for headers in ({"eta": "2026-01-02T03:04:05+00:00"}, {"own": 1}, {"stamps": {"a": [1]}}, {"timelimit": [[1], 2]}):
        assert not is_plain(replace(PLAIN, headers={**HEADERS, **headers}))
    assert not is_plain(replace(PLAIN, properties={"expiration": "5"}))


def test_no_cast_is_taken_of_a_name_that_stands_there_twice() -> None:
    properties = encoded(PLAIN) or b""
    table = properties.index(b"\x04lang") - 4
    twice = b"\x04langS\x00\x00\x00\x02xx"
    length = int.from_bytes(properties[table : table + 4], "big") + len(twice)
    data = properties[:table] + length.to_bytes(4, "big") + twice + properties[table + 4 :]
    wire = wire_from(data, BODY)
    assert wire == PLAIN and cast_of((data, BODY), wire) is None
