from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.jobs import Backoff
from tidegate.jobs.backoff import STANDARD_DELAYS

delays = st.lists(st.timedeltas(timedelta(0), timedelta(days=7)), min_size=1, max_size=12).map(tuple)
chances = st.floats(0, 1, exclude_max=True)


@given(delays, st.floats(0, 1), st.integers(-3, 100), chances)
def test_a_wait_lies_between_its_delay_and_the_spread_above_it(
    steps: tuple[timedelta, ...], spread: float, attempt: int, chance: float
) -> None:
    after = Backoff(steps, spread).after(attempt, random=lambda: chance)
    delay = steps[min(max(attempt, 1), len(steps)) - 1]
    assert delay <= after <= delay * (1 + spread)


@given(st.integers(1, 100), chances, chances)
def test_the_standard_waits_grow_whatever_chance_does(attempt: int, one: float, other: float) -> None:
    backoff = Backoff()
    sooner, later = backoff.after(attempt, random=lambda: one), backoff.after(attempt + 1, random=lambda: other)
    assert sooner <= later or attempt >= 7  # from ten hours on the spreads of two delays overlap


@given(st.lists(chances, min_size=11, max_size=11))
def test_twelve_attempts_take_at_least_five_days_and_at_most_a_week(chosen: list[float]) -> None:
    waits = [Backoff().after(n, random=lambda n=n: chosen[n - 1]) for n in range(1, 12)]  # type: ignore[misc]  # bound
    assert timedelta(days=5) <= sum(waits, timedelta(0)) <= timedelta(days=7)


def test_the_first_wait_is_five_seconds_and_the_last_a_day() -> None:
    assert (STANDARD_DELAYS[0], STANDARD_DELAYS[-1]) == (timedelta(seconds=5), timedelta(days=1))


@pytest.mark.parametrize(
    ("steps", "spread"),
    [
        pytest.param((), 0.1, id="none"),
        pytest.param((timedelta(seconds=-1),), 0.1, id="backwards"),
        pytest.param((timedelta(seconds=1),), 1.1, id="wide"),
    ],
)
def test_a_backoff_that_cannot_be_is_refused(steps: tuple[timedelta, ...], spread: float) -> None:
    with pytest.raises(ValueError, match="one delay at least"):
        Backoff(steps, spread)
