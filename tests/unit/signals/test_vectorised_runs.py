"""Runs of many traces at once are those that looking at every span gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracle_runs import Run, TraceSpan, runs_of
from tests.price_books import QuotingBook

from tidegate.signals import run_costs
from tidegate.signals import runs as vectorised
from tidegate.signals import spans as linked
from tidegate.signals.prices.model import Quote, Usage
from tidegate.storage.native import Columns, Words

NANO = 1_000_000_000
AT = 1_700_000_000
_TEXTS = ("role", "operation", "model", "tool", "service", "environment", "release", "tenant", "error_type", "provider")
_SILENT = ("name", "agent_name", "prompt_version", "conversation_id", "finish_reason")
_NUMBERS = (
    "second", "start_ns", "end_ns", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens",
    "reasoning_tokens", "ttfc_ns",
)  # fmt: skip


class Book(QuotingBook):
    """Prices one model and no other."""

    def quote(self, usage: Usage) -> Quote:
        return Quote(usage.input_tokens * 3 if usage.model == "m" else None, "v1")


def words(texts: Sequence[str]) -> Words:
    known: dict[str, int] = {}
    codes = [known.setdefault(text, len(known)) for text in texts]
    return Words(list(known), np.array(codes, np.int64))


def columns_of(spans: Sequence[TraceSpan], precedence: Sequence[int]) -> Columns:
    numbers = {name: np.array([getattr(one, name) for one in spans], np.uint64) for name in _NUMBERS}
    numbers |= {
        "span": np.array([int(one.span_id or "0", 16) for one in spans], np.uint64),
        "parent": np.array([int(one.parent_span_id or "0", 16) for one in spans], np.uint64),
        "precedence": np.array(precedence, np.uint64),
        "trace_hi": np.array([ord(one.trace_id) for one in spans], np.uint64),
        "trace_lo": np.zeros(len(spans), np.uint64),
        "distrusted": np.zeros(len(spans), np.uint8),
        "cost_nano_usd": np.array([-1 if s.cost_nano_usd is None else s.cost_nano_usd for s in spans], np.int64),
        "is_cache_exclusive": np.zeros(len(spans), np.uint8),
    }
    texts = {name: words([getattr(one, name) for one in spans]) for name in _TEXTS}
    texts |= {name: words([""] * len(spans)) for name in _SILENT}
    texts |= {
        "workspace": words([one.workspace for one in spans]),
        "run_outcome": words([one.outcome for one in spans]),
    }
    return Columns(len(spans), numbers, texts)


def found_in(columns: Columns, book: Book | None) -> list[dict[str, Any]]:
    spans = linked.link_spans(linked.sort_spans(columns))
    runs = vectorised.find_runs(spans, run_costs.Prices({"w": book} if book else {}))
    told: list[dict[str, Any]] = []
    for place in range(len(runs)):
        row = {name: int(values[place]) for name, values in runs.sums.items()}
        for name in ("model", "tenant"):
            column = columns.words[name]
            row[name] = column.words[column.codes[spans.rows[runs.words_of[name][place]]]]
        provider = columns.words["provider"]
        row["provider"] = provider.words[provider.codes[spans.rows[runs.words_of["model"][place]]]]
        error = columns.words["error_type"]
        cause = int(runs.cause[place])
        row["error_code"] = error.words[error.codes[spans.rows[cause]]] if cause >= 0 else ""
        if runs.is_cut_off[place]:
            row["error_code"] = vectorised.TOO_LARGE
        trace = int(columns.numbers["trace_hi"][spans.rows[runs.root[place]]])
        row["root"] = (chr(trace), int(spans.span[runs.root[place]]))
        row["outcome"] = vectorised.OUTCOMES[runs.outcome[place]]
        row["cost_source"] = run_costs.COST_SOURCES[runs.cost_source[place]]
        row["price_version"] = runs.price_version[place]
        told.append(row)
    return sorted(told, key=lambda one: one["root"])


def told_by(run: Run) -> dict[str, Any]:
    names = (
        "outcome", "error_code", "model", "provider", "tenant", "input_tokens", "output_tokens",
        "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano_usd", "cost_source",
        "price_version", "ttfc_ns", "span_count",
    )  # fmt: skip
    return {name: getattr(run, name) for name in names} | {
        "root": (run.root.trace_id, int(run.root.span_id, 16)),
        "is_cache_exclusive": 0,
    }


KINDS = st.sampled_from([("", ""), ("agent", "invoke_agent"), ("inference", "chat"), ("step", "execute_tool")])
ENDS = st.sampled_from(
    [("ok", ""), ("ok", ""), ("failed", ""), ("failed", "timeout"), ("cancelled", "cancelled"),
     ("policy_blocked", ""), ("validation_error", "schema")]
)  # fmt: skip


@st.composite
def one_span(draw: st.DrawFn) -> TraceSpan:
    number, parent = draw(st.integers(1, 10)), draw(st.integers(0, 12))
    role, operation = draw(KINDS)
    outcome, error = draw(ENDS) if role else ("", "")
    start = AT * NANO + draw(st.sampled_from([0, 1, 5, 9, 11, 25, 4000])) * NANO + draw(st.integers(0, 3))
    end = start + draw(st.sampled_from([0, 1, 5, 9, 11, 4000])) * NANO
    return TraceSpan(
        workspace="w",
        trace_id=draw(st.sampled_from("ab")),
        span_id=f"{number:016x}",
        parent_span_id=f"{parent:016x}" if parent else "",
        second=end // NANO,
        start_ns=start,
        end_ns=end,
        distrusted=0,
        role=role,
        operation=operation,
        outcome=outcome,
        model=draw(st.sampled_from(["", "m", "x"])) if role else "",
        tool=draw(st.sampled_from(["", "search", "m"])) if role == "step" else "",
        input_tokens=draw(st.integers(0, 50)),
        output_tokens=draw(st.integers(0, 5)),
        cached_input_tokens=draw(st.integers(0, 5)),
        cost_nano_usd=draw(st.sampled_from([None, None, 7, 2**62])) if role else None,
        service="s",
        environment="",
        release="",
        tenant=draw(st.sampled_from(["", "acme", "globex"])),
        error_type=error,
        provider=draw(st.sampled_from(["", "p", "q"])),
        cache_write_tokens=draw(st.integers(0, 3)),
        reasoning_tokens=draw(st.integers(0, 3)),
        ttfc_ns=draw(st.sampled_from([0, 3, 4])),
    )


def compare(rows: list[TraceSpan], book: Book | None) -> None:
    columns = columns_of(rows, list(range(len(rows))))
    traces: dict[str, dict[str, TraceSpan]] = {}
    for row in rows:  # the later of two rows has the higher precedence here
        traces.setdefault(row.trace_id, {})[row.span_id] = row
    expected = [told_by(run) for trace in traces.values() for run in runs_of(list(trace.values()), book)]
    assert found_in(columns, book) == sorted(expected, key=lambda one: one["root"])


any_spans = given(st.lists(one_span(), max_size=24), st.sampled_from([None, Book()]))


@settings(max_examples=100, deadline=None)
@any_spans
def test_runs_of_all_traces_at_once_are_those_of_each_trace(rows: list[TraceSpan], book: Book | None) -> None:
    compare(rows, book)


@pytest.mark.long
@settings(max_examples=4_000, deadline=None)
@any_spans
def test_runs_of_very_many_traces_at_once_are_those_of_each_trace(rows: list[TraceSpan], book: Book | None) -> None:
    compare(rows, book)


@pytest.mark.parametrize("shape", ["chain", "siblings", "cycle"])
def test_a_trace_of_many_spans_takes_no_longer_in_a_chain_than_as_siblings(shape: str) -> None:
    count = 5_000
    parents = {"chain": lambda n: n - 1, "siblings": lambda n: 1 if n > 1 else 0, "cycle": lambda n: n - 1 or count}
    base = TraceSpan(
        "w", "t", "", "", AT, AT * NANO, AT * NANO + 1, 0, "inference", "chat", "failed", "m", "", 1, 1, 0, None,
        "s", "", "", "", "",
    )  # fmt: skip
    spans = [
        base._replace(
            span_id=f"{number:016x}",
            parent_span_id=f"{parents[shape](number):016x}" if parents[shape](number) else "",
            error_type="timeout" if number == count else "",
        )
        for number in range(1, count + 1)
    ]
    assert found_in(columns_of(spans, [0] * count), None) == [told_by(run) for run in runs_of(spans)]


def test_a_trace_that_is_too_large_is_cut_and_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    base = TraceSpan(
        "w", "t", "", "", AT, AT * NANO, AT * NANO + 1, 0, "inference", "chat", "ok", "m", "", 1, 1, 0, None,
        "s", "", "", "", "",
    )  # fmt: skip
    spans = [base._replace(span_id=f"{n:016x}", start_ns=AT * NANO - n) for n in range(1, 20_500)]
    found = found_in(columns_of(spans, [0] * len(spans)), None)
    assert len(found) == linked.MAX_TRACE_SPANS
    assert {(one["outcome"], one["error_code"]) for one in found} == {("failed", "trace_too_large")}
