"""How much of an error budget is left, from whole numbers, exactly. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

__all__ = ["Budget", "BudgetState", "Exhaustion", "burn_rate", "time_to_exhaustion"]

_MICROSECOND = timedelta(microseconds=1)


class BudgetState(StrEnum):
    """What a budget says. Without data it says nothing."""

    MET = "met"
    EXHAUSTED = "exhausted"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Budget:
    """What was allowed to go bad in a window, and what did."""

    bad: int
    total: int
    allowed_share: Fraction
    """1 - target: above 0 and below 1."""

    @property
    def state(self) -> BudgetState:
        if self.total <= 0:
            return BudgetState.NO_DATA
        return BudgetState.EXHAUSTED if self.bad > self.allowed else BudgetState.MET

    @property
    def allowed(self) -> Fraction:
        """How many may go bad: rarely a whole number."""
        return self.allowed_share * max(self.total, 0)

    @property
    def left(self) -> Fraction:
        """How many more may go bad; below 0 when more did than may."""
        return self.allowed - self.bad

    @property
    def reached(self) -> Fraction | None:
        """Share of good ones, to hold against the target."""
        return None if self.total <= 0 else 1 - Fraction(self.bad, self.total)

    @property
    def consumed_share(self) -> Fraction | None:
        """Share of the budget that is used up: above 1 when more is; `None` without data."""
        return None if self.total <= 0 else Fraction(self.bad) / self.allowed

    @property
    def left_share(self) -> Fraction | None:
        consumed = self.consumed_share
        return None if consumed is None else 1 - consumed


def burn_rate(bad: int, total: int, allowed_share: Fraction) -> Fraction | None:
    """Return how many times faster than allowed budget is used; `None` without data."""
    return None if total <= 0 else Fraction(bad, total) / allowed_share


class Exhaustion(StrEnum):
    """What is known of when the budget ends."""

    EXHAUSTED = "exhausted"
    IN = "in"
    NOT_AT_THIS_BURN = "not_at_this_burn"
    """Nothing burns, or the period ends first."""
    UNKNOWN = "unknown"


def time_to_exhaustion(
    left_share: Fraction | None, burn: Fraction | None, *, window: timedelta, ends_in: timedelta | None = None
) -> tuple[Exhaustion, timedelta | None]:
    """Return in which time the budget ends if all goes on as at present.

    At a burn of 1 a whole budget lasts a whole window. `ends_in` is what is left of a calendar period: what lasts
    longer than that lasts.
    """
    if left_share is not None and left_share <= 0:
        return Exhaustion.EXHAUSTED, timedelta()
    if left_share is None or burn is None:
        return Exhaustion.UNKNOWN, None
    longest = timedelta.max if ends_in is None else ends_in
    # As one product: nothing burns for ever.
    if burn == 0 or left_share * (window // _MICROSECOND) > burn * (longest // _MICROSECOND):
        return Exhaustion.NOT_AT_THIS_BURN, None
    return Exhaustion.IN, timedelta(microseconds=int(left_share * (window // _MICROSECOND) / burn))
