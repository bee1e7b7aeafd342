"""Groups of equal rows, and the order of copies, do not depend on how they are found."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest

from tidegate.signals.counting import _groups
from tidegate.signals.spans import sort_spans
from tidegate.storage.native import Columns, Words

_RANDOM = np.random.default_rng(11)


@pytest.mark.parametrize("widths", [(1,), (3, 1, 40), (500, 500), (2**31, 7), (2**40, 2**40, 3)])
def test_groups_are_the_different_rows_whichever_way_they_are_found(widths: tuple[int, ...]) -> None:
    columns = [_RANDOM.integers(0, width, 3_000) % max(width, 1) // max(width // 9, 1) for width in widths]
    first, group = _groups(columns)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert [rows[at] for at in first.tolist()] == sorted(set(rows))
    assert [rows[first[one]] for one in group.tolist()] == rows
    assert [rows.index(rows[at]) for at in first.tolist()] == first.tolist()


def test_copies_stand_in_the_order_in_which_they_came() -> None:
    ids = _RANDOM.integers(1, 400, 2_000).astype(np.uint64)
    columns = _columns({"trace_hi": ids, "trace_lo": ids, "span": ids})
    order = sort_spans(columns).order.tolist()
    told = ids[order].tolist()
    assert len(set(told)) == sum(one != other for one, other in zip(told, [None, *told], strict=False))
    for one, other in pairwise(order):
        assert ids[one] != ids[other] or one < other


def _columns(numbers: Mapping[str, np.ndarray]) -> Columns:
    count = len(numbers["span"])
    return Columns(count, dict(numbers), {"workspace": Words(["w"], np.zeros(count, np.int32))})
