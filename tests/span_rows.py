"""Rows of `raw_spans` as they would be stored, out of what the reader of bodies gives."""

from types import SimpleNamespace
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.model import Batch, Signal, second_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.sent import Letter, sent_in
from tidegate.telemetry.span_columns import BodySpans, Extent, SpanColumns, joined
from tidegate.telemetry.span_reading import SpanReader
from tidegate.telemetry.spans import read_together
from tidegate.telemetry.traces.stored import read_stored


def read(
    request: ExportTraceServiceRequest,
    received_ns: int,
    *,
    policy: ContentPolicy | None = None,
    may_replay: bool = False,
    refusals: Refusals | None = None,
) -> SpanColumns | None:
    letter = Letter(received_ns, refusals or Refusals())
    reader = SpanReader(policy or ContentPolicy())
    parts = [
        read_together(sent, reader)[0]
        for sent in sent_in(request.SerializeToString(), letter, reader.policy, may_replay=may_replay)
    ]
    good = [part for part in parts if part is not None]
    return joined(good) if good else None


def rows_of(request: ExportTraceServiceRequest, received_ns: int, **options: Any) -> list[Any]:
    """Return the spans of `request`, each with its columns and with what is stored of its attributes."""
    columns = read(request, received_ns, **options)
    return [] if columns is None else [row_at(columns, place) for place in range(len(columns))]


def row_at(columns: SpanColumns, row: int) -> Any:
    """Return one span of `columns`."""
    meaning: Any = columns.meanings.values[columns.meanings.codes[row]]
    place: Any = columns.places.values[columns.places.codes[row]]
    texts = {name: words.words[words.codes[row]] for name, words in columns.texts.items()}
    numbers = {name: column[row].item() for name, column in columns.numbers.items()}
    has_cost = numbers.pop("has_cost")
    return SimpleNamespace(
        **{name: getattr(meaning.event, name) for name in meaning.event.__slots__},
        **meaning.gen_ai._asdict(),
        error_type=meaning.error_type,
        **texts,
        **numbers | {"cost_nano_usd": numbers["cost_nano_usd"] if has_cost else None},
        trace_id=columns.trace_ids[row].tobytes().hex(),
        span_id=columns.span_ids[row].tobytes().hex(),
        parent_span_id=columns.parent_span_ids[row].tobytes().hex() if columns.parent_span_ids[row].any() else "",
        second=second_of(numbers["end_ns"]),
        service=place.service,
        environment=place.environment,
        release=place.release,
        scope=place.scope,
        replayed=place.replayed,
        **read_stored(columns.spans[row], place.resource)._asdict(),
    )


def batch_of(request: ExportTraceServiceRequest, received_ns: int, *, size_bytes: int = 0) -> Batch:
    columns = read(request, received_ns)
    assert columns is not None
    spans = BodySpans([Extent(columns, 0, len(columns))])
    return Batch(Signal.TRACES, spans, len(spans), spans.seconds(), received_ns, size_bytes=size_bytes)
