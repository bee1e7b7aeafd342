"""Vectors over many moments at once, and their aggregation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegate.promql.errors import EvaluationError
from tidegate.promql.series import METRIC_NAME, Floats, Labels, labels_text

__all__ = ["Mask", "Scalar", "Vector", "aggregate", "merge", "without_name"]

Mask: TypeAlias = NDArray[np.bool_]
_Group: TypeAlias = tuple[Floats, Mask]


@dataclass(frozen=True, slots=True)
class Scalar:
    values: Floats
    """One at each moment."""


@dataclass(frozen=True, slots=True)
class Vector:
    """Rows of label sets; at each moment a row has a value or is absent, which is not the same as NaN."""

    labels: Sequence[Labels]
    values: Floats
    """`n` by `t`; anything where absent."""
    present: Mask

    @classmethod
    def empty(cls, moment_count: int) -> "Vector":
        return cls([], np.empty((0, moment_count)), np.empty((0, moment_count), dtype=np.bool_))

    @property
    def anywhere(self) -> Mask:
        """Say at which moments any row is present."""
        return np.asarray(self.present.any(axis=0))


def without_name(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != METRIC_NAME)


def merge(labels: Sequence[Labels], values: Floats, present: Mask) -> Vector:
    """Return rows of which those with the same labels have become one.

    Raises:
        EvaluationError: two of them are present at one moment.
    """
    rows: dict[Labels, list[int]] = {}
    for row, one in enumerate(labels):
        rows.setdefault(one, []).append(row)
    if len(rows) == len(labels):
        return Vector(labels, values, present)
    merged_values, merged_present = np.empty((len(rows), values.shape[1])), np.empty((len(rows), values.shape[1]), bool)
    for target, (one, members) in enumerate(rows.items()):
        if int(present[members].sum(axis=0).max(initial=0)) > 1:
            raise EvaluationError(f"vector cannot contain metrics with the same labelset: {labels_text(one)}")
        merged_present[target] = present[members].any(axis=0)
        merged_values[target] = values[members[0]]
        for member in members[1:]:
            merged_values[target][present[member]] = values[member][present[member]]
    return Vector(list(rows), merged_values, merged_present)


def aggregate(op: str, vector: Vector, labels: Iterable[str], *, is_without: bool) -> Vector:
    """Aggregate `vector` by `labels`, or by all others."""
    named = frozenset(labels)
    groups: dict[Labels, list[int]] = {}
    for row, one in enumerate(vector.labels):
        key = tuple(p for p in one if (p[0] not in named and p[0] != METRIC_NAME if is_without else p[0] in named))
        groups.setdefault(key, []).append(row)
    if not groups:
        return Vector.empty(vector.values.shape[1])
    values, present = _AGGREGATES[op](vector, list(groups.values()))
    return Vector(list(groups), values, present)


def _ranks(vector: Vector, groups: Sequence[Sequence[int]]) -> Iterator[tuple[NDArray[np.int64], Floats, Mask]]:
    """Yield the first member of all groups, then the second ones: in this order Prometheus adds them up."""
    deepest = max(map(len, groups))
    for rank in range(deepest):
        which = [number for number, members in enumerate(groups) if len(members) > rank]
        rows = [groups[number][rank] for number in which]
        yield np.array(which), vector.values[rows], vector.present[rows]


def _presence(vector: Vector, groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    counts = np.zeros((len(groups), vector.values.shape[1]), dtype=np.int64)
    for which, _, present in _ranks(vector, groups):
        counts[which] += present
    return counts


def _sum(vector: Vector, groups: Sequence[Sequence[int]]) -> _Group:
    total, found = _start(vector, groups)
    for which, values, present in _ranks(vector, groups):
        # The first is taken as it is: 0 + -0 would be 0.
        total[which] = np.where(present, np.where(found[which], total[which] + values, values), total[which])
        found[which] |= present
    return total, found


def _start(vector: Vector, groups: Sequence[Sequence[int]]) -> _Group:
    shape = (len(groups), vector.values.shape[1])
    return np.zeros(shape), np.zeros(shape, dtype=np.bool_)


def _average(vector: Vector, groups: Sequence[Sequence[int]]) -> _Group:
    mean, found = _start(vector, groups)
    counts = np.zeros(mean.shape)
    for which, values, present in _ranks(vector, groups):
        counts[which] += present
        held, count = mean[which], np.maximum(counts[which], 1)
        stays = np.isinf(held) & (np.isfinite(values) | (np.isinf(values) & ((held > 0) == (values > 0))))
        moved = held + (values / count - held / count)
        moved = np.where(found[which], np.where(stays, held, moved), values)
        mean[which] = np.where(present, moved, held)
        found[which] |= present
    return mean, found


def _extreme(better: np.ufunc) -> Callable[[Vector, Sequence[Sequence[int]]], _Group]:
    def extreme(vector: Vector, groups: Sequence[Sequence[int]]) -> _Group:
        best, found = _start(vector, groups)
        for which, values, present in _ranks(vector, groups):
            # Not a number loses against any number.
            chosen = np.where(found[which], better(best[which], values), values)
            best[which] = np.where(present, chosen, best[which])
            found[which] |= present
        return best, found

    return extreme


def _count(vector: Vector, groups: Sequence[Sequence[int]]) -> _Group:
    counts = _presence(vector, groups)
    return counts.astype(np.float64), counts > 0


def _group(vector: Vector, groups: Sequence[Sequence[int]]) -> _Group:
    found = _presence(vector, groups) > 0
    return found.astype(np.float64), found


_AGGREGATES: Final[Mapping[str, Callable[[Vector, Sequence[Sequence[int]]], _Group]]] = {
    "sum": _sum,
    "avg": _average,
    "min": _extreme(np.fmin),
    "max": _extreme(np.fmax),
    "count": _count,
    "group": _group,
}
