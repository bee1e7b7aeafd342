"""Quantiles of many groups at once are what they are of each by itself."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.signals.quantiles import durations_by_group, durations_of

_ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 200), st.integers(0, 10**13), st.integers(0, 10**15)), max_size=80
)


@given(rows=_ROWS)
def test_quantiles_of_groups_are_those_of_each_group_alone(rows: list[tuple[int, int, int, int]]) -> None:
    alone: defaultdict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for group, bucket, weight, spent in rows:
        sums = alone[group][bucket]
        sums[0] += weight
        sums[1] += spent
    merged = [(group, bucket, *sums) for group, buckets in alone.items() for bucket, sums in buckets.items()]
    columns = [np.array([row[place] for row in merged], np.int64) for place in range(4)]
    found = durations_by_group(*columns)
    for group, buckets in alone.items():
        expected = durations_of(
            [{"bucket": bucket, "weight": weight, "spent_us": us} for bucket, (weight, us) in sorted(buckets.items())]
        )
        if expected.mean_ms is None:
            assert group not in found
        else:
            assert found[group] == expected


def test_no_rows_are_no_groups() -> None:
    nothing = np.zeros(0, np.int64)
    assert durations_by_group(nothing, nothing, nothing, nothing) == {}
