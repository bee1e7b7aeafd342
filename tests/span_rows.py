"""Rows of `raw_spans` as they would be stored, out of what the reader of bodies gives."""

from types import SimpleNamespace
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.model import Batch, Signal, second_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.span_columns import OWN_NAMES, SpanColumns, SpanReader
from tidegate.telemetry.spans import read_spans
from tidegate.telemetry.traces.stored import read_stored


def read(
    request: ExportTraceServiceRequest,
    received_ns: int,
    *,
    policy: ContentPolicy | None = None,
    may_replay: bool = False,
    refusals: Refusals | None = None,
) -> SpanColumns:
    reader = SpanReader(policy or ContentPolicy())
    return run_now(
        read_spans(
            request.SerializeToString(),
            reader,
            received_ns=received_ns,
            may_replay=may_replay,
            refusals=refusals or Refusals(),
        )
    )


def rows_of(request: ExportTraceServiceRequest, received_ns: int, **options: Any) -> list[Any]:
    """Return the spans of `request`, each with its columns and with what is stored of its attributes."""
    columns = read(request, received_ns, **options)
    return [
        SimpleNamespace(
            **{name: getattr(meaning.event, name) for name in meaning.event.__slots__},
            **meaning.gen_ai._asdict(),
            error_type=meaning.error_type,
            **ids.usage._asdict(),
            **dict(zip(OWN_NAMES, ids.own, strict=True)),
            **{
                name: value
                for name, value in ids._asdict().items()
                if name not in {"own", "usage", "span", "trace_id", "span_id", "parent_span_id"}
            },
            trace_id=ids.trace_id.hex(),
            span_id=ids.span_id.hex(),
            parent_span_id=ids.parent_span_id.hex(),
            second=second_of(ids.end_ns),
            service=place.service,
            environment=place.environment,
            release=place.release,
            scope=place.scope,
            replayed=place.replayed,
            **read_stored(ids.span, place.resource)._asdict(),
        )
        for place, meaning, ids in zip(columns.places, columns.meanings, columns.ids, strict=True)
    ]


def batch_of(request: ExportTraceServiceRequest, received_ns: int, *, size_bytes: int = 0) -> Batch:
    columns = read(request, received_ns)
    seconds = frozenset(second_of(ids.end_ns) for ids in columns.ids)
    return Batch(Signal.TRACES, columns, len(columns), seconds, received_ns, size_bytes=size_bytes)


def run_now(work: Any) -> Any:
    """Run what waits for nothing but its turn, also inside a running loop."""
    try:
        while True:
            work.send(None)
    except StopIteration as done:
        return done.value
