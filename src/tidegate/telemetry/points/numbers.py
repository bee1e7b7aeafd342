"""The numbers of a point: values that JSON cannot write, buckets of any kind as bounds and counts. Pure."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

MAX_BUCKETS: Final = 4_096  # SDKs send at most 160 a side
MAX_SCALE: Final = 32  # SDKs use -10 to 20; at 32 neighbours differ by a part in a thousand million
_LARGEST: Final = 1.7976931348623157e308
_LAST_COUNT: Final = 2**64 - 1


class PointInvalidError(ValueError):
    """A point contradicts itself or is absurd; it is refused alone."""


def written(value: float) -> float | str:
    """Return a number as JSON for the engine can have it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"


def explicit_buckets(point: Any) -> tuple[list[float], list[int]]:  # noqa: ANN401 - a generated protobuf message
    """Return bounds and counts of a histogram.

    Raises:
        PointInvalidError: they do not fit each other, do not rise, or are too many.
    """
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    if len(counts) > MAX_BUCKETS:
        raise PointInvalidError(f"more than {MAX_BUCKETS} buckets")
    if counts and len(counts) != len(bounds) + 1:
        raise PointInvalidError(f"{len(counts)} buckets do not fit {len(bounds)} bounds")
    if not all(math.isfinite(bound) for bound in bounds) or not _rise(bounds):
        raise PointInvalidError("its bounds do not rise")
    return (bounds, counts) if counts else ([], [])


def exponential_buckets(point: Any) -> tuple[list[float], list[int]]:  # noqa: ANN401 - a generated protobuf message
    """Return the bounds that scale and offsets mean, rising, and the counts between them.

    The zero bucket is the one between the bounds of its threshold. Bounds beyond what a float holds are its largest;
    buckets that fall together there are one.

    Raises:
        PointInvalidError: the scale is absurd, or there are too many buckets.
    """
    if not -MAX_SCALE <= point.scale <= MAX_SCALE:
        raise PointInvalidError(f"a scale of {point.scale} is beyond ±{MAX_SCALE}")
    positive, negative = list(point.positive.bucket_counts), list(point.negative.bucket_counts)
    if len(positive) + len(negative) > MAX_BUCKETS:
        raise PointInvalidError(f"more than {MAX_BUCKETS} buckets")
    threshold = point.zero_threshold
    if not (math.isfinite(threshold) and threshold >= 0):
        raise PointInvalidError("its zero threshold is no threshold")
    edges: list[tuple[float, int]] = []  # upper bound of a bucket, and what it holds
    if negative:
        uppers = [-_bound(point.scale, point.negative.offset + i) for i in range(len(negative))]
        lowest = -_bound(point.scale, point.negative.offset + len(negative))
        edges += [(lowest, 0), *reversed(list(zip(uppers, negative, strict=True)))]
    if point.zero_count or negative or threshold:
        edges += [(-threshold, 0), (threshold, point.zero_count)]
    if positive:
        edges.append((_bound(point.scale, point.positive.offset), 0))
        edges += [(_bound(point.scale, point.positive.offset + i + 1), count) for i, count in enumerate(positive)]
    return _merged(edges)


def is_possible(count: int, bucket_counts: Sequence[int]) -> bool:
    """Return whether the buckets hold what the count says; without buckets there is nothing to compare."""
    return not bucket_counts or sum(bucket_counts) == count


def _bound(scale: int, index: int) -> float:
    """Return base ** index for base = 2 ** (2 ** -scale)."""
    exponent = index * 2.0**-scale
    if exponent >= 1024:
        return _LARGEST
    return 2.0**exponent if exponent > -1075 else 0.0


def _merged(edges: Sequence[tuple[float, int]]) -> tuple[list[float], list[int]]:
    """Return rising bounds with their counts, and an empty bucket above the last."""
    bounds: list[float] = []
    counts: list[int] = []
    for bound, count in edges:
        # What lies below a bound that was already passed falls into the bucket of that bound.
        if bounds and bound <= bounds[-1]:
            counts[-1] = min(counts[-1] + count, _LAST_COUNT)
        else:
            bounds.append(bound + 0.0)  # -0.0 is 0.0
            counts.append(count)
    return (bounds, [*counts, 0]) if bounds else ([], [])


def _rise(bounds: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(bounds))
