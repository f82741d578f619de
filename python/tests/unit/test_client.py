"""The application without a broker: what it hands to a transport, serialized; connections; tasks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, TypeVar

import pytest

from celeriac import (
    BrokerUnavailable,
    Celeriac,
    InvalidCall,
    MaxRetriesExceeded,
    PublishFailed,
    PublishRefused,
    Result,
    Retry,
    Signature,
    TaskOptions,
    connections,
    current_request,
)
from celeriac.task import Request
from celeriac.transport import ClientLink, Document, Outgoing
from tests.support.waiting import PATIENCE

from .client_parts import FakePublisher, Fakes
from .worker_parts import message

T = TypeVar("T")


@pytest.fixture
def app(fakes: Fakes) -> Iterator[Celeriac]:
    with Celeriac("shop", broker="amqp://nowhere", backend="rpc://") as made:
        yield made


def test_a_task_is_sent_as_a_message(app: Celeriac, fakes: Fakes) -> None:
    @app.task(name="shop.add")
    def add(x: int, y: int) -> int:
        return x + y

    result = add.delay(2, y=3)
    (outgoing,) = fakes.sent
    assert (outgoing.exchange, outgoing.routing_key) == ("", "celery")
    (sent,) = fakes.messages
    assert (sent.task, sent.id, sent.args, sent.kwargs) == ("shop.add", result.id, [2], {"y": 3})
    assert sent.origin is not None and sent.origin.startswith(f"gen{os.getpid()}@")
    assert fakes.reader.prepared == 1
    assert add(2, 3) == 5


def test_reply_to_stays_the_same_and_ids_differ(app: Celeriac, fakes: Fakes) -> None:
    for _ in range(3):
        app.send_task("t")
    assert len({sent.reply_to for sent in fakes.messages}) == 1
    assert len({sent.id for sent in fakes.messages}) == 3
    assert len(fakes.publishers) == 1, "an idle connection is used again"


def test_names_and_options_of_tasks(app: Celeriac, fakes: Fakes) -> None:
    @app.task
    def plain() -> None:
        """Said of it."""

    @app.task(queue="mail", ignore_result=True, max_retries=None)
    def tuned() -> None: ...

    assert plain.name == f"{__name__}.plain" and plain.__doc__ == "Said of it."
    assert app.tasks == {plain.name: plain, tuned.name: tuned}
    assert tuned.options == TaskOptions(queue="mail", ignore_result=True, max_retries=None)
    tuned.delay()
    tuned.apply_async(queue="other", ignore_result=False)
    app.send_task(tuned.name)
    assert [outgoing.routing_key for outgoing in fakes.sent] == ["mail", "other", "mail"]
    assert [sent.ignore_result for sent in fakes.messages] == [True, False, True]


def test_unknown_task_option(app: Celeriac) -> None:
    with pytest.raises(InvalidCall, match=r"unknown task option retries; did you mean max_retries\?"):
        app.task(retries=3)


def test_nothing_is_prepared_for_results_nobody_wants(app: Celeriac, fakes: Fakes) -> None:
    app.send_task("t", ignore_result=True)
    assert fakes.reader.prepared == 0


def test_many_go_in_one_batch_and_none_if_one_is_wrong(app: Celeriac, fakes: Fakes) -> None:
    results = app.send_many([Signature(task="t", args=[number]) for number in range(5)])
    assert [sent.id for sent in fakes.messages] == [result.id for result in results]
    with pytest.raises(InvalidCall):
        app.send_many([Signature(task="t"), Signature(task="t", args=[object()])])
    with pytest.raises(InvalidCall):
        app.send_many([Signature(task="t"), Signature(task="t", options={"countdwon": 1})])
    assert len(fakes.sent) == 5
    assert app.send_many([]) == []


def test_signatures() -> None:
    app = Celeriac(broker="redis://nowhere")

    @app.task(name="shop.add")
    def add(x: int, y: int) -> int:
        return x + y

    assert add.s(1, y=2) == Signature(task="shop.add", args=[1], kwargs={"y": 2})
    assert add.si(1).immutable
    made = app.signature("t", (1,), {"k": 2}, queue="mail")
    assert made == Signature(task="t", args=[1], kwargs={"k": 2}, options={"queue": "mail"})


# -- inside a task


@pytest.fixture
def request_() -> Iterator[Request]:
    request = Request(message(id="parent", root_id="root", retries=2, headers={"tenant": "a"}), "mail", False, "w1")
    token = current_request.set(request)
    yield request
    current_request.reset(token)


def test_children_know_their_parents(app: Celeriac, fakes: Fakes, request_: Request) -> None:
    child = app.send_task("t")
    own = app.send_task("t", root_id="other", parent_id="another")
    assert [(sent.root_id, sent.parent_id) for sent in fakes.messages] == [("root", "parent"), ("other", "another")]
    assert [node.id for node in request_.children] == [child.id, own.id]
    assert (request_.id, request_.retries, request_.headers) == ("parent", 2, {"tenant": "a"})


def test_retry_raises(app: Celeriac, request_: Request) -> None:
    @app.task(bind=True, max_retries=3)
    def task(self: Any) -> None: ...

    with pytest.raises(Retry) as caught:
        task.retry(countdown=10, args=(1,))
    when = caught.value.when
    assert when is not None and 9 < (when - datetime.now(timezone.utc)).total_seconds() <= 10
    assert caught.value.args_override == (1,)
    with pytest.raises(MaxRetriesExceeded, match="retried 2 times"):
        task.retry(max_retries=2)
    with pytest.raises(ValueError, match="mine"):
        task.retry(exc=ValueError("mine"), max_retries=0)
    with pytest.raises(Retry):
        task.retry(eta=datetime(2030, 1, 1, tzinfo=timezone.utc))


def test_no_request_outside_of_a_worker(app: Celeriac) -> None:
    @app.task(name="t")
    def task() -> None: ...

    with pytest.raises(InvalidCall, match="t does not run in a worker"):
        _ = task.request


# -- connections


def test_a_dead_idle_connection_is_replaced(app: Celeriac, fakes: Fakes) -> None:
    app.send_task("t")
    fakes.publishers[0].alive = False
    app.send_task("t")
    assert [len(publisher.sent) for publisher in fakes.publishers] == [1, 1]
    assert fakes.publishers[0].closed == 1


@pytest.mark.parametrize(("error", "kept"), [(PublishRefused("no queue"), True), (PublishFailed("cut"), False)])
def test_an_error_is_the_callers_and_nothing_is_sent_again(
    app: Celeriac, fakes: Fakes, error: Exception, kept: bool
) -> None:
    app.send_task("t")
    fakes.publishers[0].fails = error
    with pytest.raises(type(error)):
        app.send_task("t")
    fakes.publishers[0].fails = None
    app.send_task("t")
    assert len(fakes.publishers) == (1 if kept else 2)
    assert fakes.publishers[0].closed == (0 if kept else 1)


def test_no_broker(app: Celeriac, fakes: Fakes) -> None:
    fakes.opening = BrokerUnavailable("down")
    with pytest.raises(BrokerUnavailable):
        app.send_task("t")


def test_threads_have_connections_of_their_own(app: Celeriac, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4)

    def busy(publisher: FakePublisher, batch: Sequence[Outgoing]) -> None:
        together.wait(PATIENCE)
        publisher.sent += batch

    opened = fakes.open_client_link

    def open_busy(broker: str, *, connect_timeout: float, confirm: bool) -> ClientLink:
        link = opened(broker, connect_timeout=connect_timeout, confirm=confirm)
        publisher = link.publisher
        assert isinstance(publisher, FakePublisher)
        publisher.publish = lambda batch: busy(publisher, batch)  # type: ignore[method-assign]
        return link

    monkeypatch.setattr(connections, "open_client_link", open_busy)
    threads = [threading.Thread(target=app.send_task, args=("t",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [len(publisher.sent) for publisher in fakes.publishers] == [1, 1, 1, 1]


def test_closing_and_using_again(app: Celeriac, fakes: Fakes) -> None:
    app.send_task("t")
    app.close()
    app.close()
    assert (fakes.publishers[0].closed, fakes.reader.closed) == (1, 1)
    app.send_task("t")
    assert len(fakes.publishers) == 2


def test_what_is_lent_when_it_closes_is_closed_when_it_comes_back(
    app: Celeriac, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.send_task("t")
    (publisher,) = fakes.publishers
    monkeypatch.setattr(publisher, "publish", lambda _: app.close())
    app.send_task("t")
    assert publisher.closed == 1
    app.send_task("t")
    assert len(fakes.publishers) == 2


def test_a_fork_has_connections_of_its_own(app: Celeriac, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    app.send_task("t")
    ours = app._outbox.connected().oid
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    app.send_task("t")
    assert len(fakes.publishers) == 2 and app._outbox.connected().oid != ours
    assert fakes.messages[1].origin is not None and fakes.messages[1].origin.startswith("gen4711@")


# -- settings


@pytest.mark.parametrize(
    ("broker", "backend", "text"),
    [
        ("http://localhost", None, "broker 'http://localhost': its scheme is none of amqp://"),
        ("", "mysql://shop:secret@db", "backend 'mysql://shop:**@db': its scheme is none of rpc://"),
        ("redis://localhost", "rpc://", "backend 'rpc://' sends results through an AMQP broker"),
        ("amqp://localhost:port", None, "is no URL"),
        ("redis://[::1", None, "is no URL"),
    ],
)
def test_urls_are_checked_at_once(broker: str, backend: str | None, text: str) -> None:
    with pytest.raises(InvalidCall) as caught:
        Celeriac(broker=broker, backend=backend)
    assert text in str(caught.value) and "secret" not in str(caught.value)


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERIAC_BROKER", "redis://one")
    monkeypatch.setenv("CELERIAC_BACKEND", "redis://two")
    assert (Celeriac().broker, Celeriac().backend) == ("redis://one", "redis://two")
    assert Celeriac(broker="amqp://three").broker == "amqp://three"


def test_use_changes_where_it_connects(app: Celeriac, fakes: Fakes) -> None:
    app.send_task("t")
    app.use(broker="redis://other", backend="redis://other")
    assert (app.broker, app.backend, fakes.publishers[0].closed) == ("redis://other", "redis://other", 1)
    with pytest.raises(InvalidCall):
        app.use(backend="rpc://")
    assert app.backend == "redis://other"


# -- results


def test_result_by_id(app: Celeriac, fakes: Fakes) -> None:
    encoded = Result.from_success("task-1", 5, date_done="2026-01-02").build()
    fakes.reader.documents["task-1"] = Document("task-1", encoded.body, encoded.content_type, encoded.content_encoding)
    result = app.AsyncResult("task-1")
    assert (result.get(timeout=3), result.state, result.result, result.traceback) == (5, "SUCCESS", 5, None)
    assert result.ready() and result.successful() and not result.failed()
    assert fakes.reader.timeouts == [3]
    result.forget()
    assert result.state == "PENDING" and repr(result) == "<AsyncResult task-1>"
