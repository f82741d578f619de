"""What the processes of a worker say to each other: whole, in order, and never waiting for anybody."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.worker.channel import KEPT, Channel

Pair = tuple[Channel, Channel]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = Channel.pair()
    yield one, other
    one.close()
    other.close()


def test_both_ways(pair: Pair) -> None:
    one, other = pair
    one.send({"a": 1})
    one.send({"b": [None, "ž"]})
    other.send({"c": 2})
    assert other.receive() == [{"a": 1}, {"b": [None, "ž"]}]
    assert other.receive() == []
    assert one.receive() == [{"c": 2}]


def test_large_messages_travel_in_pieces(pair: Pair) -> None:
    one, other = pair
    text = "x" * 3_000_000
    one.send({"text": text})
    assert one.interest & select.POLLOUT
    found: list[dict[str, Any]] = []
    while not found:
        found = other.receive()
        one.flush()
    assert found == [{"text": text}]
    assert not one.interest & select.POLLOUT


def test_half_a_message_of_a_dead_process_is_forgotten(pair: Pair) -> None:
    one, other = pair
    if (pid := os.fork()) == 0:
        one.send({"text": "x" * 3_000_000})
        os._exit(0)
    os.waitpid(pid, 0)
    assert other.receive() == []
    one.send({"next": True})
    assert other.receive() == [{"next": True}]


def test_who_does_not_read_holds_nobody_up(pair: Pair) -> None:
    one, other = pair
    for number in range(3 * KEPT):
        one.send({"number": number, "pad": "x" * 1000})
    first = other.receive()
    assert first[0]["number"] == 0
    one.flush()
    assert [message["number"] for message in first] == list(range(len(first)))
