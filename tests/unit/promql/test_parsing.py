import pytest
from hypothesis import HealthCheck, given, settings
from tests.unit.promql.made import vectors

from tidegate.promql.errors import ExpressionError, ExpressionTooLargeError, NotSupportedError
from tidegate.promql.expressions import Expression
from tidegate.promql.parsing import parse_expression, parse_series_name


@given(vectors())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_expression_that_is_written_down_reads_back_the_same(expression: Expression) -> None:
    assert parse_expression(str(expression)) == expression


@pytest.mark.long
@given(vectors())
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_thousands_of_expressions_that_are_written_down_read_back_the_same(expression: Expression) -> None:
    assert parse_expression(str(expression)) == expression


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("sum(\n  up\n  + predict_linear(x[5m], 3))", "predict_linear", "line 3, column 5"),
        ("topk(3, up)", "topk", "line 1, column 1"),
        ("up @ 12", "@", "line 1, column 4"),
        ('up{job="topk"} + quantile(0.9, up)', "quantile", "line 1, column 18"),
        ("# atan2\na atan2 b", "atan2", "line 2, column 3"),
        ('label_replace(up, "a", "$1", "b", "(.*)")', "label_replace", "line 1, column 1"),
        ("irate(up[5m])", "irate", "line 1, column 1"),
        ('up{a="1" or b="2"}', "or", "line 1, column 10"),
        ("no_such_thing(up)", "no_such_thing", "line 1, column 1"),
        ('COUNT_VALUES("v", up)', "count_values", "line 1, column 1"),
        ("up[5m:1m] @ end()", "@", "line 1, column 11"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name_and_place(text: str, what: str, where: str) -> None:
    with pytest.raises(NotSupportedError) as refused:
        parse_expression(text)
    assert (refused.value.what, refused.value.where) == (what, where)
    assert refused.value.message.startswith(f"`{what}` at {where} is not in the supported subset: ")


@pytest.mark.parametrize(
    "text",
    ["", "sum(", "up up", "rate(up)", "1 > 2", "1 and 2", 'up{a=~"("}', "up[0s]", 'up{a=~"a(?=b)"}', "{}", 'up{a="1}'],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "1" + ")" * 100_000,
        "-" * 20_000 + "1",
        "x" + "+x" * 5_000,
        "(" * 65 + "1" + ")" * 65,
        "x" * 17_000,
    ],
)
def test_what_would_overflow_the_stack_is_refused_before_it_is_read(text: str) -> None:
    with pytest.raises(ExpressionTooLargeError):
        parse_expression(text)


def test_the_deepest_that_is_read_can_be_evaluated() -> None:
    from tests.unit.promql.made import ask

    assert ask({"x": "1"}, "sum(" * 60 + "x" + "+x" * 120 + ")" * 60, minute=0) == {"{}": 121.0}


def test_a_pattern_that_would_explode_elsewhere_takes_linear_time() -> None:
    from tests.unit.promql.made import ask

    hostile = {f'up{{path="{"a" * 5000}!"}}': "1"}
    assert ask(hostile, 'up{path=~"(a+)+b"}', minute=0) == {}


@pytest.mark.parametrize("text", ['up{job=~"a"}', "up offset 5m", "sum(up)", "1", "up{", '"up"'])
def test_only_labels_with_values_name_a_series(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_series_name(text)
