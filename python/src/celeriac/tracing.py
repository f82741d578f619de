"""The trace that a message belongs to, in its headers (W3C Trace Context), and a span for each run of a task.

OpenTelemetry does the work, where the setting ``opentelemetry`` asks for it: what is sent bears ``traceparent``, and
whatever else the application's propagator writes, of the span that is current then.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from celeriac.errors import InvalidCall

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import TracerProvider

#: Milliseconds that a process waits at its end for spans to be exported.
FLUSH = 5000


class Span(Protocol):
    """One run of a task."""

    def active(self) -> AbstractContextManager[object]:
        """Within it the span is the current one. May be entered again, in another thread."""

    def end(self, outcome: str, error: BaseException | None) -> None:
        """The run has ended, ``error`` being what made it fail."""


class Tracing(Protocol):
    """Safe for many threads."""

    def carried(self, inherited: Mapping[str, Any] | None = None) -> Mapping[str, str]:
        """Headers that tell of the current span; where there is none, those of them that ``inherited`` has."""

    def start(self, task: str, task_id: str, queue: str, headers: Mapping[str, Any]) -> Span:
        """A task runs, for a message with these headers."""

    def flush(self) -> None:
        """The process ends: have all spans exported."""


class _NoTracing:
    """Does nothing, at no price. Is its own span."""

    def carried(self, inherited: Mapping[str, Any] | None = None) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def start(self, task: str, task_id: str, queue: str, headers: Mapping[str, Any]) -> Span:  # noqa: ARG002
        return self

    def active(self) -> AbstractContextManager[object]:
        return _NOTHING

    def end(self, outcome: str, error: BaseException | None) -> None:
        pass

    def flush(self) -> None:
        pass


_NOTHING = nullcontext()
NO_TRACING: Tracing = _NoTracing()


class OpenTelemetry:
    """Implements ``Tracing``. ``provider`` None: the one that the application has set.

    Raises ``InvalidCall`` without OpenTelemetry.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import propagate, trace
        except ModuleNotFoundError:
            raise InvalidCall("the setting opentelemetry needs OpenTelemetry; install celeriac[otel]") from None
        self._trace = trace
        self._propagate = propagate
        self._provider = provider

    def carried(self, inherited: Mapping[str, Any] | None = None) -> Mapping[str, str]:
        """See ``Tracing.carried``."""
        headers: dict[str, str] = {}
        self._propagate.inject(headers)
        if headers or not inherited:
            return headers
        fields = self._propagate.get_global_textmap().fields
        return {name: value for name, value in _texts(inherited).items() if name in fields}

    def start(self, task: str, task_id: str, queue: str, headers: Mapping[str, Any]) -> Span:
        """See ``Tracing.start``."""
        provider = self._provider or self._trace.get_tracer_provider()
        span = provider.get_tracer("celeriac").start_span(
            f"run/{task}",
            self._propagate.extract(_texts(headers)),
            self._trace.SpanKind.CONSUMER,
            {
                "celeriac.task": task,
                "messaging.operation.type": "process",
                "messaging.message.id": task_id,
                "messaging.destination.name": queue,
            },
        )
        return _Run(self._trace, span)

    def flush(self) -> None:
        """See ``Tracing.flush``."""
        provider = self._provider or self._trace.get_tracer_provider()
        # The API alone, without the SDK, has none.
        flush = getattr(provider, "force_flush", None)
        if flush is not None:
            flush(FLUSH)


class _Run:
    """Implements ``Span``."""

    def __init__(self, trace: Any, span: OtelSpan) -> None:
        self._trace = trace
        self._span = span

    def active(self) -> AbstractContextManager[object]:
        found: AbstractContextManager[object] = self._trace.use_span(
            self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )
        return found

    def end(self, outcome: str, error: BaseException | None) -> None:
        self._span.set_attribute("celeriac.outcome", outcome)
        if error is not None:
            self._span.record_exception(error)
            self._span.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
        self._span.end()


def tracing(wanted: bool) -> Tracing:
    """As the setting ``opentelemetry`` says. Raises ``InvalidCall`` where that is not installed."""
    return OpenTelemetry() if wanted else NO_TRACING


def _texts(headers: Mapping[str, Any]) -> dict[str, str]:
    """What propagators can read; headers of messages hold anything."""
    return {name: value for name, value in headers.items() if isinstance(value, str)}
