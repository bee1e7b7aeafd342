import time

import pytest

from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.expressions import compile_bound
from tidegate.gates.model import BoundError
from tidegate.signals import Family, Totals, figures_of

RUNS = figures_of(Family.AI_RUN, Totals(count=48, failed_count=3, priced_count=48, cost_nano_usd=48_000_000_000))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("failureRate < 0.20", True),
        ("failureRate < 0.0625", False),
        ("failureRate <= 0.0625", True),
        ("failedCount <= 3 && costUsd < 50.0", True),
        ("failedCount + policyBlockedCount * 2 < 3", False),
        ("runCount > 40 ? failureRate < 0.01 : failureRate < 0.5", False),
        ("!(failureRate >= 0.20) || schemaMismatchRate < 0.0", True),
        ("double(failedCount) < 3.5", True),
    ],
)
def test_bounds_are_compared_as_numbers(text: str, holds: bool) -> None:  # noqa: FBT001 - a column of the table
    assert compile_bound(text, Family.AI_RUN, field="x").holds(RUNS) is holds


def test_a_bound_knows_every_figure_it_names_even_where_it_is_not_evaluated() -> None:
    bound = compile_bound("runCount > 0 || failureRate < 0.1", Family.AI_RUN, field="x")
    assert bound.figures == {"runCount", "failureRate"}


@pytest.mark.parametrize(
    "text",
    [
        "failedCount / runCount < 1",  # whole numbers: 3 / 48 is 0
        "failedCount % 2 == 0",
        "failureRate < 0.2 || nothing > 1",
        "requestCount > 1",  # of another family
        "runCount",
        "true",
        "failureRate < ",
        "",
        "failureRate < '1'",
        "[failureRate].exists(x, x < 0.1)",
        "size(failureRate) < 1",
        "failureRate.matches(failureRate)",
        "failureRate * 2 < 1",
        "(" * 200 + "failureRate < 0.1" + ")" * 200,
        "failureRate < 0.1 " + "|| failureRate < 0.1 " * 50,
    ],
)
def test_what_is_no_bound_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(GateFileInvalidError) as refused:
        compile_bound(text, Family.AI_RUN, field="checks.1.expression")
    assert refused.value.field == "checks.1.expression"


def test_an_overflow_has_no_answer_and_is_no_pass() -> None:
    bound = compile_bound("runCount * 9000000000000 > 0", Family.AI_RUN, field="x")
    with pytest.raises(BoundError):
        bound.holds(figures_of(Family.AI_RUN, Totals(count=9_000_000_000)))


@pytest.mark.parametrize("text", ["failureRate < 20.0", "failureRate < -1.0", "failureRate >= 0.0"])
def test_a_bound_that_no_rate_changes_is_refused(text: str) -> None:
    with pytest.raises(GateFileInvalidError, match="from 0 to 1"):
        compile_bound(text, Family.AUTH, field="expression")


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2].all(x, [1, 2].all(y, failureRate < 0.1))",
        "'a'.matches('(a+)+') && failureRate < 0.1",
        "(" * 240 + "failureRate < 0.1" + ")" * 240,
        "(" * 490,
        "failureRate < 0.1 && " * 24,
    ],
    ids=["loops", "pattern", "nested", "unclosed", "unfinished"],
)
def test_an_expression_that_could_run_for_long_is_refused_at_once(text: str) -> None:
    """Without macros, strings and lists the work is bound by the length; 500 characters take some ms to refuse."""
    began = time.process_time()
    with pytest.raises(GateFileInvalidError):
        compile_bound(text, Family.AUTH, field="expression")
    assert time.process_time() - began < 0.5
