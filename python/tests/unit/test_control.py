"""Whom a request means, until when, and where its reply goes."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac import InvalidMessage
from celeriac.control import ControlReply, ControlRequest

NODE = "w1@host.example"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ({}, True),
        ({"destination": [NODE, "w2@host.example"]}, True),
        ({"destination": ["w2@host.example"]}, False),
        ({"destination": []}, True),
        ({"pattern": "w?@host*", "matcher": "glob"}, True),
        ({"pattern": "x*", "matcher": "glob"}, False),
        ({"pattern": r"w\d@", "matcher": "pcre"}, True),
        ({"pattern": r"\d", "matcher": "pcre"}, False),
        ({"pattern": "x*", "matcher": None}, True),
        ({"destination": [NODE], "pattern": "x*", "matcher": "glob"}, True),
    ],
)
def test_who_is_meant(address: dict[str, Any], meant: bool) -> None:
    assert ControlRequest(method="ping", **address).is_for(NODE) is meant


@pytest.mark.parametrize(("pattern", "matcher"), [("(", "pcre"), ("*", "sql"), ("a" * 256, "pcre")])
def test_unreadable_patterns(pattern: str, matcher: str) -> None:
    with pytest.raises(InvalidMessage):
        ControlRequest(method="ping", pattern=pattern, matcher=matcher).is_for(NODE)


REPLY_TO = {"exchange": "reply.celery.pidbox", "routing_key": "k"}


@pytest.mark.parametrize(
    ("expires", "reply_to", "over"),
    [(0, REPLY_TO, False), (None, REPLY_TO, False), (9.5, REPLY_TO, True), (10.5, REPLY_TO, False), (9.5, None, False)],
)
def test_expiry_is_that_of_the_reply(expires: float | None, reply_to: Any, over: bool) -> None:
    assert ControlRequest(method="ping", expires=expires, reply_to=reply_to).is_expired(10.0) is over


def test_where_the_reply_goes() -> None:
    assert ControlRequest(method="ping").reply_address is None
    assert ControlRequest(method="ping", reply_to=REPLY_TO).reply_address == ("reply.celery.pidbox", "k")
    with pytest.raises(InvalidMessage, match="exchange and routing_key"):
        _ = ControlRequest(method="ping", reply_to={"exchange": None}).reply_address


def test_what_is_not_asked_for_is_not_written() -> None:
    assert set(ControlRequest(method="ping").body()) == {"method", "arguments", "destination", "pattern", "matcher"}
    assert ControlReply(node=NODE, reply=None).body() == {NODE: None}
