import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.promql.made import MINUTE, ask, moments, naive_increase, source_of, vectors

from tidegate.promql.errors import EvaluationError
from tidegate.promql.evaluator import Evaluator, Options
from tidegate.promql.expressions import Expression
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import MemorySource, Series, labels_of
from tidegate.promql.vectors import Scalar

SERIES = {
    'http_requests_total{job="a",code="200"}': "0+7x30 3+5x20",
    'http_requests_total{job="a",code="500"}': "0+1x20 _x8 2+3x10 stale",
    'temp{inst="1"}': "20.1-0.3x30 NaN 5 Inf 3",
    'temp{inst="2"}': "_x5 1 2 stale _ 3 _x2 4",
    'up{job="a"}': "1x50",
}


@given(vectors(), st.lists(st.integers(min_value=0, max_value=60 * MINUTE), min_size=1, max_size=12, unique=True))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_many_moments_at_once_are_the_same_as_each_by_itself(expression: Expression, at: list[int]) -> None:
    evaluator = Evaluator(source_of(SERIES), Options(subquery_step_ms=7 * MINUTE))
    asked = np.array(sorted(at), dtype=np.int64)
    singles = [_single(evaluator, expression, int(moment)) for moment in asked]
    try:
        found = evaluator.over(expression, asked)
    except EvaluationError:
        assert None in singles
        return
    assert not isinstance(found, Scalar)
    for step, single in enumerate(singles):
        assert {
            labels: repr(float(found.values[row, step]))
            for row, labels in enumerate(found.labels)
            if found.present[row, step]
        } == single


def _single(evaluator: Evaluator, expression: Expression, moment: int) -> dict[object, str] | None:
    try:
        found = evaluator.at(expression, moment)
    except EvaluationError:
        return None
    assert not isinstance(found, float)
    return {sample.labels: repr(sample.value) for sample in found}


@given(st.lists(st.integers(min_value=0, max_value=1000), min_size=2, max_size=40), st.integers(2, 40))
@settings(max_examples=100, deadline=None)
def test_an_increase_without_edges_is_what_a_recount_with_resets_finds(values: list[int], minutes: int) -> None:
    # A window from sample to sample has nothing to extrapolate.
    at = np.arange(len(values), dtype=np.int64) * MINUTE
    series = Series(labels_of({"__name__": "c"}), at, np.array(values, dtype=np.float64))
    window = min(minutes, len(values)) - 1
    if window < 1:
        return
    evaluator = Evaluator(MemorySource.of([series]))
    for last in range(window, len(values)):
        (found,) = evaluator.at(parse_expression(f"increase(c[{window}m])"), last * MINUTE)  # type: ignore[misc]
        samples = list(zip(at.tolist(), values, strict=True))[last - window : last + 1]
        assert found.value == pytest.approx(naive_increase(samples), rel=1e-12)


def test_a_rate_is_extrapolated_to_its_window_and_never_below_zero() -> None:
    series = {"c": "_x3 5+10x10"}
    assert ask(series, "increase(c[10m])", minute=8) == {"{}": pytest.approx(50 * (5 + 0.5) / 5)}
    assert ask(series, "rate(c[10m])", minute=8) == {"{}": pytest.approx(50 * (5 + 0.5) / 5 / 600)}


def test_a_series_is_seen_for_five_minutes_and_not_after_its_end_was_marked() -> None:
    series = {"silent": "1 _x20", "ended": "1 stale"}
    assert ask(series, "silent", minute=5) == {"silent": 1.0}
    assert ask(series, "silent", minute=5.01) == {}
    assert ask(series, "silent", minute=5, is_open=True) == {}
    assert ask(series, "ended", minute=1) == {}
    assert ask(series, "count_over_time(ended[5m])", minute=1) == {"{}": 1.0}


def test_comparisons_with_what_is_no_number_are_false_and_keep_nothing() -> None:
    series = {"x": "NaN", "y": "Inf"}
    assert ask(series, "x == x", minute=0) == {}
    assert ask(series, "x != bool x", minute=0) == {"{}": 1.0}
    assert ask(series, "y > 1e308", minute=0) == {"y": math.inf}
    assert ask(series, "1 < bool y", minute=0) == {"{}": 1.0}


def test_a_filter_keeps_the_value_of_the_vector_whichever_side_it_is_on() -> None:
    assert ask({"x": "7"}, "5 < x", minute=0) == {"x": 7.0}


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("x + on(a) y", "many-to-one matching must be explicit"),
        ("y + on(a) x", 'found duplicate series for the match group {a="1"} on the right hand-side'),
        ("x + on() group_left() x", "many-to-many matching not allowed"),
        ("x * on(a) group_left(b) y", "grouping labels must ensure unique matches"),
        ('rate({a="1"}[5m])', "vector cannot contain metrics with the same labelset"),
    ],
)
def test_series_that_do_not_belong_together_are_an_error(expression: str, words: str) -> None:
    series = {'x{a="1",b="1"}': "1 2", 'x{a="1",b="2"}': "1 2", 'y{a="1"}': "1 2", 'z{a="1"}': "1 2"}
    with pytest.raises(EvaluationError, match=words.replace("{", r"\{").replace("}", r"\}")):
        ask(series, expression, minute=1)


def test_absent_has_the_labels_that_were_asked_for_with_one_value() -> None:
    assert ask({}, 'absent(up{job="a",inst=~"b"})', minute=0) == {'{job="a"}': 1.0}
    assert ask({}, 'absent(up{job="a",job="b"})', minute=0) == {"{}": 1.0}
    assert ask({"up": "1"}, "absent(up)", minute=0) == {}
    assert ask({"up": "1 _x9"}, "absent_over_time(up[5m])", minute=6) == {"{}": 1.0}


def test_a_quantile_lies_within_its_bucket() -> None:
    series = {'b{le="0.1"}': "10", 'b{le="0.5"}': "20", 'b{le="+Inf"}': "40"}
    assert ask(series, "histogram_quantile(0.25, b)", minute=0) == {"{}": 0.1}
    assert ask(series, "histogram_quantile(0.375, b)", minute=0) == {"{}": pytest.approx(0.3)}
    assert ask(series, "histogram_quantile(0.9, b)", minute=0) == {"{}": 0.5}
    assert ask(series, "histogram_quantile(1.1, b)", minute=0) == {"{}": math.inf}


def test_a_histogram_without_an_end_has_no_quantile() -> None:
    found = ask({'b{le="0.1"}': "10", 'b{le="0.5"}': "20"}, "histogram_quantile(0.5, b)", minute=0)
    assert isinstance(found, dict)
    assert math.isnan(found["{}"])


def test_nothing_is_seen_before_it_was_there_however_far_an_offset_looks_ahead() -> None:
    series = {"x": "0+1x60"}
    assert ask(series, "x offset -3m", minute=10) == {"x": 10.0}
    evaluator = Evaluator(source_of(series), Options(horizon_ms=12 * MINUTE))
    (found,) = evaluator.at(parse_expression("x offset -6m"), 8 * MINUTE)  # type: ignore[misc]
    assert found.value == 12.0


@pytest.mark.parametrize("subquery", ["max_over_time(x[100y:1ms])", "max_over_time(x[1d:1ms])"])
def test_a_subquery_of_too_many_steps_is_an_error_and_not_a_full_memory(subquery: str) -> None:
    with pytest.raises(EvaluationError, match="10000000"):
        ask({"x": "1"}, subquery, minute=5000)


def test_long_times_are_taken_in_stretches_that_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidegate.promql import evaluator as module

    evaluator = Evaluator(source_of(SERIES))
    expression = parse_expression("sum by (job) (rate(http_requests_total[5m])) > 0.02")
    whole = evaluator.over(expression, moments(60))
    monkeypatch.setattr(module, "_MOST_CELLS", 20)
    parts = evaluator.over(expression, moments(60))
    assert not isinstance(whole, Scalar)
    assert not isinstance(parts, Scalar)
    assert (parts.labels, parts.present.tolist()) == (whole.labels, whole.present.tolist())
    assert (parts.values[parts.present] == whole.values[whole.present]).all()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("abs(x)", {"{}": 3.0}),
        ("-x", {"{}": 3.0}),
        ("clamp(x, -1, 1)", {"{}": -1.0}),
        ("clamp(x, 1, -1)", {}),
        ("clamp_min(x, -2)", {"{}": -2.0}),
        ("clamp_max(x, -4)", {"{}": -4.0}),
        ("scalar(x) * 2", -6.0),
        ("vector(time())", {"{}": 60.0}),
        ("7 % 4 - 2 ^ 3 ^ 0", 1.0),
        ("1 > bool 2", 0.0),
        ("x % 2", {"{}": -1.0}),
        ("x * 0 / 0 == 1", {}),
        ("group(x)", {"{}": 1.0}),
    ],
)
def test_functions_of_a_number_and_numbers_alone(expression: str, expected: object) -> None:
    assert ask({"x": "-3 -3"}, expression, minute=1) == expected
