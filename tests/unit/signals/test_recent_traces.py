"""Where the traces of late rows cannot be: a block is left out only when none of them has a row there."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel import WorkspaceId
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
    without = traces.blocks_without(columns_of(own), seconds, range(0, 60, 10))
    wanted = {(number, trace) for number, _, trace in own}
    for number, second, trace in rows:
        if (number, trace) in wanted and second not in seconds.get(WORKSPACES[number], ()):
            assert second - second % 10 not in without


def test_a_block_that_is_known_to_hold_other_traces_is_left_out() -> None:
    traces = RecentTraces()
    traces.keep(columns_of([(0, 5, 1)]), {ACME: list(range(10))})
    assert traces.blocks_without(columns_of([(0, 12, 2)]), {ACME: [12]}, (0, 10)) == {0}
    assert traces.blocks_without(columns_of([(0, 12, 1)]), {ACME: [12]}, (0, 10)) == set()


def test_traces_that_can_join_no_run_are_not_looked_for() -> None:
    traces = RecentTraces()
    traces.keep(columns_of([(0, 5, 1)]), {ACME: list(range(10))})
    assert traces.blocks_without(columns_of([(0, 12, 1)], role=""), {ACME: [12]}, (0,)) == {0}
    assert traces.blocks_without(columns_of([(0, 12, 1)], role="", parent=7), {ACME: [12]}, (0,)) == set()
    assert traces.blocks_without(columns_of([(0, 12, 1)], distrusted=1), {ACME: [12]}, (0,)) == {0}


def test_nothing_is_known_of_what_was_forgotten() -> None:
    traces = RecentTraces()
    traces.keep(columns_of([(0, 5, 1)]), {ACME: list(range(10))})
    assert traces.count_of(ACME, 5) == 1
    traces.forget()
    assert traces.count_of(ACME, 5) == 0
    assert traces.blocks_without(columns_of([(0, 12, 2)]), {ACME: [12]}, (0,)) == set()
