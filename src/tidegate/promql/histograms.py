"""`histogram_quantile` over classic buckets, as Prometheus 2.42 interpolates."""

from collections.abc import Mapping, Sequence

import numpy as np

from tidegate.promql.series import METRIC_NAME, Floats, Labels
from tidegate.promql.vectors import Mask, Vector, merge

__all__ = ["histogram_quantile"]

_BUCKET = "le"


def histogram_quantile(quantiles: Floats, buckets: Vector) -> Vector:
    """Return for each histogram in `buckets` the quantile of each moment."""
    groups: dict[Labels, dict[int, float]] = {}
    for row, labels in enumerate(buckets.labels):
        bound = _bound(dict(labels).get(_BUCKET))
        if bound is not None:
            key = tuple(pair for pair in labels if pair[0] not in {_BUCKET, METRIC_NAME})
            groups.setdefault(key, {})[row] = bound
    if not groups:
        return Vector.empty(quantiles.size)
    values = np.zeros((len(groups), quantiles.size))
    present = np.zeros(values.shape, dtype=np.bool_)
    for place, rows in enumerate(groups.values()):
        values[place], present[place] = _one_histogram(quantiles, buckets, rows)
    return merge(list(groups), values, present)


def _bound(text: str | None) -> float | None:
    try:
        return None if text is None or "_" in text else float(text)
    except ValueError:
        return None


def _one_histogram(quantiles: Floats, buckets: Vector, rows: Mapping[int, float]) -> tuple[Floats, Mask]:
    ordered = sorted(rows, key=rows.__getitem__)
    there = buckets.present[ordered]
    result = np.full(quantiles.size, np.nan)
    # Moments at which the same buckets are there are reckoned together: as a rule that is all of them.
    patterns, which = np.unique(there, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        moments = np.flatnonzero(which.reshape(-1) == number)
        kept = [row for row, is_there in zip(ordered, patterns[:, number], strict=True) if is_there]
        if kept:
            bounds, counts = _coalesced([rows[row] for row in kept], buckets.values[kept][:, moments])
            result[moments] = _quantile(quantiles[moments], bounds, counts)
    return result, np.asarray(there.any(axis=0))


def _coalesced(bounds: Sequence[float], counts: Floats) -> tuple[Floats, Floats]:
    """Add up buckets of one bound (`1` and `1.0`)."""
    unique, places = np.unique(np.array(bounds), return_inverse=True)
    summed = np.zeros((unique.size, counts.shape[1]))
    for row, place in enumerate(places):
        summed[place] += counts[row]
    return unique, summed


def _quantile(quantiles: Floats, bounds: Floats, counts: Floats) -> Floats:
    if not np.isposinf(bounds[-1]) or bounds.size < 2:
        return _outside(quantiles, np.full(quantiles.size, np.nan))
    for row in range(1, bounds.size):  # counts of buckets never fall: a scrape may have met them in between
        counts[row] = np.where(counts[row] < counts[row - 1], counts[row - 1], counts[row])
    observed = counts[-1]
    rank = quantiles * observed
    reaches = counts[:-1] >= rank
    place = np.where(reaches.any(axis=0), reaches.argmax(axis=0), bounds.size - 1)
    before = np.maximum(place - 1, 0)
    columns = np.arange(quantiles.size)
    lower = np.where(place > 0, bounds[before], 0.0)
    below = np.where(place > 0, counts[before, columns], 0.0)
    inside = lower + (bounds[place] - lower) * ((rank - below) / (counts[place, columns] - below))
    result = np.where(place == bounds.size - 1, bounds[-2], inside)
    result = np.where((place == 0) & (bounds[0] <= 0), bounds[0], result)
    return _outside(quantiles, np.where(observed == 0, np.nan, result))


def _outside(quantiles: Floats, result: Floats) -> Floats:
    # Said before the buckets are looked at.
    result = np.where(quantiles < 0, -np.inf, result)
    result = np.where(quantiles > 1, np.inf, result)
    return np.where(np.isnan(quantiles), np.nan, result)
