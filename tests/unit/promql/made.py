"""Expressions, series and rules for tests."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from tidegate.promql.evaluator import Evaluator, Options
from tidegate.promql.expressions import (
    AGGREGATIONS,
    ARITHMETIC,
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Expression,
    Matching,
    Negation,
    NumberLiteral,
    RangeSelector,
    Selector,
    Subquery,
)
from tidegate.promql.input_series import parse_input_series
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import METRIC_NAME, Matcher, MatchOp, MemorySource, labels_text
from tidegate.promql.windows import RANGE_FUNCTIONS

MINUTE = 60_000


def source_of(series: Mapping[str, str], *, interval_ms: int = MINUTE) -> MemorySource:
    """Make series of promtool's notation."""
    return MemorySource.of(
        parse_input_series(name, values, start_ms=0, interval_ms=interval_ms) for name, values in series.items()
    )


def ask(series: Mapping[str, str], expression: str, *, minute: float, **options: bool) -> dict[str, float] | float:
    """Evaluate `expression` over `series` at `minute`."""
    evaluator = Evaluator(source_of(series), Options(**options))
    found = evaluator.at(parse_expression(expression), int(minute * MINUTE))
    return found if isinstance(found, float) else {labels_text(one.labels): one.value for one in found}


def moments(count: int, *, step_ms: int = MINUTE) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * step_ms


_names = st.sampled_from(["up", "http_requests_total", "a:b:c", "temp", "by_name", "sum_x"])
_labels = st.sampled_from(["job", "code", "inst", "le", "by", "offset"])
_values = st.text(max_size=6) | st.sampled_from(["a", "5..", 'quo"te', "back\\slash", "line\nend", "ünï"])
_durations = st.integers(min_value=1, max_value=10**9)
_offsets = st.just(0) | st.integers(min_value=-(10**7), max_value=10**7)


@st.composite
def selectors(draw: st.DrawFn) -> Selector:
    matchers = [Matcher(METRIC_NAME, MatchOp.EQUAL, draw(_names))]
    for label in draw(st.lists(_labels, max_size=3, unique=True)):
        op = draw(st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]))
        matchers.append(Matcher(label, op, draw(_values)))
        if draw(st.booleans()):
            pattern = draw(st.sampled_from(["a|b", "5..", ".*", "", "[0-9]+", "(x|y)z?"]))
            matchers.append(Matcher(label, draw(st.sampled_from([MatchOp.MATCHES, MatchOp.NOT_MATCHES])), pattern))
    rest = sorted(set(matchers[1:]), key=lambda m: (m.label, _order(m.op), m.value))
    return Selector((matchers[0], *rest), draw(_offsets))


def _order(op: MatchOp) -> str:
    names = {MatchOp.EQUAL: "Equal", MatchOp.NOT_EQUAL: "NotEqual", MatchOp.MATCHES: "Re", MatchOp.NOT_MATCHES: "NotRe"}
    return f"MatchOp.{names[op]}"


def _names_of(draw: st.DrawFn) -> tuple[str, ...]:
    return tuple(draw(st.lists(_labels, max_size=2, unique=True)))


@st.composite
def vectors(draw: st.DrawFn, depth: int = 3) -> Expression:  # noqa: PLR0911 - one answer a kind
    kind = draw(st.integers(min_value=0, max_value=6 if depth else 0))
    if kind == 0:
        return draw(selectors())
    inner = draw(vectors(depth - 1))
    if kind == 1:
        return Call(
            draw(st.sampled_from(sorted(RANGE_FUNCTIONS))), (RangeSelector(draw(selectors()), draw(_durations)),)
        )
    if kind == 2:
        step = draw(st.none() | _durations)
        return Call("max_over_time", (Subquery(inner, draw(_durations), step, draw(_offsets)),))
    if kind == 3:
        labels = _names_of(draw)
        return Aggregate(draw(st.sampled_from(sorted(AGGREGATIONS))), inner, labels, draw(st.booleans()))
    if kind == 4:
        return Negation(inner)
    if kind == 5:
        number = NumberLiteral(draw(st.floats(allow_nan=False)))
        return Binary(draw(st.sampled_from(sorted(ARITHMETIC))), inner, number)
    return draw(matched(inner, depth))


@st.composite
def matched(draw: st.DrawFn, left: Expression, depth: int) -> Expression:
    right = draw(vectors(depth - 1))
    if draw(st.booleans()):
        op = draw(st.sampled_from(["and", "or", "unless"]))
        return Binary(op, left, right, matching=Matching(_names_of(draw), is_on=draw(st.booleans())))
    op = draw(st.sampled_from(sorted(ARITHMETIC | COMPARISONS)))
    is_on = draw(st.booleans())
    many = draw(st.sampled_from([None, "left", "right"]))
    labels = _names_of(draw)
    if not is_on and not labels:
        many = None
    include = () if many is None else tuple(one for one in _names_of(draw) if one not in labels)
    is_bool = op in COMPARISONS and draw(st.booleans())
    return Binary(op, left, right, is_bool, Matching(labels, is_on, many, include))


def naive_increase(samples: Sequence[tuple[int, float]]) -> float:
    """Count what a counter grew by, resets included, one sample after the other."""
    total, last = 0.0, samples[0][1]
    for _, value in samples[1:]:
        total += value if value < last else value - last
        last = value
    return total
