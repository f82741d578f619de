"""Publishing to a real RabbitMQ without confirmations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from celeriac import BrokerUnavailable, Celeriac, InvalidCall, Message, PublishFailed, Wire
from celeriac.transport import Outgoing
from celeriac.transport.amqp_link import Link
from celeriac.transport.amqp_unconfirmed import UnconfirmedPublisher
from tests.support.proxy import Proxy
from tests.support.queues import amqp_length
from tests.support.waiting import eventually


@pytest.fixture
def link(amqp_url: str) -> Iterator[Link]:
    with closing(Link(amqp_url)) as connection:
        yield connection


@pytest.fixture
def publisher(amqp_url: str) -> Iterator[UnconfirmedPublisher]:
    with closing(UnconfirmedPublisher(Link(amqp_url))) as open_publisher:
        yield open_publisher


def wire(**fields: Any) -> Wire:
    return Message.create(task="t", id="task-1", args=(1,), origin="test", **fields).build()


def test_all_arrive(publisher: UnconfirmedPublisher, link: Link, amqp_queue: str) -> None:
    """One by one and many, of more than is written at a time."""
    publisher.publish([Outgoing(wire(), amqp_queue)])
    publisher.publish([Outgoing(wire(), amqp_queue) for _ in range(500)])
    eventually(lambda: amqp_length(link, amqp_queue) == 501, "all of them")


def test_closing_loses_nothing(amqp_url: str, link: Link, amqp_queue: str) -> None:
    with closing(UnconfirmedPublisher(Link(amqp_url))) as publisher:
        publisher.publish([Outgoing(wire(), amqp_queue) for _ in range(200)])
    # RabbitMQ's channel has taken them all, its queue may still be counting.
    eventually(lambda: amqp_length(link, amqp_queue) == 200, "all of them")


#: More than RabbitMQ has taken when the last is written.
MANY = 5_000
SCRIPT = f"""
import sys
from celeriac import Celeriac
app = Celeriac("script", broker=sys.argv[1], task_default_queue=sys.argv[2])
task = app.signature("t.nobody", ("x" * 500,), confirm=False)
for number in range({MANY}):
    task.apply_async()
"""


def test_a_script_that_ends_loses_nothing(amqp_url: str, link: Link, amqp_queue: str) -> None:
    """It closes nothing itself."""
    subprocess.run([sys.executable, "-c", SCRIPT, amqp_url, amqp_queue], check=True)
    eventually(lambda: amqp_length(link, amqp_queue) == MANY, "all of them")


def test_what_no_queue_takes_is_logged(
    publisher: UnconfirmedPublisher, link: Link, amqp_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.publish([Outgoing(wire(), amqp_queue)])
    channel: Any = link.channel()
    channel.queue_delete(amqp_queue)
    publisher.publish([Outgoing(wire(), amqp_queue)])
    eventually(lambda: publisher.is_alive() and "no queue took it" in caplog.text, "the message that came back")
    publisher.publish([Outgoing(wire(), amqp_queue)])
    eventually(lambda: amqp_length(link, amqp_queue) == 1, "the queue declared again")


def test_what_is_refused_is_logged_and_ends_the_connection(
    publisher: UnconfirmedPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.publish([Outgoing(wire(), "key", "no.such.exchange")])
    eventually(lambda: not publisher.is_alive(), "the refusal")
    assert "refused by the broker" in caplog.text


def test_mistakes_are_found_before_anything_is_sent(
    publisher: UnconfirmedPublisher, link: Link, amqp_queue: str
) -> None:
    publisher.publish([Outgoing(wire(), amqp_queue)])
    eventually(lambda: amqp_length(link, amqp_queue) == 1, "the first")
    for bad in (Outgoing(wire(), "x" * 256), Outgoing(wire(headers={"odd": object()}), amqp_queue)):
        with pytest.raises(InvalidCall):
            publisher.publish([Outgoing(wire(), amqp_queue), bad])
    assert amqp_length(link, amqp_queue) == 1


def test_a_lost_connection(amqp_url: str, amqp_queue: str) -> None:
    with Proxy(amqp_url) as proxy, closing(UnconfirmedPublisher(Link(proxy.url))) as publisher:
        publisher.publish([Outgoing(wire(), amqp_queue)])
        proxy.cut()
        eventually(lambda: not publisher.is_alive(), "the cut")
        with pytest.raises((PublishFailed, BrokerUnavailable)):
            publisher.publish([Outgoing(wire(), amqp_queue)])


def test_the_option_of_a_call(amqp_url: str, link: Link, amqp_queue: str) -> None:
    with Celeriac("shop", broker=amqp_url, task_default_queue=amqp_queue) as app:
        app.send_task("t", confirm=False)
        quick: Any = app.signature("t", confirm=False)
        app.send_many([quick, quick])
        idle = app._outbox.connected()._idle  # type: ignore[union-attr]
        assert [len(idle[confirm]) for confirm in (True, False)] == [0, 1]
        app.send_many([quick, app.signature("t")])
        assert [len(idle[confirm]) for confirm in (True, False)] == [1, 1]
    eventually(lambda: amqp_length(link, amqp_queue) == 5, "all of them")
