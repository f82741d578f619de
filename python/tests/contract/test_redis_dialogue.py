"""Settling is written and not waited for: what Redis refuses comes to light, and no answer is taken for another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celeriac import BrokerUnavailable
from celeriac.transport import Outgoing, Source
from celeriac.transport.base import Delivery
from celeriac.transport.redis import RedisPublisher, connect
from celeriac.transport.redis_attendance import HELD
from celeriac.transport.redis_consumer import UNACKED, RedisConsumer
from celeriac.transport.redis_line import Call, Dialogue, Script
from tests.contract.redis_parts import client, consumer, numbers, publisher, receive, wire, without
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

__all__ = ["client", "consumer", "publisher"]


@pytest.fixture
def dialogue(redis_url: str) -> Iterator[Dialogue]:
    with closing(Dialogue(connect(redis_url, single_connection_client=True, protocol=2))) as open_dialogue:
        yield open_dialogue


# -- the dialogue

ECHO = Script("return ARGV[1]")
WORDS = st.lists(st.integers(0, 10**6), max_size=3)


def _echo(word: int) -> tuple[Any, ...]:
    return "ECHO", word


def _ask(dialogue: Dialogue, words: list[int]) -> list[int]:
    return [int(answer) for answer in dialogue.ask([_echo(word) for word in words])]


def _run(dialogue: Dialogue, words: list[int]) -> list[int]:
    return [int(answer) for answer in dialogue.run([Call(ECHO, (0, word)) for word in words])]


def _call(dialogue: Dialogue, words: list[int]) -> list[int]:
    return [int(dialogue.client.echo(word)) for word in words]


def _collect(dialogue: Dialogue, words: list[int]) -> list[int]:
    dialogue.collect()
    return words


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["tell", "refused", _ask, _run, _call, _collect]), WORDS), max_size=8))
def test_no_answer_is_taken_for_another(dialogue: Dialogue, steps: list[tuple[Any, list[int]]]) -> None:
    """In whatever order something is told and asked; and each refusal of what was told is raised by the next."""
    refused = False
    for step, words in [*steps, (_collect, []), (_ask, [1])]:
        if step == "tell":
            dialogue.tell([_echo(word) for word in words])
        elif step == "refused":
            dialogue.tell([_echo(1), ("ECHO",), _echo(2)])
            refused = True
        elif refused and (words or step is _collect):
            with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
                step(dialogue, words)
            refused = False
        elif words or not refused:
            assert step(dialogue, words) == words


def test_a_check_of_the_connections_health_reads_its_own_answer(dialogue: Dialogue) -> None:
    connection = dialogue.client.connection
    connection.health_check_interval = 3600
    dialogue.tell([_echo(1)])
    connection.next_health_check = -1
    assert _call(dialogue, [2, 3]) == [2, 3]
    connection.next_health_check = -1
    dialogue.tell([_echo(4)])
    assert _ask(dialogue, [5]) == [5]


@pytest.mark.parametrize("use", [_ask, _run, _call, _collect])
def test_what_a_lost_connection_was_told_is_in_doubt(redis_url: str, use: Callable[..., list[int]]) -> None:
    """That is raised once; on the next connection nobody waits for what was never asked there."""
    with (
        Proxy(redis_url) as proxy,
        closing(Dialogue(connect(proxy.url, single_connection_client=True, protocol=2))) as dialogue,
    ):
        proxy.fall_silent()
        dialogue.tell([_echo(1), _echo(2)])
        proxy.cut()
        with pytest.raises((redis.ConnectionError, OSError)):
            use(dialogue, [3])
        proxy.speak_again()
        assert use(dialogue, [4]) == [4]


def test_telling_a_connection_that_is_lost(redis_url: str) -> None:
    with (
        Proxy(redis_url) as proxy,
        closing(Dialogue(connect(proxy.url, single_connection_client=True, protocol=2))) as dialogue,
    ):
        dialogue.tell([_echo(1)])
        proxy.cut()

        def refused() -> bool:
            # What is written first comes back as a reset.
            try:
                dialogue.tell([_echo(2)])
            except redis.ConnectionError:
                return True
            return False

        eventually(refused, "the reset")
        assert _ask(dialogue, [3]) == [3]


# -- settling


def _struck_out(client: Any, delivery: Delivery) -> Callable[[], bool]:
    return lambda: not client.hexists(UNACKED, delivery.tag)


def test_settling_does_not_wait(publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str) -> None:
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(3)])
    with Proxy(redis_url) as proxy, closing(RedisConsumer(proxy.url, [redis_queue])) as consumer:
        held = receive(consumer, 3)
        proxy.fall_silent()
        for delivery in held:
            consumer.settle([delivery], (), ())
        assert client.hexists(UNACKED, held[0].tag)
        proxy.speak_again()
        for delivery in held:
            eventually(_struck_out(client, delivery), "it is struck out, though nothing more was asked")
        consumer.tick()


def test_closed_right_after_settling(publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str) -> None:
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(2)])
    consumer = RedisConsumer(redis_url, [redis_queue])
    held = receive(consumer, 2)
    consumer.settle(held[:1], held[1:], ())
    consumer.close()
    assert all(_struck_out(client, delivery)() for delivery in held)


NEXT: dict[str, Callable[[RedisConsumer, Delivery], object]] = {
    "tick": lambda consumer, _held: consumer.tick(),
    "recover": lambda consumer, _held: consumer.recover(),
    "consume": lambda consumer, held: consumer.consume([Source(held.queue, "x", routing_key="y")]),
    "give back": lambda consumer, held: consumer.settle((), (), [held]),
    "take": lambda consumer, _held: consumer.receive(5),
    "close": lambda consumer, _held: consumer.close(),
}


@pytest.mark.parametrize("then", NEXT)
def test_a_refusal_is_raised_by_what_is_asked_next(
    publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str, then: str
) -> None:
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(3)])
    with without("hdel", client, redis_url) as url:
        consumer = RedisConsumer(url, [redis_queue], holder=redis_queue)
        consumer.tick()
        settled, held = receive(consumer, 2, room=1)
        consumer.settle([settled], (), ())
        with pytest.raises(BrokerUnavailable, match="hdel"):
            NEXT[then](consumer, held)
    with closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as successor:
        successor.recover()
        again = receive(successor, 3)
        assert sorted(numbers(again)) == [0, 1, 2], "what was not struck out comes again"
        successor.settle(again, (), ())


def test_a_refusal_among_what_was_carried_out_is_raised(
    publisher: RedisPublisher, consumer: RedisConsumer, client: Any, redis_queue: str
) -> None:
    """As where somebody put something else under the name of the books: the other commands were carried out."""
    publisher.publish([Outgoing(wire(), redis_queue)])
    (delivery,) = receive(consumer, 1)
    (books,) = [key for key in client.keys(HELD + "*") if client.hexists(key, delivery.tag)]
    client.set(books, "")
    consumer.settle([delivery], (), ())
    with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
        consumer.tick()
    client.delete(books)
    publisher.publish([Outgoing(wire(1), redis_queue)])
    (following,) = receive(consumer, 1)
    assert numbers([following]) == [1]
    consumer.settle([following], (), ())


def test_what_was_settled_on_a_lost_connection_is_in_doubt(
    publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str
) -> None:
    """It comes again if Redis never heard of it, and Redis never did."""
    publisher.publish([Outgoing(wire(), redis_queue)])
    with Proxy(redis_url) as proxy:
        consumer = RedisConsumer(proxy.url, [redis_queue], holder=redis_queue)
        (delivery,) = receive(consumer, 1)
        proxy.fall_silent()
        consumer.settle([delivery], (), ())
        proxy.cut()
        with pytest.raises(BrokerUnavailable):
            consumer.tick()
        proxy.speak_again()
        consumer.close()
    with closing(RedisConsumer(redis_url, [redis_queue], holder=redis_queue)) as successor:
        successor.recover()
        (again,) = receive(successor, 1)
        assert again.redelivered
        successor.settle([again], (), ())


def test_a_silent_server_is_given_up_by_tick(
    publisher: RedisPublisher, redis_url: str, redis_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish([Outgoing(wire(), redis_queue)])
    monkeypatch.setattr("celeriac.transport.redis.SILENCE_TIMEOUT", 0.3)
    with Proxy(redis_url) as proxy:
        consumer = RedisConsumer(proxy.url, [redis_queue])
        held = receive(consumer, 1)
        proxy.fall_silent()
        consumer.settle(held, (), ())
        with pytest.raises(BrokerUnavailable, match="Timeout"):
            consumer.tick()
        proxy.speak_again()
        consumer.close()


KILLED = """
import os, signal, sys
from celeriac.transport.redis_consumer import RedisConsumer

consumer = RedisConsumer(sys.argv[1], [sys.argv[2]])
held = consumer.receive(20)
for delivery in held:
    consumer.settle([delivery], (), ())
os.write(1, b" ".join(delivery.tag for delivery in held))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_settled_before_a_kill_reaches_redis(
    publisher: RedisPublisher, redis_url: str, client: Any, redis_queue: str
) -> None:
    """Although answers to what was settled before lie unread: a task that was acknowledged early may do that."""
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(20)])
    killed = subprocess.run([sys.executable, "-c", KILLED, redis_url, redis_queue], capture_output=True, check=False)
    tags = killed.stdout.split()
    assert len(tags) == 20, killed.stderr
    eventually(lambda: not any(client.hmget(UNACKED, tags)), "all are struck out")


def test_a_child_that_ends_takes_no_answer_along(
    publisher: RedisPublisher, consumer: RedisConsumer, client: Any, redis_queue: str
) -> None:
    """A task may fork; what its child closes is its own."""
    publisher.publish([Outgoing(wire(number), redis_queue) for number in range(2)])
    (delivery,) = receive(consumer, 1)
    consumer.settle([delivery], (), ())
    pid = os.fork()
    if pid == 0:
        consumer._listener.disconnect()
        consumer._dialogue.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    consumer.tick()
    assert _struck_out(client, delivery)()
    following = receive(consumer, 1)
    assert numbers(following) == [1]
    consumer.settle(following, (), ())
