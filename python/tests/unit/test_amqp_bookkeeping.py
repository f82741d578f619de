"""What counts as confirmed and what is acknowledged over AMQP, whatever order a broker tells it in, and where it stops.

On a connection that does what a script says: nothing depends on the timing of a real one.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from struct import unpack_from
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import BrokerUnavailable, PublishFailed, PublishRefused, Wire
from celeriac.transport import amqp
from celeriac.transport.amqp import AmqpPublisher
from celeriac.transport.amqp_consumer import AmqpConsumer
from celeriac.transport.amqp_frames import METHOD, OVERHEAD
from celeriac.transport.base import Delivery, Outgoing

#: (tag, whether all up to it, whether taken): what a broker tells of messages.
Told = tuple[int, bool, bool]


class Refused(Exception):
    """An error of a channel."""


class Channel:
    """A channel as far as publishing and consuming need one; ``held`` are the deliveries that the broker waits for."""

    def __init__(self, channel_id: int, on_close: Callable[[Exception], None] | None) -> None:
        self.channel_id = channel_id
        self.on_close = on_close
        self.events: dict[str, set[Callable[..., None]]] = defaultdict(set)
        self.held: set[int] = set()
        self.acked: list[int] = []
        self.returned: dict[int, bool] = {}

    def confirm_select(self) -> None:
        pass

    def basic_qos(self, *_: Any) -> None:
        pass

    def basic_consume(self, queue: str, callback: Any) -> str:
        self.deliver = callback.take
        return queue

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        done = {held for held in self.held if held <= tag} if multiple else {tag}
        assert done <= self.held and tag in done, "the broker would close the channel: unknown delivery tag"
        self.held -= done
        self.acked += done

    def basic_reject(self, tag: int, requeue: bool) -> None:
        self.held.remove(tag)
        self.returned[tag] = requeue


class Script:
    """A connection. Each reading of it does what is next in ``steps``; when there is nothing left, it is lost."""

    url, blocked, frame_max, channel_errors = "amqp://script", False, 0, (Refused,)

    def __init__(self) -> None:
        self.steps: deque[Callable[[], None]] = deque()
        self.intake = SimpleNamespace(confirmations={})
        self.channels: list[Channel] = []
        #: Messages written to each channel, by its number.
        self.written: Counter[int] = Counter()
        self.on_write: Callable[[Channel], None] = lambda _: None

    def channel(self, on_close: Callable[[Exception], None] | None = None) -> Channel:
        self.channels.append(Channel(len(self.channels) + 1, on_close))
        return self.channels[-1]

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        yield

    def ensure_queue(self, name: str) -> None:
        pass

    def write(self, frames: bytes) -> None:
        start = 0
        while start < len(frames):
            channel, size = unpack_from(">HI", frames, start + 1)
            self.written[channel] += frames[start : start + 1] == METHOD
            start += size + OVERHEAD
        self.on_write(self.channels[-1])

    def readable(self, _timeout: float = 0.0) -> bool:
        return True

    def drain(self) -> None:
        if not self.steps:
            raise BrokerUnavailable("cut")
        self.steps.popleft()()

    def catch_up(self) -> None:
        pass

    def tell(self, channel: Channel, *told: Told) -> None:
        """Have the broker say this, on a channel that may have been given up."""
        for tag, multiple, taken in told:
            bulk = self.intake.confirmations.get(channel.channel_id)
            if bulk is not None:
                self.steps.append(partial(bulk, tag, multiple, taken))
            else:
                heard = channel.events["basic_ack" if taken else "basic_nack"]
                self.steps += [partial(each, tag, multiple) for each in heard]


def publisher_on(script: Any) -> AmqpPublisher:
    return AmqpPublisher(script)


def batch_of(size: int) -> list[Outgoing]:
    return [Outgoing(Wire(b"[]", None, None, {}, {"correlation_id": str(n)}), "queue") for n in range(1, size + 1)]


# -- publishing


@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.booleans()), max_size=12),
)
def test_only_what_was_confirmed_before_the_cut_counts(size: int, told: list[Told]) -> None:
    script, batch = Script(), batch_of(size)
    script.on_write = lambda channel: script.tell(channel, *told)
    left, refused = set(range(1, size + 1)), set()
    for tag, multiple, taken in told:
        if not left:
            break
        done = {pending for pending in left if pending == tag or (multiple and pending < tag)}
        left -= done
        refused |= set() if taken else done
    error: Exception | None = None
    try:
        publisher_on(script).publish(batch)
    except (PublishFailed, PublishRefused) as raised:
        error = raised
    if left:
        assert isinstance(error, PublishFailed)
    elif refused:
        assert isinstance(error, PublishRefused)
        assert set(error.refused) == {batch[tag - 1] for tag in refused}
    else:
        assert error is None


@pytest.mark.parametrize("told", [(1, False, True), (9, True, True)])
def test_a_late_confirmation_of_a_channel_that_was_given_up(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    """Tags begin anew on each channel: it does not confirm what has the same tag on the next."""
    monkeypatch.setattr(amqp, "CONFIRM_TIMEOUT", 0.0)
    script = Script()
    publisher = publisher_on(script)
    with pytest.raises(PublishFailed, match="did not confirm 1"):
        publisher.publish(batch_of(1))
    monkeypatch.setattr(amqp, "CONFIRM_TIMEOUT", 30.0)
    script.on_write = lambda _: script.tell(script.channels[0], told)
    with pytest.raises(PublishFailed, match="before the broker confirmed"):
        publisher.publish(batch_of(1))
    assert not script.steps and script.written == {1: 1, 2: 1}


@pytest.mark.parametrize("confirmed", [0, 1, 4])
@pytest.mark.parametrize("told_again", [True, False])
def test_what_a_closed_channel_had_not_confirmed_is_sent_again_and_needs_a_confirmation_of_its_own(
    confirmed: int, told_again: bool
) -> None:
    script, size = Script(), 6

    def close(tell: Callable[[Exception], None]) -> None:
        script.on_write = again
        tell(Refused())

    def first(channel: Channel) -> None:
        script.tell(channel, *[(confirmed, True, True)][: bool(confirmed)])
        assert channel.on_close is not None
        script.steps.append(partial(close, channel.on_close))

    def again(channel: Channel) -> None:
        if told_again:
            script.tell(channel, (script.written[channel.channel_id], False, True))

    script.on_write = first
    with contextlib.nullcontext() if told_again else pytest.raises(PublishFailed):
        publisher_on(script).publish(batch_of(size))
    assert script.written == {1: size, 2: size - confirmed if told_again else 1}


# -- consuming


@given(st.lists(st.sampled_from("dddaarq"), max_size=40), st.randoms(use_true_random=False))
def test_no_delivery_is_acknowledged_that_was_not_settled(steps: list[str], random: Any) -> None:
    """Whatever is settled in whatever order: one frame for many never takes in one that is still held."""
    script: Any = Script()
    consumer = AmqpConsumer(script, ["queue"], 100)
    channel, tags = script.channels[-1], count(1)
    held: list[Delivery] = []
    acked: set[int] = set()
    for step in steps:
        if step == "d":
            tag = next(tags)
            channel.held.add(tag)
            channel.deliver(tag, False, b"\x00\x00", b"[]", None)
            held += consumer.receive(100)
            continue
        some = random.sample(held, random.randint(0, len(held)))
        held = [delivery for delivery in held if delivery not in some]
        consumer.settle(*[some if step == kind else [] for kind in "arq"])
        acked |= {delivery.tag for delivery in some} if step == "a" else set()
        assert channel.held == {delivery.tag for delivery in held}
        assert sorted(channel.acked) == sorted(acked)
