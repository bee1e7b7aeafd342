"""The order of a trace: depth first, whatever the spans say about their parents."""

from hypothesis import given
from hypothesis import strategies as st
from tests.pages.trace_worlds import make_line
from tests.telemetry_rows import TRACE, span_id

from tidegate.telemetry.traces import SpanLine, lay_out
from tidegate.telemetry.traces.views import length_of, open_lists, rows_of


def places(*lines: SpanLine) -> list[tuple[str, int]]:
    return [(span.line.span_id[-1], span.depth) for span in lay_out(TRACE, lines).spans]


def test_children_follow_their_parent_by_their_start() -> None:
    lines = make_line(1), make_line(4, parent=1, start_ms=9), make_line(2, parent=1, start_ms=1), make_line(3, parent=2)
    assert places(*lines) == [("1", 0), ("2", 1), ("3", 2), ("4", 1)]


def test_a_span_whose_parent_is_not_there_stands_on_top_and_says_so() -> None:
    trace = lay_out(TRACE, [make_line(2, parent=1), make_line(3, parent=1), make_line(4, parent=9)])
    assert [span.is_parent_missing for span in trace.spans] == [True, True, True]
    assert trace.missing_parent_ids == {span_id(1), span_id(9)}


def test_parents_that_go_round_in_a_circle_are_cut_at_the_first_and_said() -> None:
    lines = [make_line(1, parent=3), make_line(2, parent=1), make_line(3, parent=2), make_line(4, parent=2)]
    trace = lay_out(TRACE, lines)
    assert [(span.line.span_id[-1], span.depth, span.is_cyclic) for span in trace.spans] == [
        ("1", 0, True), ("2", 1, False), ("3", 2, False), ("4", 2, False),
    ]  # fmt: skip
    assert (trace.cyclic_count, trace.missing_parent_ids) == (1, frozenset())


def test_a_span_that_is_its_own_parent_is_a_circle() -> None:
    trace = lay_out(TRACE, [make_line(1, parent=1), make_line(2, parent=1)])
    assert [(span.depth, span.is_cyclic, span.child_count) for span in trace.spans] == [(0, True, 1), (1, False, 0)]


def test_a_chain_of_20000_is_laid_out_without_running_out_of_stack() -> None:
    trace = lay_out(TRACE, [make_line(n, parent=n - 1) for n in range(1, 20_001)])
    assert trace.spans[-1].depth == 19_999
    assert trace.spans[0].descendant_count == 19_999
    assert max(row.indent_px for row in rows_of(trace, 19_900, 100)) == 280


def test_times_that_cannot_be_believed_stretch_nothing() -> None:
    lines = [make_line(1), make_line(2, parent=1, start_ns=0, end_ns=2**63, distrusted=1)]
    trace = lay_out(TRACE, lines)
    assert trace.duration_ns == 100_000_000
    assert trace.spans[1].offset_ns == 0
    assert lay_out(TRACE, [make_line(1, length_ms=-5, distrusted=1)]).spans[0].duration_ns == 0


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 14), st.integers(0, 50)), max_size=30))
def test_every_span_stands_once_and_below_counts_are_right(facts: list[tuple[int, int, int]]) -> None:
    lines = {number: make_line(number, parent=parent, start_ms=start) for number, parent, start in facts}
    spans = lay_out(TRACE, list(lines.values())).spans
    assert sorted(span.line.span_id for span in spans) == sorted(line.span_id for line in lines.values())
    for span in spans:
        below = spans[span.position + 1 : span.position + 1 + span.descendant_count]
        assert all(one.depth > span.depth for one in below)
        assert span.position + span.descendant_count + 1 == len(spans) or (
            spans[span.position + span.descendant_count + 1].depth <= span.depth
        )
        assert sum(one.depth == span.depth + 1 for one in below) == span.child_count


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 40))
def test_the_lists_of_every_page_are_opened_and_closed_in_pairs(parents: list[int], start: int, count: int) -> None:
    lines = [make_line(n, parent=max(0, n - 1 - back)) for n, back in enumerate(parents, start=1)]
    rows = rows_of(lay_out(TRACE, lines), start, count)
    depth = 0
    for row in rows:
        depth += row.opens - row.closes
        assert depth >= 1
    assert open_lists(rows) == depth


def test_lengths_are_written_with_their_unit() -> None:
    written = [
        length_of(ns) for ns in (0, 840_000, 12_345_678, 999_600_000, 1_254_000_000, 119_600_000_000, 7_500 * 10**9)
    ]
    assert written == ["0 µs", "840 µs", "12.3 ms", "1 s", "1.25 s", "2 min 0 s", "2 h 5 min"]
