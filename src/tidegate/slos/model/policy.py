"""What follows when a budget runs low: the error-budget policy as data, and its decision. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from tidegate.kernel import format_utc

__all__ = ["BudgetPolicy", "PolicyDecision", "PolicyException", "PolicyState", "percent", "policy_state"]


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """When releases freeze, when they may go on, and who may let one through meanwhile."""

    freeze_at: Fraction = Fraction(0)
    """Releases freeze when this share of the budget, or less, is left."""
    lift_at: Fraction = Fraction(0)
    """They go on when more than this share is left again; not below `freeze_at`."""
    excepted_by: tuple[str, ...] = ("owner", "admin")
    """Roles whose members may let a release through a freeze."""
    is_frozen_without_data: bool = False


@dataclass(frozen=True, slots=True)
class PolicyException:
    """Somebody lets releases through a freeze for a while."""

    by: str
    role: str
    reason: str
    until: datetime


class PolicyState(StrEnum):
    OPEN = "open"
    FROZEN = "frozen"
    EXCEPTED = "excepted"
    """Frozen, and somebody who may lets releases through."""
    UNKNOWN = "unknown"
    """Without data nobody knows: not open, and not frozen unless the policy says so."""


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    state: PolicyState
    reason: str


def policy_state(
    policy: BudgetPolicy,
    left_share: Fraction | None,
    *,
    now: datetime,
    was_frozen: bool = False,
    exceptions: Sequence[PolicyException] = (),
) -> PolicyDecision:
    """Return whether releases may go out, and why.

    Once frozen, they stay so until more than `lift_at` of the budget is left: without data nothing is lifted.
    """
    if left_share is None and not was_frozen and not policy.is_frozen_without_data:
        return PolicyDecision(PolicyState.UNKNOWN, "There are no data: nobody knows how much budget is left.")
    if left_share is not None and left_share > (policy.lift_at if was_frozen else policy.freeze_at):
        return PolicyDecision(
            PolicyState.OPEN, f"{percent(left_share)} of the budget is left; it freezes at {percent(policy.freeze_at)}."
        )
    frozen = _why_frozen(policy, left_share, was_frozen=was_frozen)
    for one in exceptions:
        if one.until > now and one.role in policy.excepted_by and one.reason.strip():
            return PolicyDecision(
                PolicyState.EXCEPTED,
                f"{frozen} {one.by} lets releases through until {format_utc(one.until)}: {one.reason}",
            )
    return PolicyDecision(PolicyState.FROZEN, frozen)


def _why_frozen(policy: BudgetPolicy, left_share: Fraction | None, *, was_frozen: bool) -> str:
    if left_share is None:
        since = "since it was frozen" if was_frozen else "and the policy freezes without them"
        return f"There are no data {since}."
    until = f"it lifts above {percent(policy.lift_at if was_frozen else max(policy.lift_at, policy.freeze_at))}"
    return f"{percent(left_share)} of the budget is left; it freezes at {percent(policy.freeze_at)}, {until}."


def percent(share: Fraction) -> str:
    """Write a share for people: `12.5%`; never -0."""
    text = f"{float(share * 100):.4g}"
    return f"{'0' if text == '-0' else text}%"
