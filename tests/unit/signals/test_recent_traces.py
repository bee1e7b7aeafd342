"""Where the traces of late rows cannot be: a block is left out only when none of them has a row there."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel import WorkspaceId
from tidegate.signals import recent_traces
from tidegate.signals.recent_traces import RecentTraces
from tidegate.storage.native import Columns, Words

ACME, GLOBEX = WorkspaceId("acme"), WorkspaceId("globex")
WORKSPACES = (ACME, GLOBEX)
Row = tuple[int, int, int]
"""Number of the workspace, second, trace."""
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 59), st.integers(1, 30)), max_size=80)


def columns_of(rows: Sequence[Row], *, role: str = "agent", parent: int = 0, distrusted: int = 0) -> Columns:
    count = len(rows)
    numbers = {
        "second": np.array([row[1] for row in rows], np.uint32),
        "trace_hi": np.array([row[2] for row in rows], np.uint64),
        "trace_lo": np.zeros(count, np.uint64),
        "parent": np.full(count, parent, np.uint64),
        "distrusted": np.full(count, distrusted, np.uint8),
    }
    owners = Words(WORKSPACES, np.array([row[0] for row in rows], np.int32))
    return Columns(count, numbers, {"workspace": owners, "role": Words([role], np.zeros(count, np.int32))})


def of(rows: Sequence[Row], seconds: dict[WorkspaceId, list[int]]) -> list[Row]:
    return [row for row in rows if row[1] in seconds.get(WORKSPACES[row[0]], ())]


@given(ROWS, st.sets(st.integers(0, 59)), st.sets(st.tuples(st.integers(0, 1), st.integers(0, 59)), min_size=1))
def test_no_block_that_holds_a_row_of_the_traces_is_left_out(
    rows: list[Row], known: set[int], touched: set[tuple[int, int]]
) -> None:
    traces = RecentTraces()
    for second in known:
        both = {workspace: [second] for workspace in WORKSPACES}
        traces.keep(columns_of(of(rows, both)), both)
    seconds = {
        workspace: sorted(second for number, second in touched if WORKSPACES[number] == workspace)
        for workspace in {WORKSPACES[number] for number, _ in touched}
    }
    own = of(rows, seconds)
    seen, unknown = traces.where(columns_of(own), seconds, range(60))
    wanted = {(number, trace) for number, _, trace in own}
    for number, second, trace in rows:
        if (number, trace) in wanted and second not in seconds.get(WORKSPACES[number], ()):
            workspace = WORKSPACES[number]
            assert second in {*seen.get(workspace, ()), *unknown.get(workspace, ())}


def test_a_second_that_is_known_to_hold_other_traces_is_left_out() -> None:
    traces = RecentTraces()
    traces.keep(columns_of([(0, 5, 1)]), {ACME: list(range(10))})
    assert traces.where(columns_of([(0, 12, 2)]), {ACME: [12]}, range(10)) == ({}, {})
    assert traces.where(columns_of([(0, 12, 1)]), {ACME: [12]}, range(10)) == ({ACME: [5]}, {})
    assert traces.where(columns_of([(0, 12, 1)]), {ACME: [12]}, range(5, 14)) == ({ACME: [5]}, {ACME: [10, 11, 13]})


def test_traces_that_can_join_no_run_are_not_looked_for() -> None:
    traces = RecentTraces()
    traces.keep(columns_of([(0, 5, 1)]), {ACME: list(range(10))})
    assert traces.where(columns_of([(0, 12, 1)], role=""), {ACME: [12]}, range(15)) == ({}, {})
    assert traces.where(columns_of([(0, 12, 1)], role="", parent=7), {ACME: [12]}, range(8)) == ({ACME: [5]}, {})
    assert traces.where(columns_of([(0, 12, 1)], distrusted=1), {ACME: [12]}, range(15)) == ({}, {})


def test_where_nothing_is_stored_nothing_is_looked_for_until_something_of_it_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    traces, late = RecentTraces(), columns_of([(0, 2, 1)])
    traces.know_empty(ACME, 10, 100)
    assert traces.where(late, {ACME: [2]}, range(9, 102)) == ({}, {ACME: [9, 100, 101]})
    traces.know_empty(ACME, 100, 200)
    assert traces.where(late, {ACME: [2]}, range(9, 102)) == ({}, {ACME: [9]})
    traces.keep(columns_of([(0, 50, 1)]), {ACME: [50]})
    assert traces.where(late, {ACME: [2]}, range(10, 60)) == ({ACME: [50]}, {})
    monkeypatch.setattr(recent_traces, "_MOST_TRACES", 1)
    traces.keep(columns_of([(0, 60, 7)]), {ACME: [60]})
    assert traces.where(late, {ACME: [2]}, range(49, 52)) == ({}, {ACME: [49, 50, 51]})


def test_nothing_is_known_of_what_was_forgotten() -> None:
    traces = RecentTraces()
    traces.keep(columns_of([(0, 5, 1)]), {ACME: list(range(10))})
    traces.know_empty(ACME, 10, 100)
    assert traces.count_of(ACME, 5) == 1
    traces.forget()
    assert traces.count_of(ACME, 5) == 0
    assert traces.where(columns_of([(0, 12, 2)]), {ACME: [12]}, (4, 20)) == ({}, {ACME: [4, 20]})
