"""How parameters are read and answers are written."""

import json

import numpy as np
import pytest

from tidegate.edge.prometheus import moment_ms
from tidegate.kernel import InvalidInputError
from tidegate.promql.evaluator import Sample
from tidegate.promql.series import Matcher, MatchOp, Series
from tidegate.signals.prometheus.answers import MatrixAnswer, VectorAnswer
from tidegate.signals.prometheus.errors import PrometheusQueryInvalidError
from tidegate.signals.prometheus.filters import filter_of
from tidegate.signals.prometheus.ports import Within
from tidegate.signals.prometheus.schemas import Parameters, answer_json


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1795320000", 1_795_320_000_000),
        ("1795320000.123", 1_795_320_000_123),
        ("1.79532e9", 1_795_320_000_000),
        ("2026-11-22T04:00:00Z", 1_795_320_000_000),
        ("2026-11-22T05:00:00.123456789+01:00", 1_795_320_000_123),
    ],
)
def test_moments_are_unix_seconds_or_rfc_3339(text: str, ms: int) -> None:
    assert moment_ms(text, field="time") == ms


@pytest.mark.parametrize(
    "text", ["", "now", "NaN", "Inf", "1e400", "9999999999", "-9999999999", "2026-11-22", "٣", "1_0"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="time"):
        moment_ms(text, field="time")


@pytest.mark.parametrize(
    ("text", "ms"), [("15", 15_000), ("0.5", 500), ("15s", 15_000), ("1h30m", 5_400_000), ("1e1", 10_000)]
)
def test_steps_are_seconds_or_durations(text: str, ms: int) -> None:
    assert Parameters({"step": [text]}).step_ms == ms


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1e99", "NaN", "400y"])
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(PrometheusQueryInvalidError, match="step"):
        _ = Parameters({"step": [text]}).step_ms


def test_values_are_written_as_prometheus_writes_them() -> None:
    values = [0.1, -0.0, 1e15, 1e21, 1e-7, 3.0, float("nan"), float("inf"), float("-inf"), 123456789012.5]
    moments = np.arange(len(values), dtype=np.int64) * 500
    answer = MatrixAnswer([Series((("a", 'x"\n'),), moments, np.array(values))], ["cut"])
    body = json.loads(answer_json(answer))
    assert body["warnings"] == ["cut"]
    [series] = body["data"]["result"]
    assert series["metric"] == {"a": 'x"\n'}
    assert [point[0] for point in series["values"]][:3] == [0, 0.5, 1]
    assert [point[1] for point in series["values"]] == [
        "0.1", "-0", "1000000000000000", "1e+21", "1e-07", "3", "NaN", "+Inf", "-Inf", "123456789012.5",
    ]  # fmt: skip
    vector = json.loads(answer_json(VectorAnswer([Sample((("a", "b"),), 2.0)], 1_500)))
    assert vector["data"] == {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1.5, "2"]}]}


COLUMNS = {"service": "s", "environment": "e", "route": "r"}


@pytest.mark.parametrize(
    ("op", "value", "condition", "left"),
    [
        (MatchOp.EQUAL, "a'b", " AND r = {matched_0:String}", 0),
        (MatchOp.NOT_EQUAL, "", " AND r != {matched_0:String}", 0),
        (MatchOp.MATCHES, r"/a|/b\.c", " AND r IN ({matched_0:Array(String)})", 0),
        (MatchOp.NOT_MATCHES, "/a", " AND r NOT IN ({matched_0:Array(String)})", 0),
        (MatchOp.MATCHES, "/a.", "", 1),
        (MatchOp.MATCHES, "", "", 1),
        (MatchOp.MATCHES, "a|", "", 1),
        (MatchOp.MATCHES, r"\d", "", 1),
        (MatchOp.MATCHES, "(?i)a", "", 1),
    ],
)
def test_matchers_are_conditions_of_the_statement_where_they_are_plain(
    op: MatchOp, value: str, condition: str, left: int
) -> None:
    found = filter_of([Matcher("route", op, value)], COLUMNS, Within())
    assert (found.condition, len(found.left)) == (condition, left)
    assert value not in found.condition or not value


def test_what_a_caller_is_narrowed_to_is_in_every_condition() -> None:
    found = filter_of([], COLUMNS, Within(frozenset({"pay"}), frozenset()))
    assert found.condition == (
        " AND s IN ({within_service:Array(String)}) AND e IN ({within_environment:Array(String)})"
    )
    assert found.parameters == {"within_service": ["pay"], "within_environment": []}
