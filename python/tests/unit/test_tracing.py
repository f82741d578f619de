"""Traces: what is sent carries them, what is run belongs to them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode

from celeriac import Celeriac, InvalidCall, Message, Task
from celeriac.tracing import NO_TRACING, OpenTelemetry
from celeriac.transport import Delivery
from celeriac.worker.clock import Clock
from celeriac.worker.evented import EventLoop
from celeriac.worker.executor import Executor
from celeriac.worker.interrupts import Overdue
from celeriac.worker.orders import Orders
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller
from tests.support.waiting import eventually

from .client_parts import Fakes
from .executor_parts import FakeDesk, FakeRegister
from .worker_parts import message

TRACE, PARENT_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{PARENT_SPAN}-01"
W3C = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
app = Celeriac("shop", broker="redis://nowhere")


@app.task(name="shop.add")
def add(x: Any, y: Any) -> Any:
    return x + y


@app.task(name="shop.a_add")
async def a_add(x: Any, y: Any) -> Any:
    return x + y


@app.task(name="shop.fail")
def fail() -> None:
    raise ValueError("no")


@app.task(name="shop.retry", bind=True)
def retry(self: Task[Any, Any]) -> None:
    raise self.retry(countdown=0)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def executor(desk: FakeDesk, provider: TracerProvider) -> Iterator[Executor]:
    tasks = dict(app.tasks)
    settings = WorkerSettings(
        broker="redis://nowhere", backend=None, tasks=tasks, hostname="w@h", tracing=OpenTelemetry(provider)
    )
    loop = EventLoop(10)
    yield Executor(
        settings, desk, FakeRegister(), lambda _: 0,
        orders=Orders(), teller=Teller("w@h", Clock()), loop=loop,
    )  # fmt: skip
    loop.close()


def delivered(headers: dict[str, Any], **fields: Any) -> Delivery:
    return Delivery(message(**fields).build().with_headers(headers), queue="mail", redelivered=False, tag=1)


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


def tells_of(traceparent: str, span: ReadableSpan | Span) -> bool:
    """Whether a header names a span as the parent."""
    context = span.get_span_context()
    assert context is not None and W3C.fullmatch(traceparent)
    return traceparent.startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")


@pytest.mark.parametrize("task", ["shop.add", "shop.a_add"])
def test_a_run_is_a_span_of_the_trace_that_the_message_names(
    executor: Executor, desk: FakeDesk, exporter: InMemorySpanExporter, task: str
) -> None:
    executor.handle(delivered({"traceparent": PARENT}, task=task, id="id-1"))
    eventually(lambda: desk.outcomes, "the task ends")
    span = only(exporter)
    assert (span.name, span.kind, span.status.status_code) == (f"run/{task}", SpanKind.CONSUMER, StatusCode.UNSET)
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT_SPAN)
    assert span.context is not None and span.context.trace_id == span.parent.trace_id
    assert dict(span.attributes or {}) == {
        "celeriac.task": task,
        "celeriac.outcome": "succeeded",
        "messaging.operation.type": "process",
        "messaging.message.id": "id-1",
        "messaging.destination.name": "mail",
    }


@pytest.mark.parametrize("task", ["shop.add", "shop.a_add"])
def test_what_follows_belongs_to_it(
    executor: Executor, desk: FakeDesk, exporter: InMemorySpanExporter, task: str
) -> None:
    link = [app.signature("shop.add", (1,)).build()]
    executor.handle(delivered({"traceparent": PARENT}, task=task, callbacks=link))
    eventually(lambda: desk.outcomes, "the task ends")
    (sent,) = desk.outcomes[0].outgoing
    assert tells_of(sent.wire.whole.headers["traceparent"], only(exporter))
    assert Message.parse(sent.wire.whole).task == "shop.add"


def test_a_failure(executor: Executor, exporter: InMemorySpanExporter) -> None:
    executor.handle(delivered({}, task="shop.fail", args=()))
    span = only(exporter)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert [event.name for event in span.events] == ["exception"]
    assert span.parent is None


def test_a_run_that_takes_too_long(executor: Executor, desk: FakeDesk, exporter: InMemorySpanExporter) -> None:
    desk.overdue = True
    with pytest.raises(Overdue):
        executor.handle(delivered({"traceparent": PARENT}))
    assert exporter.get_finished_spans() == (), "whoever ends it says so"
    desk.running[0].exceeded()
    span = only(exporter)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "TimeLimitExceeded")


def test_a_retry_is_no_failure_and_one_trace(
    executor: Executor, desk: FakeDesk, exporter: InMemorySpanExporter
) -> None:
    executor.handle(delivered({"traceparent": PARENT}, task="shop.retry", args=()))
    span = only(exporter)
    assert span.status.status_code is StatusCode.UNSET
    (again,) = desk.outcomes[0].outgoing
    assert tells_of(again.wire.whole.headers["traceparent"], span)


def test_what_is_not_run_hands_on_its_trace(provider: TracerProvider) -> None:
    tracing = OpenTelemetry(provider)
    headers = {"traceparent": PARENT, "tracestate": 5, "tenant": "acme"}
    assert tracing.carried(headers) == {"traceparent": PARENT}
    with provider.get_tracer("test").start_as_current_span("another"):
        assert tracing.carried(headers)["traceparent"] != PARENT


@pytest.mark.parametrize(
    "wrong", ["", "x", 5, None, ["00"], {"a": 1}, b"00", "00-" + "0" * 32 + "-" + PARENT_SPAN + "-01"]
)
def test_headers_that_are_no_trace(executor: Executor, exporter: InMemorySpanExporter, wrong: Any) -> None:
    executor.handle(delivered({"traceparent": wrong, "tracestate": 7, "baggage": [1]}))
    assert only(exporter).parent is None


def test_a_producer_carries_the_current_span(fakes: Fakes, provider: TracerProvider) -> None:
    with Celeriac("shop", broker="redis://nowhere", opentelemetry=True) as client:
        client.send_task("shop.add", (1, 2))
        with provider.get_tracer("test").start_as_current_span("web request") as span:
            client.send_task("shop.add", (1, 2), headers={"tenant": "acme"})
    without, carried = fakes.messages
    assert without.extra.headers == {}
    assert carried.extra.headers.keys() == {"tenant", "traceparent"}
    assert tells_of(carried.extra.headers["traceparent"], span)


def test_nothing_is_carried_unasked(fakes: Fakes, provider: TracerProvider) -> None:
    client = Celeriac("shop", broker="redis://nowhere")
    with provider.get_tracer("test").start_as_current_span("web request"):
        client.send_task("shop.add", (1, 2))
    assert fakes.messages[0].extra.headers == {} and client.tracing is NO_TRACING


def test_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InvalidCall, match=r"install celeriac\[otel\]"):
        Celeriac("shop", broker="redis://nowhere", opentelemetry=True)
