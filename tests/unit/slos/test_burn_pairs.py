"""Factors are the workbook's, and pairs that can never burn, or cannot be told, are refused with the reason."""

import json
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.slos.objectives import make, slices_file

from tidegate.slos.errors import ObjectiveInvalidError
from tidegate.slos.model import BurnPair, BurnSeverity, factor_of, least_count, pairs_for, problem_with
from tidegate.slos.objective_files import body_of, objective_of_body, parse_objectives

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(minutes=1)


def pair(long: timedelta, short: timedelta, factor: Fraction = Fraction(2)) -> BurnPair:
    return BurnPair(BurnSeverity.P1, long, short, factor)


def test_thirty_days_have_the_factors_of_the_workbook() -> None:
    pairs, left_out = pairs_for(allowed_share=Fraction(1, 1000), window=30 * DAY)
    assert [(one.severity.value, float(one.factor), one.long, one.short) for one in pairs] == [
        ("P1", 14.4, HOUR, 5 * MINUTE),
        ("P1", 6, 6 * HOUR, 30 * MINUTE),
        ("P2", 3, DAY, 2 * HOUR),
        ("P2", 1, 3 * DAY, 6 * HOUR),
    ]
    assert left_out == ()


def test_other_windows_scale_and_leave_out_what_makes_no_sense() -> None:
    pairs, left_out = pairs_for(allowed_share=Fraction(1, 1000), window=7 * DAY)
    assert [float(one.factor) for one in pairs] == [3.36, 1.4]
    assert all("below 1" in one.reason for one in left_out)


def test_a_low_target_leaves_out_factors_that_are_never_reached() -> None:
    pairs, left_out = pairs_for(allowed_share=Fraction(1, 10), window=30 * DAY)
    assert [float(one.factor) for one in pairs] == [6, 3, 1]
    assert "never be exceeded" in left_out[0].reason
    assert "it is 10." in left_out[0].reason


def test_a_day_keeps_the_factors_and_shrinks_the_windows() -> None:
    pairs, left_out = pairs_for(allowed_share=Fraction(1, 1000), window=DAY)
    assert [(one.severity.value, float(one.factor), one.long, one.short) for one in pairs] == [
        ("P1", 14.4, 5 * MINUTE, 2 * MINUTE),
        ("P1", 6, 12 * MINUTE, 2 * MINUTE),
        ("P2", 3, 48 * MINUTE, 4 * MINUTE),
        ("P2", 1, 144 * MINUTE, 12 * MINUTE),
    ]
    assert left_out == ()


def test_an_hour_leaves_out_what_would_burn_when_the_budget_is_gone() -> None:
    pairs, left_out = pairs_for(allowed_share=Fraction(1, 1000), window=HOUR)
    assert [(one.severity.value, one.words) for one in pairs] == [
        ("P1", "5m/2m at 6"), ("P2", "5m/2m at 3"), ("P2", "6m/2m at 1")
    ]  # fmt: skip
    assert "is reached when the budget of 1h is used up" in left_out[0].reason


@given(
    minutes=st.integers(60, 30 * 24 * 60), allowed=st.fractions(Fraction(1, 10**5), Fraction(1, 20)),
    burn=st.fractions(Fraction(1), Fraction(1000)),
)  # fmt: skip
def test_each_default_pair_of_each_window_burns_before_the_budget_is_gone(
    minutes: int, allowed: Fraction, burn: Fraction
) -> None:
    window = minutes * MINUTE
    pairs, _ = pairs_for(allowed_share=allowed, window=window)
    assert any(one.severity is BurnSeverity.P1 for one in pairs)
    for one in pairs:
        # From a good past on, so much of what comes is bad that it burns `burn` times as fast as it may.
        bad_share = min(max(burn, one.factor) * allowed, Fraction(1))
        reached_after = one.factor * allowed / bad_share * Fraction(one.long // MINUTE)
        assert reached_after <= Fraction(one.long // MINUTE)
        assert one.factor * allowed / bad_share * Fraction(one.short // MINUTE) <= reached_after
        used = reached_after * bad_share / (allowed * minutes)
        assert used < 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        pytest.param(pair(HOUR, HOUR), "shorter than the long one", id="as long as the long one"),
        pytest.param(pair(31 * DAY, HOUR), "longer than the objective's", id="beyond the window"),
        pytest.param(pair(HOUR, timedelta(seconds=30)), "finer than the data", id="half a minute"),
        pytest.param(pair(HOUR, timedelta(seconds=90)), "finer than the data", id="no whole minutes"),
        pytest.param(pair(HOUR, MINUTE, Fraction(0)), "above 0", id="no factor"),
        pytest.param(pair(HOUR, MINUTE, Fraction(100)), "never be exceeded", id="all events bad is just as fast"),
    ],
)
def test_an_impossible_pair_is_refused_with_its_reason(wrong: BurnPair, reason: str) -> None:
    problem = problem_with(wrong, allowed_share=Fraction(1, 100), window=30 * DAY)
    assert problem is not None
    assert reason in problem


@given(
    hours=st.integers(1, 720), long=st.integers(1, 720), share=st.fractions(Fraction(1, 1000), Fraction(1)),
    allowed=st.fractions(Fraction(1, 10**5), Fraction(99, 100)),
)  # fmt: skip
def test_a_burn_at_the_factor_uses_up_its_share_within_the_long_window(
    hours: int, long: int, share: Fraction, allowed: Fraction
) -> None:
    factor = factor_of(share, window=hours * HOUR, long=long * HOUR)
    used_a_window = factor * Fraction(long, hours)
    assert used_a_window == share
    told, left_out = pairs_for(allowed_share=allowed, window=hours * HOUR)
    assert len(told) + len(left_out) == 4
    assert all(problem_with(one, allowed_share=allowed, window=hours * HOUR) is None for one in told)


@pytest.mark.parametrize(
    ("target", "factor", "least"),
    [("0.999", "14.4", 70), ("0.999", "6", 167), ("0.99", "14.4", 20), ("0.9999", "14.4", 695), ("0.5", "1.5", 20)],
)
def test_one_bad_event_alone_is_no_burn_unless_the_pair_says_so(target: str, factor: str, least: int) -> None:
    allowed = 1 - Fraction(target)
    found = least_count(pair(HOUR, MINUTE, Fraction(factor)), allowed_share=allowed)
    assert found == least
    assert Fraction(1, found) / allowed < Fraction(factor)
    assert least_count(BurnPair(BurnSeverity.P1, HOUR, MINUTE, Fraction(factor), 3), allowed_share=allowed) == 3


def test_a_least_count_is_kept_and_slices_need_none() -> None:
    written = make(burn="[{severity: P1, long: 1h, short: 5m, factor: 14.4, minCount: 7}]")
    again = objective_of_body(json.loads(body_of(written)))
    assert again.burn_pairs == written.burn_pairs
    assert again.least_count(again.burn_pairs[0]) == 7
    [slices] = parse_objectives(slices_file())
    assert {slices.least_count(one) for one in slices.burn_pairs} == {1}
    for wrong in ("0", "1.5", "true"):
        with pytest.raises(ObjectiveInvalidError):
            make(burn=f"[{{severity: P1, long: 1h, short: 5m, factor: 14.4, minCount: {wrong}}}]")
