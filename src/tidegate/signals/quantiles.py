"""Quantiles out of bucket counts: exact to merge, at most an eighth of a doubling off. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.signals.model import Durations

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
        p50_ms=_quantile(rows, total, 500),
        p95_ms=_quantile(rows, total, 950),
        p99_ms=_quantile(rows, total, 990),
    )


def _quantile(rows: Sequence[Mapping[str, Any]], total: int, share_milli: int) -> float | None:
    seen = 0
    for row in rows:
        seen += int(row["weight"])
        if seen * 1000 >= total * share_milli:
            return upper_bound_ms(int(row["bucket"])) if total else None
    return None
