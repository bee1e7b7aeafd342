"""Quantiles out of bucket counts: exact to merge, at most an eighth of a doubling off. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tidegate.signals.model import Durations
from tidegate.storage.native import Numbers

_SHARES_MILLI: Final = (500, 950, 990)
DURATION_SUMS: Final = "sum(weight_milli) AS weight, sum(duration_us) AS spent_us"


def upper_bound_ms(bucket: int) -> float:
    """Return the end of a bucket of `floor(8 * log2(µs))`."""
    return round(2 ** ((bucket + 1) / 8) / 1000, 3)


def durations_of(rows: Sequence[Mapping[str, Any]]) -> Durations:
    """Return what rows of ascending `bucket`, with their `weight` and `spent_us`, say."""
    total = sum(int(row["weight"]) for row in rows)
    spent_us = sum(int(row["spent_us"]) for row in rows)
    return Durations(
        count=total // 1000,
        mean_ms=round(spent_us / total, 3) if total else None,  # weights are thousandths, and so are milliseconds
        p50_ms=_quantile(rows, total, _SHARES_MILLI[0]),
        p95_ms=_quantile(rows, total, _SHARES_MILLI[1]),
        p99_ms=_quantile(rows, total, _SHARES_MILLI[2]),
    )


def _quantile(rows: Sequence[Mapping[str, Any]], total: int, share_milli: int) -> float | None:
    seen = 0
    for row in rows:
        seen += int(row["weight"])
        if seen * 1000 >= total * share_milli:
            return upper_bound_ms(int(row["bucket"])) if total else None
    return None


def durations_by_group(group: Numbers, bucket: Numbers, weight: Numbers, spent_us: Numbers) -> dict[int, Durations]:
    """Return what `durations_of` says of each group of rows, which come in any order; groups without weight are none.

    For many groups at once: 180 steps of 5 lines take a tenth of the time.
    """
    if not len(group):
        return {}
    order = np.lexsort((bucket, group))
    group, bucket = group[order], bucket[order]
    seen = np.cumsum(weight[order].astype(np.int64))
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    before = np.r_[0, seen[first[1:] - 1]]
    totals = np.r_[seen[first[1:] - 1], seen[-1]] - before
    spent = np.add.reduceat(spent_us[order].astype(np.int64), first)
    quantiles = [
        bucket[np.minimum(np.searchsorted(seen, before + -(-totals * share // 1000)), len(seen) - 1)].tolist()
        for share in _SHARES_MILLI
    ]
    return {
        one: Durations(total // 1000, round(spent_us / total, 3), *(upper_bound_ms(int(each)) for each in buckets))
        for one, total, spent_us, *buckets in zip(
            group[first].tolist(), totals.tolist(), spent.tolist(), *quantiles, strict=True
        )
        if total
    }
