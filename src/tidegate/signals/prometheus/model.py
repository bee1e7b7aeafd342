"""Which metrics Prometheus's clients see, what labels they have, and what each is made of. Pure.

Names are those of `/metrics`; a test pins the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from tidegate.signals.exposition import counter_name, is_counter
from tidegate.signals.model import NANO_PER_USD, Family, Totals, figures_of
from tidegate.signals.model.totals import TOTALS_FIELDS
from tidegate.signals.service import SPLITS, TIMED

__all__ = [
    "BASE_LABELS",
    "BUCKET_LABEL",
    "CATALOGUE",
    "RUNTIME_METRIC",
    "Metric",
    "MetricType",
    "Part",
    "Reading",
    "ReadingKind",
    "Sum",
]

BASE_LABELS: Final = ("service", "environment", "release", "tenant")
BUCKET_LABEL: Final = "le"
RUNTIME_METRIC: Final = "tidegate_runtime_value"
_OWN_LABELS: Final[Mapping[Family, tuple[str, ...]]] = {
    **dict.fromkeys(Family, ("object",)),
    Family.REQUEST: ("route",),
    Family.AUTH: ("route",),
    Family.TENANT: ("route",),
    Family.AI_RUN: ("model", "provider"),
}
# Durations are kept without tenants; runs by model, others by what they were about.
_TIMED_LABELS: Final[Mapping[Family, tuple[str, ...]]] = {
    **dict.fromkeys(Family, ("object",)),
    Family.REQUEST: ("route",),
    Family.AI_RUN: ("model", "provider"),
}
# Events that are not believed are counted by when they came: they are a warning here. The larger of two counts, which
# `evaluatedCount` is, does not add up over labels.
_NO_SERIES: Final = frozenset({"distrustedCount", "evaluatedCount"})


class MetricType(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class ReadingKind(StrEnum):
    """Which statement reads a metric."""

    FIGURES = "figures"
    SPLIT = "split"
    DURATIONS = "durations"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read at once: one statement."""

    kind: ReadingKind
    family: Family
    dimension: str = ""
    """Of a split."""


class Part(StrEnum):
    """Which series of a histogram."""

    BUCKET = "bucket"
    SUM = "sum"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Sum:
    """A counter out of the fields of totals: some added, some taken off."""

    signs: tuple[tuple[str, int], ...]
    divisor: int = 1


@dataclass(frozen=True, slots=True)
class Metric:
    """Series of one name."""

    name: str
    family_name: str
    """As the metadata calls it: of histograms without `_bucket`, `_sum`, `_count`."""
    type: MetricType
    help: str
    labels: tuple[str, ...]
    reading: Reading
    sum: Sum | None = None
    part: Part | None = None


def _sums_of(family: Family) -> dict[str, Sum]:
    """Return what each counter of a family is made of: found out by asking, so that it is what `/metrics` says."""
    found: dict[str, list[tuple[str, int]]] = {}
    for field in TOTALS_FIELDS:
        for name, value in figures_of(family, Totals(**{field: NANO_PER_USD})).items():
            if value and is_counter(name) and name not in _NO_SERIES:
                found.setdefault(name, []).append((field, round(value)))
    # The money of a billionth is 1; of all others as many as there were.
    return {
        name: Sum(tuple((field, 1 if weight > 0 else -1) for field, weight in parts),
                  NANO_PER_USD // abs(parts[0][1]))
        for name, parts in found.items()
    }  # fmt: skip


def _figures(family: Family) -> list[Metric]:
    labels = BASE_LABELS + _OWN_LABELS[family]
    return [
        Metric(
            f"{counter_name(family, figure)}_total",
            f"{counter_name(family, figure)}_total",
            MetricType.COUNTER,
            f"{figure} of family {family.value}",
            labels,
            Reading(ReadingKind.FIGURES, family),
            sum=one,
        )
        for figure, one in _sums_of(family).items()
    ]


def _splits(family: Family) -> list[Metric]:
    return [
        Metric(
            f"tidegate_{family.value}_by_{dimension}_total",
            f"tidegate_{family.value}_by_{dimension}_total",
            MetricType.COUNTER,
            f"Events of family {family.value} by {dimension}",
            (*BASE_LABELS, dimension),
            Reading(ReadingKind.SPLIT, family, dimension),
            sum=Sum((("count", 1),)),
        )
        for _, dimension in SPLITS[family]
        if dimension != "source"
    ]


def _durations(family: Family) -> list[Metric]:
    if family not in TIMED:
        return []
    name = f"tidegate_{family.value}_duration_seconds"
    labels = BASE_LABELS[:3] + _TIMED_LABELS[family]
    return [
        Metric(
            f"{name}_{part.value}",
            name,
            MetricType.HISTOGRAM,
            f"How long events of family {family.value} took",
            (*labels, BUCKET_LABEL) if part is Part.BUCKET else labels,
            Reading(ReadingKind.DURATIONS, family),
            part=part,
        )
        for part in Part
    ]


@cache
def _catalogue() -> dict[str, Metric]:
    counted = [family for family in Family if family is not Family.RUNTIME]
    metrics = [one for family in counted for one in (*_figures(family), *_splits(family), *_durations(family))]
    runtime = Metric(
        RUNTIME_METRIC,
        RUNTIME_METRIC,
        MetricType.GAUGE,
        "Metric points as they were sent: gauges, and sums that are cumulative",
        (*BASE_LABELS, "metric", "unit"),
        Reading(ReadingKind.POINTS, Family.RUNTIME),
    )
    return {metric.name: metric for metric in (*metrics, runtime)}


CATALOGUE: Final[Mapping[str, Metric]] = _catalogue()
