"""Publishing to and consuming from a real RabbitMQ."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from celeriac import BrokerUnavailable, InvalidCall, Message, PublishFailed, PublishRefused, Wire
from celeriac.transport import Outgoing, amqp, amqp_link, purge
from celeriac.transport.amqp import AmqpPublisher
from celeriac.transport.amqp_consumer import AmqpConsumer
from celeriac.transport.amqp_link import Link
from celeriac.transport.base import Delivery
from tests.support.descriptors import all_closed
from tests.support.proxy import Proxy, mute_server
from tests.support.queues import amqp_length
from tests.support.waiting import eventually


@pytest.fixture
def link(amqp_url: str) -> Iterator[Link]:
    with closing(Link(amqp_url)) as connection:
        yield connection


def wire(number: int = 0, **fields: Any) -> Wire:
    return Message.create(task="t", id=f"task-{number}", args=(number,), origin="test", **fields).build()


def receive(consumer: AmqpConsumer, count: int) -> list[Delivery]:
    got: list[Delivery] = []

    def enough() -> bool:
        got.extend(consumer.receive(count))
        return len(got) >= count

    eventually(enough, f"{count} deliveries")
    return got


def numbers(deliveries: list[Delivery]) -> list[int]:
    messages = [Message.parse(one.content) for one in deliveries if isinstance(one.content, Wire)]
    return [message.args[0] for message in messages]


# -- publishing


def test_many_at_once_all_confirmed(link: Link, amqp_queue: str) -> None:
    """More than the window of unconfirmed messages, in the order in which they were given."""
    count = amqp.CONFIRM_WINDOW * 2 + 1
    AmqpPublisher(link).publish([Outgoing(wire(number), amqp_queue) for number in range(count)])
    assert amqp_length(link, amqp_queue) == count
    consumer = AmqpConsumer(link, [amqp_queue], count)
    assert numbers(receive(consumer, count)) == list(range(count))


def test_message_arrives_as_it_was_sent(link: Link, amqp_queue: str) -> None:
    sent = wire(headers={"tenant": "acme"}, priority=7, expires="2099-01-01", reply_to="oid", time_limit=30)
    AmqpPublisher(link).publish([Outgoing(sent, amqp_queue)])
    (delivery,) = receive(AmqpConsumer(link, [amqp_queue], 1), 1)
    assert delivery.content == sent and not delivery.redelivered and delivery.queue == amqp_queue


@pytest.mark.parametrize("arguments", [{"x-max-priority": 9}, {"x-queue-type": "quorum"}, {"x-max-length": 100}])
def test_a_queue_that_exists_is_left_as_it_is(link: Link, amqp_queue: str, arguments: dict[str, Any]) -> None:
    channel: Any = link.channel()
    channel.queue_declare(amqp_queue, durable=True, auto_delete=False, arguments=arguments)
    AmqpPublisher(link).publish([Outgoing(wire(), amqp_queue)])
    (delivery,) = receive(AmqpConsumer(link, [amqp_queue], 4), 1)
    assert numbers([delivery]) == [0]


def test_a_new_queue_is_declared_as_celery_does(link: Link, amqp_queue: str) -> None:
    AmqpPublisher(link).publish([Outgoing(wire(), amqp_queue)])
    channel: Any = link.channel()
    # Any other flag or argument would be refused with 406.
    channel.queue_declare(amqp_queue, durable=True, exclusive=False, auto_delete=False, arguments={})


def test_no_such_queue(link: Link, amqp_queue: str) -> None:
    """The broker returns it, and it is nobody's; those before and after it are safe."""
    publisher = AmqpPublisher(link)
    publisher.publish([Outgoing(wire(), amqp_queue)])
    lost = Outgoing(wire(1), f"{amqp_queue}.gone")
    quiet = AmqpPublisher(link, declare=False)
    with pytest.raises(PublishRefused, match=f"queue '{amqp_queue}.gone': no queue takes it") as caught:
        quiet.publish([Outgoing(wire(2), amqp_queue), lost, Outgoing(wire(3), amqp_queue)])
    assert caught.value.refused == (lost,)
    assert amqp_length(link, amqp_queue) == 3


def test_a_queue_that_was_deleted_is_declared_again_next_time(link: Link, amqp_queue: str) -> None:
    publisher = AmqpPublisher(link)
    publisher.publish([Outgoing(wire(), amqp_queue)])
    channel: Any = link.channel()
    channel.queue_delete(amqp_queue)
    with pytest.raises(PublishRefused):
        publisher.publish([Outgoing(wire(), amqp_queue)])
    publisher.publish([Outgoing(wire(), amqp_queue)])
    assert amqp_length(link, amqp_queue) == 1


@pytest.mark.parametrize("window", [1, 500])
def test_no_such_exchange_among_many(link: Link, amqp_queue: str, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    """The broker closes the channel for it; the others are sent nevertheless, and none that was confirmed twice."""
    monkeypatch.setattr(amqp, "CONFIRM_WINDOW", window)
    publisher = AmqpPublisher(link)
    bad = [Outgoing(wire(number), "key", "no-such-exchange") for number in (10, 20)]
    batch = [Outgoing(wire(number), amqp_queue) for number in range(30)]
    batch[10], batch[20] = bad
    with pytest.raises(PublishRefused, match="no-such-exchange") as caught:
        publisher.publish(batch)
    assert set(caught.value.refused) == set(bad)
    consumer = AmqpConsumer(link, [amqp_queue], 100)
    publisher.publish([Outgoing(wire(99), amqp_queue)])
    arrived: list[int] = []
    # What was not confirmed before the channel closed is sent again, and may come twice.
    while 99 not in arrived:
        arrived += numbers(receive(consumer, 1))
    assert set(arrived) == {*range(30), 99} - {10, 20}
    assert window > 1 or len(arrived) == 29


def test_who_reads_that_a_publisher_s_channel_was_closed_is_not_disturbed(link: Link, amqp_queue: str) -> None:
    consumer, publisher = AmqpConsumer(link, [amqp_queue], 100), AmqpPublisher(link)
    bad = Outgoing(wire(1), "key", "no-such-exchange")
    publisher.submit([bad])
    AmqpPublisher(link).publish([Outgoing(wire(2), amqp_queue)])
    assert numbers(receive(consumer, 1)) == [2]
    with pytest.raises(PublishRefused, match="no-such-exchange") as caught:
        publisher.wait()
    assert caught.value.refused == (bad,)


def test_refused_by_a_full_queue(link: Link, amqp_queue: str) -> None:
    channel: Any = link.channel()
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    channel.queue_declare(amqp_queue, durable=True, auto_delete=False, arguments=arguments)
    publisher = AmqpPublisher(link)
    publisher.publish([Outgoing(wire(), amqp_queue)])
    eventually(lambda: amqp_length(link, amqp_queue) == 1, "it is full")
    with pytest.raises(PublishRefused, match=r"refused \(nack\)"):
        publisher.publish([Outgoing(wire(), amqp_queue)])


@pytest.mark.parametrize("headers", [{"x": object()}, {"x": 10**30}, {"k" * 300: 1}, {"x": {"y": {1, 2}}}])
def test_headers_that_amqp_cannot_carry(link: Link, amqp_queue: str, headers: dict[str, Any]) -> None:
    """Found before the first of the batch is sent; the connection stays."""
    publisher = AmqpPublisher(link)
    with pytest.raises(InvalidCall, match="cannot be written in an AMQP table"):
        publisher.publish([Outgoing(wire(1), amqp_queue), Outgoing(wire(2, headers=headers), amqp_queue)])
    publisher.publish([Outgoing(wire(3), amqp_queue)])
    assert numbers(receive(AmqpConsumer(link, [amqp_queue], 9), 1)) == [3]


def test_names_that_amqp_cannot_carry(link: Link) -> None:
    with pytest.raises(InvalidCall, match="at most 255 bytes"):
        AmqpPublisher(link).publish([Outgoing(wire(), "x" * 256)])


def test_cut_before_the_confirm(amqp_url: str, amqp_queue: str) -> None:
    with Proxy(amqp_url) as proxy, closing(Link(proxy.url)) as link:
        publisher = AmqpPublisher(link)
        publisher.publish([Outgoing(wire(), amqp_queue)])
        assert publisher.is_alive()
        proxy.cut()
        eventually(lambda: not publisher.is_alive(), "the cut shows")
        with pytest.raises((PublishFailed, BrokerUnavailable)):
            publisher.publish([Outgoing(wire(), amqp_queue)])


def test_a_broker_that_falls_silent(amqp_url: str, amqp_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does to publishers when it is short of memory: an error after a while, and no hanging on closing."""
    with Proxy(amqp_url) as proxy:
        link = Link(proxy.url)
        publisher = AmqpPublisher(link)
        publisher.publish([Outgoing(wire(), amqp_queue)])
        monkeypatch.setattr(amqp, "CONFIRM_TIMEOUT", 0.3)
        monkeypatch.setattr(amqp_link, "CLOSE_TIMEOUT", 0.3)
        proxy.fall_silent()
        started = time.monotonic()
        with pytest.raises(PublishFailed, match="did not confirm 1 message"):
            publisher.publish([Outgoing(wire(), amqp_queue)])
        link.close()
        assert time.monotonic() - started < 20


def test_a_broker_that_does_not_read(amqp_url: str, amqp_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the sockets buffer: writing must not wait for ever."""
    monkeypatch.setattr(amqp_link, "SILENCE_TIMEOUT", 3.0)
    with Proxy(amqp_url) as proxy, closing(Link(proxy.url)) as link:
        publisher = AmqpPublisher(link)
        publisher.publish([Outgoing(wire(), amqp_queue)])
        proxy.fall_silent()
        huge = Wire(b"x" * 20_000_000, "application/json", "utf-8", {}, {})
        with pytest.raises(PublishFailed):
            publisher.publish([Outgoing(huge, amqp_queue)])


@pytest.mark.parametrize("patient", [True, False])
def test_a_broker_that_blocks_publishers(
    amqp_url: str, amqp_queue: str, monkeypatch: pytest.MonkeyPatch, patient: bool
) -> None:
    """It says so; a worker waits for it, a client is told."""
    with Proxy(amqp_url) as proxy, closing(Link(proxy.url)) as link:
        publisher = AmqpPublisher(link, patient=patient)
        publisher.publish([Outgoing(wire(), amqp_queue)])
        monkeypatch.setattr(amqp, "CONFIRM_TIMEOUT", 0.2)
        proxy.fall_silent()
        link._amqp._on_blocked()
        if patient:
            speaking = threading.Timer(0.6, proxy.speak_again)
            speaking.start()
            started = time.monotonic()
            publisher.publish([Outgoing(wire(), amqp_queue)])
            assert time.monotonic() - started > 0.5
            speaking.join()
            link._amqp._on_unblocked()
            assert not link.blocked
        else:
            with pytest.raises(PublishFailed):
                publisher.publish([Outgoing(wire(), amqp_queue)])


# -- connecting


def test_nobody_listens() -> None:
    with pytest.raises(BrokerUnavailable) as caught:
        Link("amqp://shop:secret@127.0.0.1:1//")
    assert "amqp://shop:**@127.0.0.1:1" in str(caught.value) and "secret" not in str(caught.value)


def test_a_server_that_says_nothing() -> None:
    with mute_server() as port:
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            Link(f"amqp://guest:secret@127.0.0.1:{port}//", connect_timeout=0.3)
        assert time.monotonic() - started < 20


@pytest.mark.parametrize("change", [{"netloc": "guest:secret@{address}"}, {"path": "/no-such-vhost"}])
def test_wrong_password_or_virtual_host(amqp_url: str, change: dict[str, str]) -> None:
    parts = urlsplit(amqp_url)
    address = f"{parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(**{name: value.format(address=address) for name, value in change.items()}))
    with pytest.raises(BrokerUnavailable) as caught:
        Link(url)
    assert "secret" not in str(caught.value)


def test_nothing_is_left_open(amqp_url: str, amqp_queue: str) -> None:
    with all_closed():
        for _ in range(5):
            with closing(Link(amqp_url)) as link:
                AmqpPublisher(link).publish([Outgoing(wire(), amqp_queue)])
            with pytest.raises(BrokerUnavailable):
                Link("amqp://127.0.0.1:1//")


def test_a_forked_process_leaves_the_connection_alone(amqp_url: str, amqp_queue: str) -> None:
    """Neither its closing nor its garbage collection shuts the parent's socket down."""
    with closing(Link(amqp_url)) as link:
        publisher = AmqpPublisher(link)
        publisher.publish([Outgoing(wire(), amqp_queue)])
        pid = os.fork()
        if pid == 0:
            try:
                publisher.close()
                del publisher, link
                gc.collect()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert publisher.is_alive()
        publisher.publish([Outgoing(wire(), amqp_queue)])
        assert amqp_length(link, amqp_queue) == 2


# -- consuming


def test_settlements_in_batches(link: Link, amqp_queue: str) -> None:
    """A run of the oldest goes in one frame; what is younger and done is not taken for older and open."""
    AmqpPublisher(link).publish([Outgoing(wire(number), amqp_queue) for number in range(10)])
    other = Link(link._kombu.as_uri(include_password=True))
    consumer = AmqpConsumer(other, [amqp_queue], 100)
    held = receive(consumer, 10)
    consumer.settle([held[0], held[1], held[2], held[5], held[9]], [held[3]], [held[4]])
    (again,) = receive(consumer, 1)
    assert again.redelivered and numbers([again]) == [4]
    consumer.close()
    eventually(lambda: amqp_length(link, amqp_queue) == 4, "what was open went back: 4, 6, 7, 8")
    left = receive(AmqpConsumer(link, [amqp_queue], 100), 4)
    assert sorted(numbers(left)) == [4, 6, 7, 8] and all(one.redelivered for one in left)


def test_prefetch_is_bounded_and_widened_for_what_waits(link: Link, amqp_queue: str) -> None:
    AmqpPublisher(link).publish([Outgoing(wire(number), amqp_queue) for number in range(40)])
    consumer = AmqpConsumer(link, [amqp_queue], 3)
    held = receive(consumer, 3)
    eventually(lambda: amqp_length(link, amqp_queue) == 37, "the others wait")
    assert consumer.receive(100) == [], "no more than the window"
    consumer.hold(3)
    held += receive(consumer, 3)
    assert len(held) >= 6 and len(set(numbers(held))) == len(held)


def test_cancel_takes_no_more(link: Link, amqp_queue: str) -> None:
    AmqpPublisher(link).publish([Outgoing(wire(number), amqp_queue) for number in range(5)])
    consumer = AmqpConsumer(link, [amqp_queue], 2)
    held = receive(consumer, 2)
    consumer.cancel()
    consumer.cancel()
    consumer.settle((), (), held)
    eventually(lambda: amqp_length(link, amqp_queue) == 5, "all are back")
    assert consumer.receive(2) == []


def test_a_queue_deleted_under_the_consumer(link: Link, amqp_url: str, amqp_queue: str) -> None:
    """The broker cancels it; the worker connects anew, which declares the queue again."""
    consumer = AmqpConsumer(Link(amqp_url), [amqp_queue], 2)
    channel: Any = link.channel()
    channel.queue_delete(amqp_queue)
    with pytest.raises(BrokerUnavailable):
        eventually(lambda: consumer.receive(2), "the cancellation")
    consumer.close()
    AmqpConsumer(link, [amqp_queue], 2)


def test_a_queue_of_somebody_else(link: Link, amqp_url: str, amqp_queue: str) -> None:
    channel: Any = link.channel()
    channel.queue_declare(amqp_queue, exclusive=True)
    with closing(Link(amqp_url)) as other, pytest.raises(BrokerUnavailable, match=f"cannot consume {amqp_queue}"):
        AmqpConsumer(other, [amqp_queue], 2)
    channel.queue_delete(amqp_queue)


def test_settling_twice_is_a_lost_connection_not_a_crash(link: Link, amqp_queue: str) -> None:
    AmqpPublisher(link).publish([Outgoing(wire(), amqp_queue)])
    consumer = AmqpConsumer(link, [amqp_queue], 2)
    (delivery,) = receive(consumer, 1)
    consumer.settle([delivery], (), ())
    consumer._channel.basic_ack(delivery.tag)
    with pytest.raises(BrokerUnavailable, match="cannot consume"):
        eventually(lambda: consumer.receive(2), "the channel is closed")


def test_large_bodies_in_many_frames(link: Link, amqp_queue: str) -> None:
    body = os.urandom(5_000_000).hex().encode()
    publisher = AmqpPublisher(link)
    sending = threading.Thread(
        target=lambda: publisher.publish([Outgoing(Wire(body, "text/plain", "utf-8", {}, {}), amqp_queue)])
    )
    sending.start()
    sending.join(20)
    (delivery,) = receive(AmqpConsumer(link, [amqp_queue], 1), 1)
    assert isinstance(delivery.content, Wire) and delivery.content.body == body


# -- purging


def test_purge(link: Link, amqp_url: str, amqp_queue: str) -> None:
    AmqpPublisher(link).publish([Outgoing(wire(), amqp_queue)] * 3)
    assert purge(amqp_url, amqp_queue) == 3
    assert amqp_length(link, amqp_queue) == 0
    with pytest.raises(InvalidCall, match="there is no queue .* check its name"):
        purge(amqp_url, f"{amqp_queue}.gone")
