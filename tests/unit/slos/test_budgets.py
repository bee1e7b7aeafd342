"""Budgets are exact, and what has no data is never met."""

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.slos.model import Budget, BudgetState, Exhaustion, burn_rate, time_to_exhaustion

TARGETS = st.decimals("0.0001", "0.9999", places=4)
COUNTS = st.integers(0, 10**15)


@given(total=COUNTS, share=st.fractions(0, 1), target=TARGETS)
def test_a_budget_adds_up_to_the_last_event(total: int, share: Fraction, target: Decimal) -> None:
    bad = int(total * share)
    budget = Budget(bad, total, 1 - Fraction(target))
    if total == 0:
        assert budget.state is BudgetState.NO_DATA
        assert (budget.consumed_share, budget.left_share, budget.reached) == (None, None, None)
        return
    assert budget.consumed_share is not None
    assert budget.left_share is not None
    assert budget.allowed == budget.left + bad
    assert budget.consumed_share + budget.left_share == 1
    assert (budget.state is BudgetState.MET) == (Fraction(total - bad, total) >= Fraction(target))
    assert (budget.state is BudgetState.EXHAUSTED) == (budget.left_share < 0)


def test_a_budget_that_is_used_up_to_the_last_event_is_met() -> None:
    budget = Budget(1, 1_000, 1 - Fraction(Decimal("0.999")))
    assert budget.state is BudgetState.MET
    assert budget.left_share == 0
    assert Budget(2, 1_000, budget.allowed_share).state is BudgetState.EXHAUSTED


def test_an_empty_denominator_is_no_data_even_with_bad_ones() -> None:
    assert Budget(5, 0, Fraction(1, 100)).state is BudgetState.NO_DATA
    assert burn_rate(5, 0, Fraction(1, 100)) is None


@given(bad=st.integers(0, 50), good=st.integers(0, 50), allowed=st.fractions(Fraction(1, 1000), Fraction(999, 1000)))
def test_a_burn_is_the_share_of_bad_ones_against_the_allowed_share_counted_one_by_one(
    bad: int, good: int, allowed: Fraction
) -> None:
    events = [True] * bad + [False] * good
    random.Random(bad * 51 + good).shuffle(events)
    counted = Counter(events)
    burn = burn_rate(counted[True], len(events), allowed)
    assert burn == (None if not events else Fraction(sum(events), len(events)) / allowed)


@pytest.mark.parametrize(
    ("left", "burn", "ends_in", "expected"),
    [
        pytest.param(Fraction(1), Fraction(1), None, (Exhaustion.IN, timedelta(days=30)), id="a whole window"),
        pytest.param(Fraction(1, 2), Fraction(15), None, (Exhaustion.IN, timedelta(days=1)), id="half of it, 15 times"),
        pytest.param(Fraction(0), Fraction(1), None, (Exhaustion.EXHAUSTED, timedelta()), id="nothing left"),
        pytest.param(Fraction(-3), None, None, (Exhaustion.EXHAUSTED, timedelta()), id="less than nothing"),
        pytest.param(Fraction(1), Fraction(0), None, (Exhaustion.NOT_AT_THIS_BURN, None), id="nothing burns"),
        pytest.param(Fraction(1), None, None, (Exhaustion.UNKNOWN, None), id="nobody knows how fast"),
        pytest.param(None, Fraction(1), None, (Exhaustion.UNKNOWN, None), id="no data"),
        pytest.param(
            Fraction(1), Fraction(2), timedelta(days=14), (Exhaustion.NOT_AT_THIS_BURN, None), id="the month ends first"
        ),
        pytest.param(
            Fraction(1),
            Fraction(1, 10**30),
            None,
            (Exhaustion.NOT_AT_THIS_BURN, None),
            id="longer than time is counted",
        ),
    ],
)
def test_when_a_budget_ends(
    left: Fraction | None,
    burn: Fraction | None,
    ends_in: timedelta | None,
    expected: tuple[Exhaustion, timedelta | None],
) -> None:
    assert time_to_exhaustion(left, burn, window=timedelta(days=30), ends_in=ends_in) == expected
