"""Questions of Prometheus's clients, answered from signals: read what the expression needs, then evaluate it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, TypeVarTuple

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.promql.expressions import Expression, RangeSelector, TextLiteral
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import Floats, Labels, Moments, Series
from tidegate.promql.vectors import Scalar
from tidegate.signals.prometheus.answers import Answer, MatrixAnswer, NumberAnswer, TextAnswer, VectorAnswer
from tidegate.signals.prometheus.demands import demands_of
from tidegate.signals.prometheus.errors import PrometheusQueryInvalidError, QueryTimeoutError, QueryTooLargeError
from tidegate.signals.prometheus.ports import Within
from tidegate.signals.prometheus.reading import Held, SeriesReading

__all__ = ["MOST_POINTS", "QueryService"]

MOST_POINTS: Final = 11_000  # of one series, as in Prometheus
_MOST_ANSWERED: Final = 1_000_000  # points of all series: 30 MB of JSON
_CELLS_AT_ONCE: Final = 1_000_000  # 8 MB an array, of which an expression needs some
_AT_ONCE: Final = 2  # cores of the smallest machine
Found = TypeVar("Found")
Given = TypeVarTuple("Given")


class QueryService:
    """Evaluates over one workspace at a time. `within` is what the caller is narrowed to."""

    def __init__(self, reading: SeriesReading) -> None:
        self._reading = reading
        self._running = asyncio.Semaphore(_AT_ONCE)
        # Of its own: nothing stops a thread, so an evaluation that timed out goes on when its place is free again.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="promql")

    @property
    def now_ms(self) -> int:
        return self._reading.now_ms

    async def query(self, workspace: WorkspaceId, text: str, *, at_ms: int, timeout_s: float, within: Within) -> Answer:
        """Return what an expression is at one moment.

        Raises:
            ExpressionError: it is no PromQL; `NotSupportedError` when it is outside the subset.
            EvaluationError: it has no answer over these series.
            QueryTooLargeError: it reads or answers too much.
            QueryTimeoutError: it took longer than `timeout_s`.
        """
        expression = parse_expression(text)
        if isinstance(expression, TextLiteral):
            return TextAnswer(expression.value, at_ms)
        return await self._timed(lambda: self._query(workspace, expression, at_ms, within), timeout_s)

    async def _query(self, workspace: WorkspaceId, expression: Expression, at_ms: int, within: Within) -> Answer:
        demands = demands_of(expression, first_ms=at_ms, last_ms=at_ms, step_ms=0)
        held = await self._reading.read(workspace, demands, within=within)
        warnings = await self._reading.warnings(workspace, held, within=within)
        if isinstance(expression, RangeSelector):
            return MatrixAnswer(_cut(held, expression, at_ms), warnings)
        found = await self._thought(held.evaluator.at, expression, at_ms)
        if isinstance(found, float):
            return NumberAnswer(found, at_ms, warnings)
        return VectorAnswer(sorted(found, key=lambda sample: sample.labels), at_ms, warnings)

    async def query_range(
        self, workspace: WorkspaceId, text: str, moments: range, *, timeout_s: float, within: Within
    ) -> MatrixAnswer:
        """Return what an expression is at each of `moments`, in milliseconds; raises as `query`."""
        if len(moments) > MOST_POINTS:
            raise PrometheusQueryInvalidError(
                f"exceeded maximum resolution of {MOST_POINTS:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)",
                field="step",
            )
        expression = parse_expression(text)
        if isinstance(expression, RangeSelector | TextLiteral):
            kind = "range vector" if isinstance(expression, RangeSelector) else "string"
            raise PrometheusQueryInvalidError(
                f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector', field="query"
            )
        return await self._timed(lambda: self._query_range(workspace, expression, moments, within), timeout_s)

    async def _query_range(
        self, workspace: WorkspaceId, expression: Expression, moments: range, within: Within
    ) -> MatrixAnswer:
        demands = demands_of(expression, first_ms=moments.start, last_ms=moments[-1], step_ms=moments.step)
        held = await self._reading.read(workspace, demands, within=within)
        at = np.arange(moments.start, moments.stop, moments.step, dtype=np.int64)
        found = await self._thought(_evaluated, held, expression, at)
        return MatrixAnswer(found, await self._reading.warnings(workspace, held, within=within))

    async def _thought(self, evaluate: Callable[[*Given], Found], *given: *Given) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads, evaluate, *given)

    async def _timed(self, ask: Callable[[], Awaitable[Found]], timeout_s: float) -> Found:
        try:
            async with asyncio.timeout(timeout_s), self._running:
                return await ask()
        except TimeoutError as error:
            raise QueryTimeoutError(
                f"The query took longer than {timeout_s:g} s. Ask for less: a shorter time, a longer step, one service."
            ) from error


def _evaluated(held: Held, expression: Expression, moments: Moments) -> list[Series]:
    """Return what `expression` is at each of `moments`, in stretches that are small however much there is."""
    parts: defaultdict[Labels, list[tuple[Moments, Floats]]] = defaultdict(list)
    stretch = max(_CELLS_AT_ONCE // max(held.most_series, 1), 1)
    evaluator, answered = held.evaluator, 0
    for start in range(0, moments.size, stretch):
        at = moments[start : start + stretch]
        found = evaluator.over(expression, at)
        if isinstance(found, Scalar):
            parts[()].append((at, found.values))
            continue
        answered += int(found.present.sum())
        if answered > _MOST_ANSWERED:
            raise QueryTooLargeError(
                f"The answer has more than {_MOST_ANSWERED} points. Take a longer step, or add up by fewer labels."
            )
        for labels, values, there in zip(found.labels, found.values, found.present, strict=True):
            if there.any():
                parts[labels].append((at[there], values[there]))
    return [
        Series(labels, np.concatenate([at for at, _ in own]), np.concatenate([values for _, values in own]))
        for labels, own in sorted(parts.items())
    ]


def _has_points(series: Series) -> bool:
    return bool(series.moments.size)


def _cut(held: Held, expression: RangeSelector, at_ms: int) -> list[Series]:
    """Return the samples of a range, both its ends included, as Prometheus 2 has them."""
    end = at_ms - expression.selector.offset_ms
    found = []
    for series in held.select(expression.selector.matchers, 0, 0):
        there = (series.moments >= end - expression.range_ms) & (series.moments <= end)
        found.append(Series(series.labels, series.moments[there], series.values[there]))
    return list(filter(_has_points, found))
