"""An application whose worker notes its spans: trace, span, parent and name."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from celeriac import Celeriac
from tests.support.tasks import note

app = Celeriac("traced", opentelemetry=True)


def written(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    parent = "none" if span.parent is None else f"{span.parent.span_id:016x}"
    return f"{context.trace_id:032x} {context.span_id:016x} {parent} {span.name}"


class Notes(SpanExporter):
    """Exports into the file for notes."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            note(written(span))
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Notes(), schedule_delay_millis=3_600_000))
trace.set_tracer_provider(provider)


@app.task(name="traced.add")
def add(x: int, y: int) -> int:
    return x + y
