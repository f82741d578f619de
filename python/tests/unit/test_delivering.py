"""How calls are brought to the broker: what is tried again, and what monitors are told of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import pytest

from celeriac import BrokerUnavailable, Celeriac, InvalidCall, PublishFailed, PublishRefused, connections
from celeriac.retrying import RetryPolicy
from celeriac.task import Request, current_request
from celeriac.transport import ClientLink, Outgoing

from .client_parts import FakePublisher, Fakes
from .worker_parts import message

AT_ONCE = {"interval_step": 0, "interval_max": 0}


class Faltering(Fakes):
    """A broker that takes no message a few times; then it does."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__()
        self.errors = list(errors)
        self.tries = 0

    def open_client_link(self, broker: str, *, connect_timeout: float, confirm: bool = True) -> ClientLink:
        link = super().open_client_link(broker, connect_timeout=connect_timeout, confirm=confirm)
        publisher = self.publishers[-1]

        def publish(batch: Sequence[Outgoing]) -> None:
            self.tries += 1
            if self.errors:
                raise self.errors.pop(0)
            FakePublisher.publish(publisher, batch)

        publisher.publish = publish  # type: ignore[method-assign]
        return link


def faltering(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> Faltering:
    made = Faltering(errors)
    monkeypatch.setattr(connections, "open_client_link", made.open_client_link)
    monkeypatch.setattr(connections, "open_reader", made.open_reader)
    return made


@pytest.mark.parametrize(
    ("policy", "pauses"),
    [
        ({}, [0, 0.2, 0.4]),
        ({"max_retries": 0}, []),
        ({"max_retries": 4, "interval_start": 1, "interval_step": 2, "interval_max": 3}, [1, 3, 4, 4]),
        ({"max_retries": None, "interval_step": 1, "interval_max": 2}, [0, 1, 2, 2, 2, 2, 2, 2]),
    ],
)
def test_pauses(policy: dict[str, Any], pauses: list[float]) -> None:
    assert list(islice(RetryPolicy.of(policy).pauses(), 8)) == pytest.approx(pauses)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"max_retry": 3}, "retry_policy has no 'max_retry'; it has max_retries, interval_start,"),
        ({"max_retries": 1.5}, "max_retries is a whole number from 0 on, or None, not 1.5"),
        ({"interval_step": -1}, "interval_step is a number of seconds from 0 on, not -1"),
    ],
)
def test_a_policy_that_is_none(policy: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidCall) as caught:
        RetryPolicy.of(policy)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("error", [PublishFailed("not confirmed"), BrokerUnavailable("gone")])
def test_what_failed_is_sent_again_under_its_id(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    broker = faltering(monkeypatch, error, error)
    with Celeriac("shop") as app:
        sent = app.send_task("shop.add", (2, 3), retry=True, retry_policy=AT_ONCE)
    assert [message.id for message in broker.messages] == [sent.id]
    assert broker.tries == 3
    assert not broker.messages[0].extra.headers


@pytest.mark.parametrize(
    "options", [{}, {"retry": False}, {"retry": False, "retry_policy": AT_ONCE}], ids=["unasked", "no", "no, though"]
)
def test_nothing_is_tried_again_unasked(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    broker = faltering(monkeypatch, BrokerUnavailable("gone"))
    with Celeriac("shop") as app, pytest.raises(BrokerUnavailable):
        app.send_task("shop.add", (2, 3), None, **options)
    assert broker.tries == 1


def test_the_last_error_is_raised_when_no_try_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = faltering(monkeypatch, *(BrokerUnavailable(f"try {number}") for number in range(9)))
    with Celeriac("shop") as app, pytest.raises(BrokerUnavailable, match="try 2"):
        app.send_task("shop.add", retry_policy={"max_retries": 2, **AT_ONCE})
    assert broker.tries == 3


def test_what_the_broker_refuses_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = faltering(monkeypatch, PublishRefused("no such exchange"))
    with Celeriac("shop") as app, pytest.raises(PublishRefused):
        app.send_task("shop.add", retry=True)
    assert broker.tries == 1


def test_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = faltering(monkeypatch, BrokerUnavailable("gone"))
    with Celeriac("shop", task_publish_retry=True, task_publish_retry_policy=AT_ONCE) as app:
        app.send_many([app.signature("shop.add"), app.signature("shop.mul")])
    assert [message.task for message in broker.messages] == ["shop.add", "shop.mul"]
    with pytest.raises(InvalidCall, match="max_retries"):
        Celeriac("shop", task_publish_retry_policy={"max_retries": "3"})


def test_canvases_too(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = faltering(monkeypatch, BrokerUnavailable("gone"))
    with Celeriac("shop", task_publish_retry_policy=AT_ONCE) as app:
        (app.signature("shop.add", (1, 2)) | app.signature("shop.add", (3,))).apply_async(retry=True)
    assert broker.tries == 2


# -- what monitors are told


def test_nobody_is_told_unasked(fakes: Fakes) -> None:
    with Celeriac("shop") as app:
        app.send_task("shop.add", (2, 3))
    assert fakes.post.told == []


def test_what_was_sent_is_told(fakes: Fakes) -> None:
    with Celeriac("shop", task_send_sent_event=True) as app:
        first = app.send_task("shop.add", (2, 3), queue="sums", expires=60)
        app.send_task("shop.add", exchange="news", routing_key="feed.a")
    (exchange, key, one), (_, _, other) = fakes.post.told
    sent = fakes.messages[0]
    assert (exchange, key, one.type, one.uuid) == ("celeryev", "task.sent", "task-sent", first.id)
    assert (one.name, one.args, one.kwargs, one.retries) == ("shop.add", "(2, 3)", "{}", 0)
    assert (one.root_id, one.parent_id, one.eta, one.expires) == (first.id, None, None, sent.expires)
    assert (one.queue, one.exchange, one.routing_key) == ("sums", "", "sums")
    assert (other.queue, other.exchange, other.routing_key) == (None, "news", "feed.a")
    assert one.hostname == sent.origin
    assert one.clock is not None
    assert other.clock == one.clock + 1


def test_news_that_cannot_be_sent_are_no_reason_to_fail(fakes: Fakes, caplog: pytest.LogCaptureFixture) -> None:
    fakes.post.fails = BrokerUnavailable("gone")
    with Celeriac("shop", task_send_sent_event=True) as app:
        app.send_task("shop.add")
        app.send_task("shop.add")
    assert len(fakes.messages) == 2
    assert "Monitors were not told of 1 event(s): gone" in caplog.text
    assert fakes.publishers[0].closed == 1, "its connection is not used again"


def test_an_event_of_ones_own(fakes: Fakes) -> None:
    with Celeriac("shop") as app:

        @app.task(bind=True)
        def work(self: Any) -> None:
            self.send_event("task-progress", done=3, of=10)
            self.send_event("shop-opened", door="left")

        request = Request(message=message(), queue="q", redelivered=False, hostname="w1@host")
        token = current_request.set(request)
        try:
            work()
        finally:
            current_request.reset(token)
    (_, key, event), (_, other_key, other) = fakes.post.told
    assert (key, event.uuid, event.hostname, event.extra) == (
        "task.progress",
        request.id,
        "w1@host",
        {"done": 3, "of": 10},
    )
    assert (other_key, other.extra) == ("shop.opened", {"uuid": request.id, "door": "left"})


@pytest.mark.parametrize(
    ("kind", "told", "text"),
    [
        ("progress", {}, "an event is named as 'task-progress': group, hyphen, what happened; not 'progress'"),
        ("task-progress", {"uuid": "x"}, "uuid of task-progress is not the caller's to say"),
        ("task-progress", {"at": object()}, "object is not JSON"),
    ],
)
def test_an_event_that_is_none(fakes: Fakes, kind: str, told: dict[str, Any], text: str) -> None:
    with Celeriac("shop") as app:

        @app.task(bind=True)
        def work(self: Any) -> None:
            self.send_event(kind, **told)

        with pytest.raises(InvalidCall, match="does not run in a worker"):
            work()
        token = current_request.set(Request(message=message(), queue="q", redelivered=False, hostname="w1@host"))
        try:
            with pytest.raises(InvalidCall) as caught:
                work()
        finally:
            current_request.reset(token)
    assert text in str(caught.value)
    assert fakes.post.told == []
