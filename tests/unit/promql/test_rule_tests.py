import numpy as np
import pytest

from tidegate.promql.errors import ExpressionError, NotSupportedError, RuleFileError
from tidegate.promql.input_series import parse_input_series
from tidegate.promql.rule_files import read_rule_file
from tidegate.promql.rule_tests import run_test_file
from tidegate.promql.series import is_stale
from tidegate.promql.testing_files import read_test_file

RULES = b"""
groups:
- name: late
  rules:
  - {record: twice, expr: once * 2}
- name: early
  rules:
  - {record: once, expr: x}
  - alert: High
    expr: x > 4
    for: 2m
    annotations: {s: "{{ $value }}"}
"""
TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [early, late]
%s
tests:
- interval: 1m
  start_timestamp: 2026-01-01T00:00:00Z
  input_series:
  - {series: 'x{a="1"}', values: 0+1x10}
  alert_rule_test:
  - {eval_time: 6m, alertname: High, exp_alerts: []}
  - {eval_time: 7m30s, alertname: High, exp_alerts: [{exp_labels: {a: 1}, exp_annotations: {s: 7}}]}
  promql_expr_test:
  - {expr: twice, eval_time: 3m, exp_samples: [{labels: 'twice{a="1"}', value: %s}]}
  - {expr: time(), eval_time: 1m, exp_samples: [{value: 1767225660}]}
"""


def run(*, fuzzy: str = "", value: str = "6") -> list[str]:
    return run_test_file(read_test_file((TESTS % (fuzzy, value)).encode()), read_rule_file(RULES).groups)


def test_a_file_whose_expectations_are_met_has_no_failures() -> None:
    assert run() == []


def test_what_is_not_met_is_said_as_promtool_says_it() -> None:
    (failure,) = run(value="7")
    assert failure == (
        '    expr: "twice", time: 3m,\n        exp: {__name__="twice", a="1"} 7E+00\n'
        '        got: {__name__="twice", a="1"} 6E+00'
    )


def test_the_last_bit_may_differ_where_the_file_says_so() -> None:
    assert run(fuzzy="fuzzy_compare: true", value="6.000000000000001") == []
    assert len(run(value="6.000000000000001")) == 1
    assert len(run(fuzzy="fuzzy_compare: true", value="6.00000000000001")) == 1


def test_the_notation_of_samples_is_that_of_promtool() -> None:
    series = parse_input_series("x", "1 2x2 _ 3-1x2 _x2 stale NaN -5+2x1 1e3", start_ms=0, interval_ms=1)
    assert series.moments.tolist() == [0, 1, 2, 3, 5, 6, 7, 10, 11, 12, 13, 14]
    assert series.values[:7].tolist() == [1, 2, 2, 2, 3, 2, 1]
    assert is_stale(series.values).tolist() == [False] * 7 + [True] + [False] * 4
    assert np.isnan(series.values[8])
    assert series.values[9:].tolist() == [-5, -3, 1000]


@pytest.mark.parametrize("values", ["1+1", "x", "1x", "_x", "1+-2x3", "0x99999999999", "1..2", "stalex3"])
def test_what_is_no_value_is_refused(values: str) -> None:
    with pytest.raises(RuleFileError):
        parse_input_series("x", values, start_ms=0, interval_ms=1)


def test_native_histograms_are_refused_by_name() -> None:
    with pytest.raises(NotSupportedError, match="native histograms"):
        parse_input_series("x", "{{schema:0 sum:1}}x3", start_ms=0, interval_ms=1)
    expected = "{expr: x, eval_time: 1m, exp_samples: [{labels: x, histogram: '{{}}'}]}"
    with pytest.raises(NotSupportedError, match="histogram"):
        read_test_file(f"tests: [{{promql_expr_test: [{expected}]}}]".encode())


@pytest.mark.parametrize(
    "content",
    [
        b"tests: [{input_series: [{series: 'x{', values: 1}]}]",
        b"tests: [{alert_rule_test: [{eval_time: 1m}]}]",
        b"group_eval_order: [a, a]",
        b"tests: [{nothing: 1}]",
        b"tests: [{start_timestamp: yesterday}]",
        b"evaluation_interval: 5 minutes",
        b"[]",
    ],
)
def test_what_is_no_file_of_tests_is_refused(content: bytes) -> None:
    with pytest.raises((RuleFileError, ExpressionError)):
        read_test_file(content)


def test_a_test_of_ages_is_refused() -> None:
    content = b"evaluation_interval: 1s\ntests: [{promql_expr_test: [{expr: '1', eval_time: 100y}]}]"
    with pytest.raises(RuleFileError, match="1000000 times"):
        run_test_file(read_test_file(content), ())
