"""What follows when a budget runs low."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from tidegate.slos import BudgetPolicy, PolicyException, PolicyState, policy_state

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = BudgetPolicy(Fraction(0), Fraction(1, 10), ("admin",))


def exception(**changes: object) -> PolicyException:
    values: dict[str, object] = {"by": "Ada", "role": "admin", "reason": "a fix", "until": NOW + timedelta(hours=1)}
    return PolicyException(**(values | changes))  # type: ignore[arg-type]  # values by name


@pytest.mark.parametrize(
    ("left", "was_frozen", "expected"),
    [
        pytest.param(Fraction(1, 20), False, PolicyState.OPEN, id="little is left"),
        pytest.param(Fraction(0), False, PolicyState.FROZEN, id="nothing is left"),
        pytest.param(Fraction(1, 20), True, PolicyState.FROZEN, id="not lifted by a little"),
        pytest.param(Fraction(1, 10), True, PolicyState.FROZEN, id="at the bound it stays"),
        pytest.param(Fraction(11, 100), True, PolicyState.OPEN, id="lifted above the bound"),
        pytest.param(None, False, PolicyState.UNKNOWN, id="without data nobody knows"),
        pytest.param(None, True, PolicyState.FROZEN, id="without data nothing is lifted"),
    ],
)
def test_a_policy_freezes_and_lifts(left: Fraction | None, was_frozen: bool, expected: PolicyState) -> None:  # noqa: FBT001 - a case
    decision = policy_state(POLICY, left, now=NOW, was_frozen=was_frozen)
    assert decision.state is expected
    assert decision.reason.endswith(".")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(exception(), PolicyState.EXCEPTED, id="who may"),
        pytest.param(exception(role="engineer"), PolicyState.FROZEN, id="who may not"),
        pytest.param(exception(until=NOW), PolicyState.FROZEN, id="over"),
        pytest.param(exception(reason=" "), PolicyState.FROZEN, id="without a reason"),
    ],
)
def test_an_exception_counts_from_who_may_with_a_reason_until_it_ends(
    one: PolicyException, expected: PolicyState
) -> None:
    decision = policy_state(POLICY, Fraction(-1), now=NOW, exceptions=[one])
    assert decision.state is expected
    assert ("Ada" in decision.reason) is (expected is PolicyState.EXCEPTED)


def test_a_policy_may_freeze_without_data() -> None:
    policy = BudgetPolicy(is_frozen_without_data=True)
    assert policy_state(policy, None, now=NOW).state is PolicyState.FROZEN
