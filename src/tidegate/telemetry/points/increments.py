"""From the points of one series to what was added between them. Pure; for readers of counters and histograms.

Delta points say it themselves. Cumulative ones say how much there was since a start: each start is a stream of its own,
so that a restart, or two writers under one name, add up right. A value that falls within one stream was reset without
being said: what it shows was added since. Points that do not say their start (0, or the same as their time) only tell
how much was added since the one before.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from tidegate.telemetry.points.model import Temporality


class Sample(NamedTuple):
    """One point: a number, or count, sum and buckets of a histogram. The first of `values` tells a reset."""

    start_ns: int
    time_ns: int
    values: tuple[float, ...]
    is_missing: bool = False


class Increment(NamedTuple):
    """What was added after `start_ns`, up to and with `time_ns`."""

    start_ns: int
    time_ns: int
    amounts: tuple[float, ...]
    is_reset: bool
    """The counter began anew, or was seen for the first time with its start."""


class Increments(NamedTuple):
    """All of a series, in the order of time."""

    items: tuple[Increment, ...]
    ignored_count: int
    """Points without a value, that are no number, or that came twice."""


def increments_of(samples: Iterable[Sample], *, temporality: Temporality, is_monotonic: bool = True) -> Increments:
    """Return what was added, whatever the order in which the points came.

    To count a window, give the last point before it too, and take the increments that end inside. A counter that may
    fall (`is_monotonic=False`) has increments below zero, and is never reset within a stream.
    """
    usable, ignored = _usable(samples)
    if temporality is Temporality.DELTA:
        items = [Increment(*sample[:3], is_reset=False) for sample in usable]
    else:
        items = _of_cumulative(usable, is_monotonic=is_monotonic)
    return Increments(tuple(items), ignored)


def _usable(samples: Iterable[Sample]) -> tuple[list[Sample], int]:
    """Return the samples in the order of time, each once; of two for one moment the first that came stays."""
    seen: dict[tuple[int, int], Sample] = {}
    ignored = 0
    for sample in samples:
        key = sample.time_ns, sample.start_ns
        if sample.is_missing or key in seen or not all(math.isfinite(value) for value in sample.values):
            ignored += 1
        else:
            seen[key] = sample
    return [seen[key] for key in sorted(seen)], ignored


def _of_cumulative(samples: Iterable[Sample], *, is_monotonic: bool) -> list[Increment]:
    items: list[Increment] = []
    streams: dict[int, Sample] = {}
    for sample in samples:
        is_unknown = sample.start_ns in {0, sample.time_ns}
        stream = 0 if is_unknown else sample.start_ns
        before = streams.get(stream)
        streams[stream] = sample
        if is_unknown:
            # Some say with their first point when they began to look, and count on from its value.
            streams[sample.time_ns] = sample
        if before is None:
            if not is_unknown:
                items.append(Increment(sample.start_ns, sample.time_ns, sample.values, is_reset=True))
            continue
        is_reset = len(before.values) != len(sample.values) or (is_monotonic and sample.values[0] < before.values[0])
        amounts = sample.values if is_reset else _difference(sample.values, before.values)
        items.append(Increment(before.time_ns, sample.time_ns, amounts, is_reset))
    return items


def _difference(now: tuple[float, ...], before: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a - b for a, b in zip(now, before, strict=True))
