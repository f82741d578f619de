"""Results on real brokers: stored by a worker's store, read by many threads, and what happens when it breaks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
import redis

from celeriac import BrokerUnavailable, Celeriac, InvalidCall, InvalidMessage, Result, TaskFailure, TaskTimeout
from celeriac.transport import Document, ResultStore
from celeriac.transport.amqp import RpcStore
from celeriac.transport.amqp_link import Link
from celeriac.transport.redis_results import KEY_PREFIX, RedisStore
from celeriac.transport.rpc import RpcReader
from tests.conftest import Broker
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

DONE = "2026-01-02T03:04:05+00:00"


def document(task_id: str, value: Any, reply_to: str | None = None, **changes: Any) -> Document:
    encoded = replace(Result.from_success(task_id, value, date_done=DONE), **changes).build()
    return Document(task_id, encoded.body, encoded.content_type, encoded.content_encoding, reply_to, task_id)


@pytest.fixture
def store(broker: Broker) -> Iterator[ResultStore]:
    """What a worker of this broker writes results with."""
    with ExitStack() as opened:
        if broker.name == "redis":
            yield opened.enter_context(closing(RedisStore(broker.url, expires=60)))
        else:
            yield RpcStore(opened.enter_context(closing(Link(broker.url))))


@pytest.fixture
def answer(app: Celeriac, store: ResultStore) -> Callable[..., None]:
    """Answers for a worker: stores documents for the app's client."""
    app._outbox.reader().prepare()

    def tell(task_id: str, value: Any, **changes: Any) -> None:
        put(store, [document(task_id, value, app._outbox.connected().oid, **changes)])

    return tell


def put(store: ResultStore, documents: Sequence[Document]) -> None:
    store.submit(documents)
    store.wait()


def name() -> str:
    return str(uuid.uuid4())


def test_value_comes_while_waiting(app: Celeriac, answer: Callable[..., None]) -> None:
    task_id = name()
    timer = threading.Timer(0.2, answer, (task_id, {"a": [1, None]}))
    timer.start()
    started = time.monotonic()
    assert app.AsyncResult(task_id).get(timeout=60) == {"a": [1, None]}
    assert time.monotonic() - started < 20
    assert app.AsyncResult(task_id).get(timeout=0) == {"a": [1, None]}, "it can be asked for again"
    timer.join()


def test_states_on_the_way_do_not_end_the_waiting(app: Celeriac, answer: Callable[..., None]) -> None:
    task_id = name()
    result = app.AsyncResult(task_id)
    for state in ("STARTED", "RETRY", "PROGRESS"):
        answer(task_id, None, status=state, date_done=None)
        eventually(lambda state=state: result.state == state, f"{state} shows")  # type: ignore[misc]
        with pytest.raises(TaskTimeout):
            result.get(timeout=0.05)
        assert not result.ready()
    answer(task_id, 5)
    assert result.get(timeout=40) == 5


def test_the_first_end_counts(app: Celeriac, answer: Callable[..., None]) -> None:
    """Also when another has come before anybody looks."""
    task_id, after = name(), name()
    for told, value in ((task_id, 1), (task_id, 2), (after, 3)):
        answer(told, value)
    assert app.AsyncResult(after).get(timeout=40) == 3
    assert app.AsyncResult(task_id).get(timeout=40) == 1


def test_timeout_says_so(app: Celeriac) -> None:
    started = time.monotonic()
    with pytest.raises(TaskTimeout, match=r"did not end within 0\.2 seconds"):
        app.AsyncResult("nobody").get(timeout=0.2)
    assert time.monotonic() - started < 20
    assert app.AsyncResult("nobody").state == "PENDING" and app.AsyncResult("nobody").result is None


def test_failure_says_what(app: Celeriac, answer: Callable[..., None]) -> None:
    task_id = name()
    failure = {"exc_type": "ValueError", "exc_message": ["sold out"], "exc_module": "builtins"}
    answer(task_id, failure, status="FAILURE", traceback="tb")
    with pytest.raises(TaskFailure, match="ValueError: sold out"):
        app.AsyncResult(task_id).get(timeout=40)
    assert app.AsyncResult(task_id).traceback == "tb" and app.AsyncResult(task_id).failed()


def test_a_document_that_breaks_the_protocol(app: Celeriac, store: ResultStore) -> None:
    app._outbox.reader().prepare()
    task_id = name()
    broken = Document(task_id, b"{", "application/json", "utf-8", app._outbox.connected().oid, task_id)
    put(store, [broken])
    with pytest.raises(InvalidMessage):
        app.AsyncResult(task_id).get(timeout=40)


def test_forget(app: Celeriac, answer: Callable[..., None]) -> None:
    task_id = name()
    answer(task_id, 5)
    result = app.AsyncResult(task_id)
    eventually(result.successful, "it is there")
    result.forget()
    assert result.state == "PENDING"


def test_many_threads_over_one_reader(app: Celeriac, answer: Callable[..., None]) -> None:
    """Each gets its own, whoever reads the connection; the last answered is not the last to be told."""
    ids = [name() for _ in range(40)]
    started = time.monotonic()
    with ThreadPoolExecutor(len(ids)) as threads:
        waiting = [threads.submit(app.AsyncResult(task_id).get, 60) for task_id in ids]
        for place, task_id in enumerate(reversed(ids)):
            answer(task_id, place)
        assert [one.result() for one in waiting] == list(reversed(range(len(ids))))
    assert time.monotonic() - started < 30


def test_sending_does_not_wait_for_who_waits(app: Celeriac, answer: Callable[..., None]) -> None:
    """One thread waits for a result that depends on what another is about to send."""
    task_id = name()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(app.AsyncResult(task_id).get, 60)
        time.sleep(0.1)
        started = time.monotonic()
        app.send_task("t.nobody")
        assert time.monotonic() - started < 30
        answer(task_id, 1)
        assert waiting.result() == 1


def test_closing_does_not_wait_for_who_waits(app: Celeriac) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(app.AsyncResult(name()).get, 8)
        time.sleep(0.2)
        started = time.monotonic()
        app.close()
        assert time.monotonic() - started < 7
        with pytest.raises((TaskTimeout, BrokerUnavailable)):
            waiting.result()


def test_no_backend_says_how_to_name_one(broker: Broker) -> None:
    with Celeriac(broker=broker.url) as app, pytest.raises(InvalidCall, match=r"backend='rpc://'"):
        app.AsyncResult("x").get()


def test_a_connection_cut_between_two_sends(broker: Broker, queue: str) -> None:
    """Publisher and reader both find out, and neither bothers the caller; nothing is sent twice."""
    with Proxy(broker.url) as proxy:
        backend = "rpc://" if broker.name == "rabbitmq" else proxy.url
        with Celeriac(broker=proxy.url, backend=backend, task_default_queue=queue) as app:
            app.send_task("t.first")
            proxy.cut()
            result = app.send_task("t.second", queue=f"{queue}")
            with pytest.raises(TaskTimeout):
                result.get(timeout=0.1)


def test_a_connection_cut_while_somebody_waits(broker: Broker, store: ResultStore) -> None:
    """The reader connects again and goes on waiting (RS-WAIT-002)."""
    task_id = name()
    with Proxy(broker.url) as proxy, ThreadPoolExecutor(1) as threads:
        backend = "rpc://" if broker.name == "rabbitmq" else proxy.url
        with Celeriac(broker=proxy.url, backend=backend) as app:
            assert app.AsyncResult(task_id).state == "PENDING"
            waiting = threads.submit(app.AsyncResult(task_id).get, 20)
            eventually(lambda: proxy.connections, "somebody is connected")
            proxy.cut()
            eventually(lambda: proxy.connections, "the reader is connected again")
            found = document(task_id, 7, app._outbox.connected().oid)

            def told() -> bool:
                """The reply queue ends with its consumer, and is there again with the next one."""
                put(store, [found])
                return waiting.done()

            eventually(told, "the answer arrives")
            assert waiting.result() == 7


def test_a_wait_ends_in_time_while_the_server_is_away(broker: Broker) -> None:
    """RS-WAIT-001, whatever has become of the connection."""
    with Proxy(broker.url) as proxy:
        backend = "rpc://" if broker.name == "rabbitmq" else proxy.url
        with Celeriac(broker=proxy.url, backend=backend) as app:
            with pytest.raises(TaskTimeout):
                app.AsyncResult(name()).get(timeout=0.1)
            proxy.leave()
            began = time.monotonic()
            with pytest.raises(TaskTimeout):
                app.AsyncResult(name()).get(timeout=0.7)
            assert 0.6 < time.monotonic() - began < 20


def test_an_address_where_nobody_is_is_told_at_once(broker: Broker) -> None:
    with Proxy(broker.url) as proxy:
        proxy.leave()
        backend = "rpc://" if broker.name == "rabbitmq" else proxy.url
        with Celeriac(broker=proxy.url, backend=backend) as app, pytest.raises(BrokerUnavailable):
            app.AsyncResult(name()).get(timeout=30)


# -- rpc


def test_rpc_answers_for_nobody_are_left_out(amqp_url: str) -> None:
    """No reply address, a queue that is gone, one that cannot be named: the others arrive."""
    reply_queue = name()
    with closing(Link(amqp_url)) as link:
        reader = RpcReader(lambda: Link(amqp_url), reply_queue)
        reader.prepare()
        put(
            RpcStore(link),
            [
                document("a", 1, None),
                document("b", 2, f"gone-{reply_queue}"),
                document("c", 3, "x" * 300),
                document("d" * 300, 4, reply_queue),
                document("e", 5, reply_queue),
            ],
        )
        assert eventually(lambda: reader.fetch("e"), "the good one arrives").task_id == "e"  # type: ignore[union-attr]
        reader.close()


def test_rpc_queue_is_declared_as_celery_does(amqp_url: str) -> None:
    """Or a client of Celery that shares it would be refused with 406."""
    queue = name()
    reader = RpcReader(lambda: Link(amqp_url), queue)
    reader.prepare()
    with closing(Link(amqp_url)) as link:
        channel: Any = link.channel()
        channel.queue_declare(queue, durable=True, auto_delete=True, arguments={"x-expires": 86_400_000})
    reader.close()


# -- Redis


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with closing(redis.Redis.from_url(redis_url)) as connection:
        yield connection


def test_redis_keys_expire_and_success_stands(redis_url: str, client: Any) -> None:
    task_id = name()
    with closing(RedisStore(redis_url, expires=60)) as store, closing(RedisStore(redis_url, expires=0)) as lasting:
        put(store, [document(task_id, 1, status="STARTED")])
        put(store, [document(task_id, 5)])
        assert 50 < client.ttl(KEY_PREFIX + task_id) <= 60
        put(store, [document(task_id, 6), document(task_id, None, status="STARTED")])
        assert Result.parse(client.get(KEY_PREFIX + task_id)).result == 5
        other = name()
        put(lasting, [document(other, 1)])
        assert client.ttl(KEY_PREFIX + other) == -1
    client.delete(KEY_PREFIX + task_id, KEY_PREFIX + other)
