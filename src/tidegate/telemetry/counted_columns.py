"""Spans as counting reads them back from the table, straight from those that were written."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tidegate.storage.native import Column, Columns, Numbers, Optional, Words
from tidegate.telemetry.span_columns import SpanColumns
from tidegate.telemetry.span_table import Array

NUMBER_TYPES: Final[Mapping[str, str]] = {
    "families": "u4", "distrusted": "u1", "replayed": "u1", "is_sampled": "u1", "weight_milli": "u4",
    "received_ns": "u8", "http_status": "u2", "is_granted": "u1", "wait_ns": "u8", "duration_ns": "u8",
    "precedence": "u8", "second": "u4", "start_ns": "u8", "end_ns": "u8", "input_tokens": "u8", "output_tokens": "u8",
    "cached_input_tokens": "u8", "cache_write_tokens": "u8", "reasoning_tokens": "u8", "is_cache_exclusive": "u1",
    "ttfc_ns": "u8",
}  # fmt: skip
"""Numbers under the names that they have in the table."""
WORDS: Final = (
    "workspace", "service", "environment", "release", "tenant", "route", "http_method", "error_type", "client_address",
    "auth_method", "denial_class", "principal_tenant", "target_tenant", "lifecycle_action", "lifecycle_outcome",
    "object", "detail", "outcome", "role", "operation", "run_outcome", "name", "provider", "model", "tool",
    "agent_name", "prompt_version", "conversation_id", "finish_reason",
)  # fmt: skip


def counted_columns(spans: SpanColumns, written: Sequence[tuple[str, str, Column]]) -> Columns:
    """Return the columns that counting reads, out of those that are `written` of `spans`, by name."""
    columns = {name: column for name, _, column in written}
    count = len(spans)
    numbers = {name: _numbers(columns.get(name), kind, count) for name, kind in NUMBER_TYPES.items()}
    has_amount, amounts = _optional(columns.get("amount_micro"), count)
    has_limit, limits = _optional(columns.get("limit_micro"), count)
    has_cost, costs = _optional(columns.get("cost_nano_usd"), count)
    numbers |= {
        "has_amount": has_amount.astype("u1"),
        "amount_said": amounts,
        "limit_said": np.where(has_limit, limits, 0),
        "cost_nano_usd": np.where(has_cost, costs, -1),
        "trace_hi": _id_of(spans.trace_ids[:, :8]),
        "trace_lo": _id_of(spans.trace_ids[:, 8:]),
        "span": _id_of(spans.span_ids),
        "parent": _id_of(spans.parent_span_ids),
    }
    return Columns(count, numbers, {name: _words(columns.get(name), count) for name in WORDS})


def _id_of(ids: Array) -> Numbers:
    return np.ascontiguousarray(ids).view(">u8").reshape(-1).astype("u8")


def _numbers(column: Column | None, kind: str, count: int) -> Numbers:
    return column.astype(kind) if isinstance(column, np.ndarray) else np.zeros(count, kind)


def _optional(column: Column | None, count: int) -> tuple[Numbers, Numbers]:
    """Return which rows have a value, and the values, 0 where there is none."""
    values = column.values if isinstance(column, Optional) else [None] * count
    is_there = np.fromiter((value is not None for value in values), bool, count)
    return is_there, np.fromiter((value or 0 for value in values), "i8", count)


def _words(column: Column | None, count: int) -> Words:
    if not isinstance(column, Words):
        return Words([""], np.zeros(count, np.int32))
    known: dict[str, int] = {}
    codes = np.array(
        [known.setdefault(word, len(known)) for word in column.words], np.int32
    )  # a word may be there twice
    return Words(list(known), codes[column.codes])
