"""Evaluates expressions with Prometheus's semantics, at one moment or at many at once.

There is one semantics: a single moment is evaluated as many moments of which there is one. What Prometheus does
differently when it is asked for a range (duplicates at different moments) is not done: rules are asked for moments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from tidegate.promql.binaries import combine
from tidegate.promql.durations import MINUTE_MS
from tidegate.promql.errors import EvaluationError
from tidegate.promql.expressions import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Negation,
    NumberLiteral,
    RangeSelector,
    Selector,
    Subquery,
    TextLiteral,
    selectors_of,
)
from tidegate.promql.functions import MATH_FUNCTIONS
from tidegate.promql.histograms import histogram_quantile
from tidegate.promql.series import METRIC_NAME, Floats, Labels, MatchOp, Moments, Series, SeriesSource, is_stale
from tidegate.promql.vectors import Mask, Scalar, Vector, aggregate, merge, without_name
from tidegate.promql.windows import RANGE_FUNCTIONS, Windows, cut_windows

__all__ = ["Evaluator", "Options", "Sample", "Text"]

# Moments are taken in stretches of so many cells that the arrays of a stretch stay within some 100 MB.
_MOST_CELLS: Final = 1_000_000
_FOREVER: Final = 2**62
# A subquery holds all of its values at once, some 50 bytes each.
_MOST_POINTS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Options:
    lookback_ms: int = 5 * MINUTE_MS
    subquery_step_ms: int = MINUTE_MS
    """The step of a subquery that names none: the interval at which rules are evaluated."""
    is_open: bool = False
    """Prometheus 3: a sample at the very start of a range, or as old as the lookback, is outside; 2 counts it."""
    horizon_ms: int | None = None
    """Nothing after it has been stored yet. `None`: each moment sees what was there at that moment."""


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


_Value: TypeAlias = Vector | Scalar | Windows | Text


@dataclass(slots=True)
class Evaluator:
    source: SeriesSource
    options: Options = field(default_factory=Options)

    def at(self, expression: Expression, moment_ms: int) -> list[Sample] | float:
        """Return what `expression` is at `moment_ms`: samples in no particular order, or a number.

        Raises:
            EvaluationError: it has no answer over these series.
        """
        found = self._pass(expression, np.array([moment_ms], dtype=np.int64))
        if isinstance(found, Scalar):
            return float(found.values[0])
        rows = np.flatnonzero(found.present[:, 0]).tolist()
        return [Sample(found.labels[row], float(found.values[row, 0])) for row in rows]

    def over(self, expression: Expression, moments: Moments) -> Vector | Scalar:
        """Return what `expression` is at each of `moments`, which grow.

        Raises:
            EvaluationError: at some moment it has no answer over these series.
        """
        if not moments.size:
            return Vector.empty(0)
        stretch = max(_MOST_CELLS // max(self._series_count(expression, moments), 1), 1)
        parts = [self._pass(expression, moments[i : i + stretch]) for i in range(0, moments.size, stretch)]
        return _joined(parts) if len(parts) > 1 else parts[0]

    def _series_count(self, expression: Expression, moments: Moments) -> int:
        first, last = int(moments[0]) - self.options.lookback_ms, int(moments[-1])
        counts = [len(self.source.select(selector.matchers, first, last)) for selector in selectors_of(expression)]
        return max(counts, default=1)

    def _pass(self, expression: Expression, moments: Moments) -> Vector | Scalar:
        with np.errstate(all="ignore"):
            found = _Pass(self.source, self.options, moments).value(expression)
        if not isinstance(found, Vector | Scalar):
            raise EvaluationError("The expression is a range or a text; a rule needs a vector or a number.")
        return found


def _joined(parts: Sequence[Vector | Scalar]) -> Vector | Scalar:
    if isinstance(parts[0], Scalar):
        return Scalar(np.concatenate([part.values for part in parts]))
    vectors = [part for part in parts if isinstance(part, Vector)]
    rows = {labels: row for row, labels in enumerate(dict.fromkeys(one for part in vectors for one in part.labels))}
    width = sum(part.values.shape[1] for part in vectors)
    values, present = np.zeros((len(rows), width)), np.zeros((len(rows), width), dtype=np.bool_)
    column = 0
    for part in vectors:
        places = [rows[labels] for labels in part.labels]
        until = column + part.values.shape[1]
        values[places, column:until] = part.values
        present[places, column:until] = part.present
        column = until
    return Vector(list(rows), values, present)


class _Pass:
    """One walk over an expression, at given moments."""

    def __init__(self, source: SeriesSource, options: Options, moments: Moments) -> None:
        self._source = source
        self._options = options
        self._moments = moments
        self._seen = np.full(moments.size, _FOREVER) if options.horizon_ms is not None else moments

    def value(self, node: Expression) -> _Value:  # noqa: PLR0911 - one answer a kind of node
        match node:
            case NumberLiteral(number):
                return Scalar(np.full(self._moments.size, number))
            case TextLiteral(text):
                return Text(text)
            case Selector():
                return self._newest(node)
            case RangeSelector(selector, range_ms):
                return self._windows(selector, range_ms)
            case Subquery():
                return self._subquery(node)
            case Aggregate(op, inner, labels, is_without):
                return aggregate(op, self._vector(inner), labels, is_without=is_without)
            case Negation(inner):
                return _negated(self._number_or_vector(inner))
            case Binary(_, left, right):
                return combine(node, self._number_or_vector(left), self._number_or_vector(right))
            case Call():
                return self._call(node)

    def _vector(self, node: Expression) -> Vector:
        found = self.value(node)
        if not isinstance(found, Vector):
            raise EvaluationError(f"{node} is no vector.")
        return found

    def _number_or_vector(self, node: Expression) -> Vector | Scalar:
        found = self.value(node)
        if not isinstance(found, Vector | Scalar):
            raise EvaluationError(f"{node} is neither a vector nor a number.")
        return found

    def _scalar(self, node: Expression) -> Scalar:
        found = self.value(node)
        if not isinstance(found, Scalar):
            raise EvaluationError(f"{node} is no number.")
        return found

    def _ranges(self, node: Expression) -> Windows:
        found = self.value(node)
        if not isinstance(found, Windows):
            raise EvaluationError(f"{node} is no range.")
        return found

    def _select(self, selector: Selector, starts: Moments, ends: Moments) -> Sequence[Series]:
        return self._source.select(selector.matchers, int(starts[0]), int(ends[-1]))

    def _newest(self, selector: Selector) -> Vector:
        ends = self._moments - selector.offset_ms
        starts = ends - self._options.lookback_ms
        series = self._select(selector, starts, ends)
        return _newest_of(series, starts, self._until(ends), is_open=self._options.is_open)

    def _until(self, ends: Moments) -> Moments:
        horizon = self._options.horizon_ms
        return np.minimum(ends, self._seen if horizon is None else np.int64(horizon))

    def _windows(self, selector: Selector, range_ms: int) -> Windows:
        ends = self._moments - selector.offset_ms
        starts = ends - range_ms
        series = self._select(selector, starts, ends)
        return cut_windows(series, starts, ends, self._until(ends), is_open=self._options.is_open)

    def _subquery(self, node: Subquery) -> Windows:
        step = node.step_ms or self._options.subquery_step_ms
        ends = self._moments - node.offset_ms
        starts = ends - node.range_ms
        if (int(ends[-1]) - int(starts[0])) // step > _MOST_POINTS:
            raise EvaluationError(f"The subquery {node} has more than {_MOST_POINTS} steps.")
        grid = np.arange(-(-int(starts[0]) // step) * step, int(ends[-1]) + 1, step, dtype=np.int64)
        if not grid.size:
            return cut_windows([], starts, ends, ends, is_open=False)
        self._refuse_many(node, grid)
        found = _Pass(self._source, self._options, grid).value(node.inner)
        if isinstance(found, Scalar):
            found = Vector([()], found.values[np.newaxis], np.ones((1, grid.size), dtype=np.bool_))
        if not isinstance(found, Vector):
            raise EvaluationError(f"{node.inner} is neither a vector nor a number.")
        series = [
            Series(labels, grid[there], values[there])
            for labels, values, there in zip(found.labels, found.values, found.present, strict=True)
        ]
        return cut_windows(series, starts, ends, ends, is_open=self._options.is_open)

    def _refuse_many(self, node: Subquery, grid: Moments) -> None:
        selectors = selectors_of(node.inner)
        counts = [len(self._source.select(one.matchers, int(grid[0]), int(grid[-1]))) for one in selectors]
        if grid.size * max(counts, default=1) > _MOST_POINTS:
            raise EvaluationError(
                f"The subquery {node} has {grid.size} steps over {max(counts, default=1)} series; "
                f"{_MOST_POINTS} values are the most."
            )

    def _call(self, node: Call) -> _Value:
        if node.function in RANGE_FUNCTIONS:
            return self._over_range(node)
        if node.function in MATH_FUNCTIONS:
            return _mapped(self._vector(node.arguments[0]), MATH_FUNCTIONS[node.function])
        return _CALLS[node.function](self, node.arguments)

    def _over_range(self, node: Call) -> Vector:
        windows = self._ranges(node.arguments[0])
        values, present = RANGE_FUNCTIONS[node.function](windows)
        keeps_name = node.function == "last_over_time"
        return merge([one if keeps_name else without_name(one) for one in windows.labels], values, present)

    def time(self, _: Sequence[Expression]) -> Scalar:
        return Scalar(self._moments / 1000)

    def as_vector(self, arguments: Sequence[Expression]) -> Vector:
        values = self._scalar(arguments[0]).values
        return Vector([()], values[np.newaxis], np.ones((1, values.size), dtype=np.bool_))

    def as_scalar(self, arguments: Sequence[Expression]) -> Scalar:
        vector = self._vector(arguments[0])
        is_one = vector.present.sum(axis=0) == 1
        found = np.where(vector.present, vector.values, 0.0).sum(axis=0)
        return Scalar(np.where(is_one, found, np.nan))

    def absent(self, arguments: Sequence[Expression]) -> Vector:
        return self._absent(arguments[0], self._vector(arguments[0]).anywhere)

    def absent_over_time(self, arguments: Sequence[Expression]) -> Vector:
        return self._absent(arguments[0], np.asarray(self._ranges(arguments[0]).filled.any(axis=0)))

    def _absent(self, node: Expression, anywhere: Mask) -> Vector:
        return Vector([_absent_labels(node)], np.ones((1, self._moments.size)), ~anywhere[np.newaxis])

    def quantile(self, arguments: Sequence[Expression]) -> Vector:
        return histogram_quantile(self._scalar(arguments[0]).values, self._vector(arguments[1]))

    def clamp(self, arguments: Sequence[Expression]) -> Vector:
        low, high = self._scalar(arguments[1]).values, self._scalar(arguments[2]).values
        clamped = _mapped(self._vector(arguments[0]), lambda values: np.maximum(low, np.minimum(high, values)))
        return Vector(clamped.labels, clamped.values, clamped.present & ~(high < low))

    def clamp_min(self, arguments: Sequence[Expression]) -> Vector:
        low = self._scalar(arguments[1]).values
        return _mapped(self._vector(arguments[0]), lambda values: np.maximum(low, values))

    def clamp_max(self, arguments: Sequence[Expression]) -> Vector:
        high = self._scalar(arguments[1]).values
        return _mapped(self._vector(arguments[0]), lambda values: np.minimum(high, values))


_CALLS: Final[Mapping[str, Callable[[_Pass, Sequence[Expression]], _Value]]] = {
    "absent": _Pass.absent,
    "absent_over_time": _Pass.absent_over_time,
    "clamp": _Pass.clamp,
    "clamp_max": _Pass.clamp_max,
    "clamp_min": _Pass.clamp_min,
    "histogram_quantile": _Pass.quantile,
    "scalar": _Pass.as_scalar,
    "time": _Pass.time,
    "vector": _Pass.as_vector,
}


def _newest_of(series: Sequence[Series], starts: Moments, until: Moments, *, is_open: bool) -> Vector:
    values = np.zeros((len(series), starts.size))
    present = np.zeros(values.shape, dtype=np.bool_)
    for row, one in enumerate(series):
        if not one.moments.size:
            continue
        newest = np.searchsorted(one.moments, until, side="right") - 1
        places = np.maximum(newest, 0)
        at = one.moments[places]
        fresh = at > starts if is_open else at >= starts
        values[row] = one.values[places]
        present[row] = (newest >= 0) & fresh & ~is_stale(values[row])
    there = np.asarray(present.any(axis=1))
    if there.all():
        return Vector([one.labels for one in series], values, present)
    return Vector([one.labels for one, is_there in zip(series, there, strict=True) if is_there], values[there],
                  present[there])  # fmt: skip


def _negated(found: Vector | Scalar) -> Vector | Scalar:
    return Scalar(-found.values) if isinstance(found, Scalar) else _mapped(found, np.negative)


def _mapped(vector: Vector, function: Callable[[Floats], Floats]) -> Vector:
    return merge([without_name(one) for one in vector.labels], function(vector.values), vector.present)


def _absent_labels(node: Expression) -> Labels:
    """Return the labels that the selector names with one value; a label that is named twice has none."""
    selector = node.selector if isinstance(node, RangeSelector) else node
    if not isinstance(selector, Selector):
        return ()
    named: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in selector.matchers:
        if matcher.label == METRIC_NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.label not in seen:
            named[matcher.label] = matcher.value
            seen.add(matcher.label)
        else:
            named.pop(matcher.label, None)
    return tuple(sorted((name, value) for name, value in named.items() if value))
