"""The proxy: frames are cut where they end, faults happen at the frame that they wait for, and at no other."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any
from urllib.parse import urlsplit

import amqp
import pytest
import redis

from celeriac_conformance.brokers import free_ports
from celeriac_conformance.proxy import CUT, DELAY, HOLD, SWALLOW, THROTTLE, BadFrame, Frame, Proxy, Rule
from celeriac_conformance.proxy.amqp_frames import AmqpSplitter
from celeriac_conformance.proxy.frames import Splitter
from celeriac_conformance.proxy.resp_frames import RespSplitter
from celeriac_conformance.proxy.rules import TO_TESTEE, Fault


def _method(numbers: tuple[int, int], arguments: bytes, channel: int = 1) -> bytes:
    payload = struct.pack(">HH", *numbers) + arguments
    return struct.pack(">BHI", 1, channel, len(payload)) + payload + b"\xce"


PUBLISH = _method((60, 40), b"\0\0" + b"\x02ex" + b"\x03key" + b"\0")
ACK = _method((60, 80), struct.pack(">QB", 7, 0))
HEADER = struct.pack(">BHI", 2, 1, 14) + struct.pack(">HHQH", 60, 0, 3, 0) + b"\xce"
BODY = struct.pack(">BHI", 3, 1, 3) + b"\xce\xce\xce" + b"\xce"
AMQP = [b"AMQP\0\0\x09\x01", PUBLISH, HEADER, BODY, ACK, struct.pack(">BHI", 8, 0, 0) + b"\xce"]
AMQP_NAMES = ["preface", "basic.publish", "header", "body", "basic.ack", "heartbeat"]

PING = b"*1\r\n$4\r\nping\r\n"
COMMANDS = [b"*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n$4\r\na\r\nb\r\n", PING]
REPLIES = [
    b"+OK\r\n", b":12\r\n", b"$-1\r\n", b"*-1\r\n", b"*2\r\n$2\r\n\r\n\r\n:1\r\n", b"-ERR no\r\n",
    b"%1\r\n+key\r\n*1\r\n#t\r\n", b">2\r\n+message\r\n$1\r\nx\r\n", b"|1\r\n+ttl\r\n:1\r\n+value\r\n",
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize(
    ("splitter", "frames", "names"),
    [
        (AmqpSplitter, AMQP, AMQP_NAMES),
        (lambda: RespSplitter(commands=True), COMMANDS, ["LPUSH", "PING"]),
        (lambda: RespSplitter(commands=False), REPLIES, ["reply"] * 7 + ["push", "reply"]),
    ],
    ids=["amqp", "commands", "replies"],
)
def test_frames_are_the_same_however_the_bytes_arrive(
    splitter: Any, frames: list[bytes], names: list[str], size: int
) -> None:
    received, one = b"".join(frames), splitter()
    found: list[Frame] = []
    for start in range(0, len(received), size):
        found += one.feed(received[start : start + size])
    assert [frame.raw for frame in found] == frames
    assert [frame.name for frame in found] == names


def test_the_log_names_what_matters() -> None:
    publish, *_, ack, _ = AmqpSplitter().feed(b"".join(AMQP[1:]))
    assert publish.text == "[1] basic.publish to 'ex' 'key'"
    assert ack.text == "[1] basic.ack tag 7"
    (push,) = RespSplitter(commands=True).feed(COMMANDS[0])
    assert push.text == "LPUSH q a\r\nb"


@pytest.mark.parametrize(
    ("splitter", "junk"),
    [
        (AmqpSplitter(), b"HTTP/1.1 200 OK\r\n"),
        (AmqpSplitter(), PUBLISH[:-1] + b"\x00"),
        (RespSplitter(commands=False), b"HTTP/1.1 200 OK\r\n"),
        (RespSplitter(commands=False), b"$x\r\n"),
    ],
)
def test_what_is_no_frame_is_said_to_be_none(splitter: Splitter, junk: bytes) -> None:
    with pytest.raises(BadFrame):
        splitter.feed(junk)


@pytest.mark.parametrize("action", ["explode", THROTTLE])
def test_a_rule_that_cannot_be_is_refused(action: str) -> None:
    with pytest.raises(ValueError, match="none of|a rate"):
        Rule(action=action, name="SET")


def test_the_url_keeps_what_is_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"amqp://user:p%40ss@127.0.0.1:{server.getsockname()[1]}//"
        with Proxy.of(url) as proxy:
            port = urlsplit(proxy.url).port
            assert proxy.url == f"amqp://user:p%40ss@127.0.0.1:{port}//"
    with pytest.raises(ValueError, match="no proxy"):
        Proxy.of("http://127.0.0.1")


@pytest.fixture
def through(redis_url: str) -> Iterator[Proxy]:
    with Proxy.of(redis_url) as proxy:
        yield proxy


#: Of what comes; and how long that is looked for which does not.
SECONDS, NEVER = 60, 0.3


def _client(proxy: Proxy) -> Any:
    """Any: the annotations of redis-py give every answer as a union of all its modes."""
    return redis.Redis.from_url(proxy.url, socket_timeout=SECONDS, retry=None, retry_on_error=[], decode_responses=True)


@contextlib.contextmanager
def _unanswered(proxy: Proxy, call: Callable[[], Any], fault: Fault) -> Iterator[None]:
    """While a call waits for an answer that a fault keeps from it; when the proxy heals it has lost its connection."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        assert fault.wait(SECONDS)
        with pytest.raises(FutureTimeout):
            future.result(NEVER)
        yield
        proxy.heal()
        with pytest.raises(redis.ConnectionError):
            future.result(SECONDS)


def _key() -> str:
    return f"proxy-{uuid.uuid4()}"


def test_without_a_fault_all_passes(through: Proxy) -> None:
    client, key = _client(through), _key()
    assert client.set(key, "x" * 200_000, ex=60)
    assert client.get(key) == "x" * 200_000
    texts = [line.text for line in through.log.lines()]
    assert any(text.startswith(f"SET {key} xxx") and "(200000 bytes)" in text for text in texts)


@pytest.mark.parametrize(("after", "stored"), [(False, None), (True, "2")])
def test_cut_at_the_second_set(after: bool, stored: str | None, through: Proxy, redis_url: str) -> None:
    client, first, second = _client(through), _key(), _key()
    fault = through.plan(Rule(action=CUT, name="SET", nth=2, after=after))
    client.set(first, "1", ex=60)
    assert not fault.happened
    with pytest.raises(redis.ConnectionError):
        client.set(second, "2", ex=60)
    assert fault.wait(SECONDS)
    assert client.set(first, "3", ex=60), "a fault happens once"
    direct: Any = redis.Redis.from_url(redis_url, decode_responses=True)
    assert direct.get(second) == stored
    assert "<<< cut" in through.log.text(around=CUT).splitlines()[-1]


def test_hold_is_silence_and_no_end(through: Proxy) -> None:
    client, key = _client(through), _key()
    client.ping()
    fault = through.plan(Rule(action=HOLD, name="SET"))
    with _unanswered(through, lambda: client.set(key, "1", ex=60), fault):
        assert _client(through).ping(), "other connections go on"


def test_one_reply_is_swallowed(through: Proxy, redis_url: str) -> None:
    client, key = _client(through), _key()
    client.ping()
    fault = through.plan(Rule(action=SWALLOW, name="reply", direction=TO_TESTEE))
    with _unanswered(through, lambda: client.set(key, "1", ex=60), fault):
        direct: Any = redis.Redis.from_url(redis_url)
        assert direct.get(key) == b"1"


@pytest.mark.parametrize(
    "rule",
    [
        Rule(action=DELAY, name="SET", seconds=0.3),
        Rule(action=THROTTLE, name="SET", rate=1000),
    ],
    ids=["delay", "throttle"],
)
def test_slow_is_slow_and_whole(rule: Rule, through: Proxy) -> None:
    client, key = _client(through), _key()
    client.ping()
    through.plan(rule)
    began = time.monotonic()
    assert client.set(key, "x" * 300, ex=60)
    assert time.monotonic() - began >= 0.3
    assert client.get(key) == "x" * 300


def test_a_broker_that_is_down_is_seen_as_such() -> None:
    (port,) = free_ports(1)
    with Proxy.of(f"redis://127.0.0.1:{port}/0") as proxy, pytest.raises(redis.ConnectionError):
        _client(proxy).ping()


def test_who_has_left_refuses_and_comes_back_at_the_same_address(through: Proxy) -> None:
    client, key = _client(through), _key()
    client.set(key, "1", ex=60)
    through.leave()
    for _ in range(2):
        with pytest.raises(redis.ConnectionError):
            client.get(key)
    through.heal()
    assert client.get(key) == "1"


def test_who_has_left_can_count_who_tries(through: Proxy) -> None:
    through.leave(counting=True)
    for tries in (1, 2):
        with pytest.raises(redis.ConnectionError):
            _client(through).ping()
        assert through.refused == tries
    assert "<<< refused" in through.log.text()
    through.heal()
    assert _client(through).ping()


def test_healing_forgets_faults_and_cuts_what_was_held(through: Proxy) -> None:
    fault = through.plan(Rule(action=CUT, name="SET"))
    address = urlsplit(through.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), SECONDS) as held:
        held.sendall(PING)
        assert held.recv(7) == b"+PONG\r\n"
        through.hold()
        held.sendall(PING)
        held.settimeout(NEVER)
        with pytest.raises(TimeoutError):
            held.recv(7)
        through.heal()
        held.settimeout(SECONDS)
        with contextlib.suppress(ConnectionResetError):
            assert held.recv(7) == b""
    assert _client(through).set(_key(), "1", ex=60)
    assert not fault.happened


def test_a_rule_can_be_about_one_thing_under_several_names(through: Proxy) -> None:
    client, key = _client(through), _key()
    fault = through.plan(Rule(action=CUT, name="SET|SETEX", about=key, nth=2))
    for _ in range(3):
        client.set(_key(), "1", ex=60)
    client.set(key, "1", ex=60)
    with pytest.raises(redis.ConnectionError):
        client.setex(key, 60, "2")
    assert fault.happened


def test_amqp_is_cut_before_and_after_the_body(amqp_url: str) -> None:
    parts = urlsplit(amqp_url)
    queue = f"proxy-{uuid.uuid4().hex}"
    with amqp.Connection(f"{parts.hostname}:{parts.port}", virtual_host="/") as direct, Proxy.of(amqp_url) as proxy:
        channel = direct.channel()
        channel.queue_declare(queue, auto_delete=False)
        try:
            for after, there in ((False, 0), (True, 1)):
                fault = proxy.plan(Rule(action=CUT, name="body", after=after))
                with pytest.raises((OSError, amqp.exceptions.ConnectionError)):
                    _publish_confirmed(proxy.url, queue)
                assert fault.happened
                assert _count(channel, queue, there) == there
            assert f"basic.publish to '' '{queue}'" in proxy.log.text(around="body")
        finally:
            channel.queue_delete(queue)


def _publish_confirmed(url: str, queue: str) -> None:
    parts = urlsplit(url)
    connection = amqp.Connection(f"{parts.hostname}:{parts.port}", virtual_host="/", confirm_publish=True)
    connection.connect()
    channel = connection.channel()
    channel.basic_publish_confirm(amqp.Message("hello"), routing_key=queue)
    channel.wait(amqp.spec.Basic.Ack)
    connection.drain_events(timeout=SECONDS)


def _count(channel: Any, queue: str, wanted: int) -> int:
    """The number of messages, as soon as it is what it should be, or in the end."""
    deadline = time.monotonic() + SECONDS
    while (count := int(channel.queue_declare(queue, passive=True).message_count)) != wanted:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return count
