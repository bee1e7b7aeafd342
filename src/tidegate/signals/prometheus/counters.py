"""Counts as counters: cumulative from the first sample of what was asked, which is 0.

One statement for all series of a family, grouped by the labels that the expression tells apart.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.promql.series import METRIC_NAME, Floats, Labels, Series, labels_of
from tidegate.signals.prometheus.demands import Demand, Grid
from tidegate.signals.prometheus.errors import QueryTooLargeError
from tidegate.signals.prometheus.filters import Filter, filter_of, is_met
from tidegate.signals.prometheus.model import BUCKET_LABEL, Metric, Part, Reading, ReadingKind, Sum
from tidegate.signals.prometheus.ports import CountsReader, Within
from tidegate.signals.quantiles import DURATION_SUMS, upper_bound_ms
from tidegate.signals.steps import is_milli
from tidegate.signals.sums import STORED, facets_of, rows_by_field, sums_of
from tidegate.storage.native import Columns, Numbers

__all__ = ["COLUMNS", "MOST_SAMPLES", "MOST_SERIES", "read_counters"]

COLUMNS: Final[Mapping[str, str]] = {
    **{
        name: f"counts.{name}"
        for name in (
            "service", "environment", "release", "tenant", "route", "error_code", "model", "provider", "outcome",
            "object", "detail",
        )
    },
    "status": "toString(counts.status)",
}  # fmt: skip
MOST_SERIES: Final = 10_000  # what a person looks at has some hundred; 10,000 tenants fit
MOST_SAMPLES: Final = 4_000_000  # 32 MB a field, and some copies while they are added up
_MOST_ROWS: Final = 2_000_000
_STEP: Final = "toInt64(intDiv(toInt64(toUInt32(counts.second)) - {origin:Int64}, {step:Int64}))"
_MICRO: Final = 1_000_000


async def read_counters(
    reader: CountsReader,
    workspace: WorkspaceId,
    metrics: Sequence[Metric],
    *,
    demand: Demand,
    grid: Grid,
    within: Within,
) -> list[Series]:
    """Return the series of `metrics`, which are read alike.

    Raises:
        QueryTooLargeError: there are more series or samples than one question may read.
    """
    reading = metrics[0].reading
    asked = [matcher for matcher in demand.matchers if matcher.label not in {METRIC_NAME, BUCKET_LABEL}]
    own = {label: COLUMNS[label] for label in metrics[0].labels if label != BUCKET_LABEL}
    found = filter_of(asked, own, within)
    kept = _kept_apart(own, demand, found)
    columns = await _columns(reader, workspace, reading, grid, kept=kept, where=found)
    if columns.row_count > _MOST_ROWS:
        raise QueryTooLargeError(_too_many(reading, f"more than {_MOST_ROWS} counts"))
    series = await asyncio.to_thread(_series_of, columns, metrics, grid, kept)
    left = [*found.left, *(matcher for matcher in demand.matchers if matcher.label == BUCKET_LABEL)]
    return [one for one in series if is_met(left, one.labels)] if left else series


def _kept_apart(own: Mapping[str, str], demand: Demand, found: Filter) -> tuple[str, ...]:
    """Return the labels to group by: those that the expression tells apart, and those still to be matched."""
    unmatched = {matcher.label for matcher in found.left}
    return tuple(label for label in own if demand.by is None or label in demand.by or label in unmatched)


async def _columns(
    reader: CountsReader, workspace: WorkspaceId, reading: Reading, grid: Grid, *, kept: Sequence[str], where: Filter
) -> Columns:
    by = "".join(f", toLowCardinality(toString({COLUMNS[label]})) AS by_{label}" for label in kept)
    keys = "by_step" + "".join(f", by_{label}" for label in kept)
    if reading.kind is ReadingKind.DURATIONS:
        names: Sequence[str] = (f"{reading.family.value}.duration",)
        columns, facet_keys = f"toInt32(bucket) AS of_bucket, {DURATION_SUMS}", ", of_bucket"
    else:
        names = STORED[reading.family]
        facets, facet_keys = facets_of([reading.family])
        columns = f"{facets}, {sums_of([reading.family])}"
    more = where.condition
    if reading.kind is ReadingKind.SPLIT:
        more += f" AND {COLUMNS[reading.dimension]} != ''"
    return await reader.grouped(
        workspace,
        names,
        f"{_STEP} AS by_step{by}, {columns}",
        grid.window,
        more=more,
        tail=f"GROUP BY {keys}{facet_keys} LIMIT {_MOST_ROWS + 1}",
        parameters={**where.parameters, "origin": grid.origin_s, "step": grid.step_s},
        coarsest_s=grid.coarsest_s,
    )


def _series_of(columns: Columns, metrics: Sequence[Metric], grid: Grid, kept: Sequence[str]) -> list[Series]:
    if not columns.row_count:
        return []
    labels, group = _labels_in(columns, kept)
    _refuse_many(metrics, len(labels), grid)
    # An event belongs to the first sample after it.
    place = np.clip(columns.numbers["by_step"].astype(np.int64) + 1, 1, grid.count - 1)
    cells = _Cells(columns, group, place, len(labels), grid.count)
    made = (
        _durations(metrics, cells, labels)
        if metrics[0].reading.kind is ReadingKind.DURATIONS
        else _figures(metrics, cells, labels)
    )
    moments = grid.moments
    return [Series(one, moments, values) for one, values in made]


def _labels_in(columns: Columns, kept: Sequence[str]) -> tuple[list[dict[str, str]], Numbers]:
    """Return the label sets of the rows, and which of them each row has."""
    key = np.zeros(columns.row_count, np.int64)
    for label in kept:
        word = columns.words[f"by_{label}"]
        key = key * max(len(word.words), 1) + word.codes
        _, key = np.unique(key, return_inverse=True)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    words = [(label, columns.words[f"by_{label}"]) for label in kept]
    return [{label: word.words[word.codes[row]] for label, word in words} for row in first.tolist()], group


class _Cells:
    """Rows laid out by series and sample."""

    def __init__(self, columns: Columns, group: Numbers, place: Numbers, series: int, samples: int) -> None:  # noqa: PLR0917 - rows and where they belong
        self.columns = columns
        self.group = group
        self._place = place
        self._shape = (series, samples)

    def risen(self, values: Numbers, rows: Numbers | None = None) -> Numbers:
        """Return how far `values` of `rows` have risen, series by series and sample by sample."""
        laid = np.zeros(self._shape, np.int64)
        group, place = (self.group, self._place) if rows is None else (self.group[rows], self._place[rows])
        np.add.at(laid, (group, place), values.astype(np.int64))
        risen: Numbers = np.cumsum(laid, axis=1, out=laid)
        return risen


def _figures(
    metrics: Sequence[Metric], cells: _Cells, labels: Sequence[Mapping[str, str]]
) -> Iterator[tuple[Labels, Floats]]:
    wanted = {field for metric in metrics for field, _ in _sum_of(metric).signs}
    fields: dict[str, Numbers] = {}
    for field, source, rows in rows_by_field(cells.columns):
        if field in wanted:
            risen = cells.risen(cells.columns.numbers[f"{source}_sum"][rows], rows)
            fields[field] = fields[field] + risen if field in fields else risen
    # Adjusted counts are rounded down, as in all figures.
    fields = {field: risen // 1000 if is_milli(field) else risen for field, risen in fields.items()}
    nothing = np.zeros_like(cells.risen(cells.group * 0))
    for metric in metrics:
        total = nothing
        for field, sign in _sum_of(metric).signs:
            total = total + sign * fields.get(field, nothing)
        values = total / _sum_of(metric).divisor
        for row, own in enumerate(labels):
            yield labels_of({METRIC_NAME: metric.name, **own}), values[row]


def _sum_of(metric: Metric) -> Sum:
    assert metric.sum is not None  # noqa: S101 - of every metric that is no histogram
    return metric.sum


def _durations(
    metrics: Sequence[Metric], cells: _Cells, labels: Sequence[Mapping[str, str]]
) -> Iterator[tuple[Labels, Floats]]:
    weight, spent = (cells.columns.numbers[name] for name in ("weight", "spent_us"))
    for metric in metrics:
        if metric.part is Part.BUCKET:
            yield from _buckets(metric, cells, labels)
            continue
        values = cells.risen(weight) // 1000 if metric.part is Part.COUNT else cells.risen(spent) / _MICRO
        for row, own in enumerate(labels):
            yield labels_of({METRIC_NAME: metric.name, **own}), values[row].astype(np.float64)


def _buckets(metric: Metric, cells: _Cells, labels: Sequence[Mapping[str, str]]) -> Iterator[tuple[Labels, Floats]]:
    """Yield all bounds for each label set: sums over label sets need the same bounds in each."""
    bucket, weight = (cells.columns.numbers[name] for name in ("of_bucket", "weight"))
    bounds: dict[str, list[int]] = {}
    for one in np.unique(bucket).tolist():  # the shortest buckets end in the same microsecond
        bounds.setdefault(f"{upper_bound_ms(one) / 1000:.9g}", []).append(one)
    if len(labels) * (len(bounds) + 1) > MOST_SERIES:
        raise QueryTooLargeError(_too_many(metric.reading, f"{len(labels) * (len(bounds) + 1)} series"))
    below: Numbers = np.zeros_like(cells.risen(weight))
    if below.size * (len(bounds) + 1) > MOST_SAMPLES:
        raise QueryTooLargeError(_too_many(metric.reading, f"{below.size * (len(bounds) + 1)} samples"))
    for bound, within in bounds.items():
        rows = np.flatnonzero(np.isin(bucket, within))
        below = below + cells.risen(weight[rows], rows)
        yield from _bucket(metric, bound, below, labels)
    yield from _bucket(metric, "+Inf", below, labels)


def _bucket(
    metric: Metric, bound: str, below: Numbers, labels: Sequence[Mapping[str, str]]
) -> Iterator[tuple[Labels, Floats]]:
    values = (below // 1000).astype(np.float64)
    for row, own in enumerate(labels):
        yield labels_of({METRIC_NAME: metric.name, **own, BUCKET_LABEL: bound}), values[row]


def _refuse_many(metrics: Sequence[Metric], label_sets: int, grid: Grid) -> None:
    series = label_sets * len(metrics)
    if series > MOST_SERIES:
        raise QueryTooLargeError(_too_many(metrics[0].reading, f"{series} series"))
    if series * grid.count > MOST_SAMPLES:
        raise QueryTooLargeError(_too_many(metrics[0].reading, f"{series * grid.count} samples"))


def _too_many(reading: Reading, what: str) -> str:
    return (
        f"A selector of tidegate_{reading.family.value}_… reads {what}; {MOST_SERIES} series and {MOST_SAMPLES} "
        "samples are the most. Name a service, add up by fewer labels (`sum by (…) (rate(…))`), or take a longer step."
    )
