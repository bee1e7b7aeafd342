"""Spans checked and read together, whoever sent them; those that are bad alone are left out and counted."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate.telemetry.pieces import MAX_SPAN_BYTES
from tidegate.telemetry.sent import Sent
from tidegate.telemetry.span_columns import SpanColumns
from tidegate.telemetry.span_reading import SpanReader, columns_of
from tidegate.telemetry.span_table import Array, SpanDamagedError, SpanTable
from tidegate.telemetry.values import MAX_ATTRIBUTES

_DAMAGED: Final = "A span cannot be read: its text is not UTF-8, or it is damaged."


def read_together(sent: Sent, reader: SpanReader) -> tuple[SpanColumns | None, Array]:
    """Return the columns of those of `sent` that are good, and their places in it; the others are refused.

    Raises:
        SpanDamagedError: they cannot be read together, though each can.
    """
    rows = np.arange(len(sent))
    bad = {row: _TOO_LARGE for row, raw in enumerate(sent.raw_spans) if len(raw) > MAX_SPAN_BYTES}
    while True:
        if bad:
            sent = sent.refuse(bad)
            rows = np.delete(rows, list(bad))
        if not len(rows):
            return None, rows
        try:
            table = SpanTable(sent.raw_spans)
            table.check_lists()
        except SpanDamagedError:
            bad = dict.fromkeys(_damaged(sent.raw_spans, 0, len(rows)), _DAMAGED)
            if not bad:
                raise  # each can be read, and all together cannot: trying again would never end
            continue
        bad, messages = _checked(table, sent.raw_spans)
        if not bad:
            _collect_events(sent, messages)
            return columns_of(table, sent, messages, reader), rows


def _collect_events(sent: Sent, messages: Mapping[int, Any]) -> None:
    for row, message in messages.items():
        source = sent.sources[row]
        if message.events and not source.letter.events.are_too_many:
            source.letter.events.under(source.resource, source.scope)
            source.letter.events.add(message)  # before what may not be kept of it is gone


_TOO_LARGE: Final = f"More than {MAX_SPAN_BYTES // 2**20} MB."


def _damaged(raw_spans: Sequence[bytes], start: int, stop: int) -> list[int]:
    """Return which from `start` to before `stop` cannot be read: by halves, because most are good."""
    try:
        SpanTable(raw_spans[start:stop]).check_lists()
    except SpanDamagedError:
        if stop - start == 1:
            return [start]
        middle = (start + stop) // 2
        return _damaged(raw_spans, start, middle) + _damaged(raw_spans, middle, stop)
    return []


def _checked(table: SpanTable, raw_spans: Sequence[bytes]) -> tuple[dict[int, str], dict[int, Any]]:
    """Return what is wrong with which rows, and the messages of those that have events or links."""
    bad: dict[int, str] = {}
    for name, length, may_miss, words in _IDS:
        flat, lengths = table.ids(name)
        is_bad = (lengths != length) & ~(may_miss & (lengths == 0))
        if not may_miss and not is_bad.any():
            is_bad = ~flat.reshape(-1, length).any(axis=1)
        for row in np.flatnonzero(is_bad).tolist():
            bad.setdefault(row, words)
    for row in np.flatnonzero(table.pair_counts > MAX_ATTRIBUTES).tolist():
        bad.setdefault(row, f"More than {MAX_ATTRIBUTES} attributes.")
    events, links = table.counts("events"), table.counts("links")
    for row in np.flatnonzero((events > MAX_ATTRIBUTES) | (links > MAX_ATTRIBUTES)).tolist():
        bad.setdefault(row, f"More than {MAX_ATTRIBUTES} events or links.")
    messages = {}
    for row in np.flatnonzero((events > 0) | (links > 0)).tolist():
        if row in bad:
            continue
        try:
            messages[row] = Span.FromString(raw_spans[row])
        except (DecodeError, UnicodeDecodeError, RecursionError):
            bad[row] = _DAMAGED
            continue
        if any(len(event.attributes) > MAX_ATTRIBUTES for event in messages[row].events):
            bad[row] = f"More than {MAX_ATTRIBUTES} attributes of an event."
    return bad, messages


_IDS: Final = (
    ("trace_id", 16, False, "traceId must have 16 bytes that are not all zero."),
    ("span_id", 8, False, "spanId must have 8 bytes that are not all zero."),
    ("parent_span_id", 8, True, "parentSpanId must have 8 bytes, or none."),
)
