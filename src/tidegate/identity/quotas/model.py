"""What is known of a quota, and how the answer to who may set it is reached. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tidegate.edge.quotas import Quota, QuotasSet

__all__ = [
    "HELD_SHARE",
    "MAX_AMOUNT",
    "Counts",
    "DayQuota",
    "Grant",
    "Limit",
    "held_at_once",
    "limits_of",
    "seconds_left",
]

MAX_AMOUNT = 10**12
"""The migration says the same."""
HELD_SHARE = 1_000
"""A process takes this part of a day's quota in advance: what a crash loses of it, and what another cannot use."""
_MOST_HELD = 10_000


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted for a workspace or a token."""

    used: Mapping[Quota, int]
    """Of quotas of a day: today, with what processes took in advance."""
    refused: Mapping[Quota, int]
    """How often each one refused something."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One quota of a workspace or of a token, with who says so."""

    quota: Quota
    amount: int | None
    """What holds; `None`: no limit."""
    ceiling: int | None
    """What the operator allows at most, by the workspace or by the server's default; `None`: no limit."""
    own: int | None
    """What an admin set; `None`: nothing."""
    used: int | None
    """Of a quota of a day, today (UTC); `None` for others, which are not kept."""
    refused: int


@dataclass(frozen=True, slots=True)
class DayQuota:
    """Whose quota of which day."""

    subject: str
    """A token, or empty for the whole workspace."""
    quota: Quota
    day: date


@dataclass(frozen=True, slots=True)
class Grant:
    """What a process got of a day's quota."""

    amount: int
    """How many rows it may let in; 0 when there was no room for what it needs."""
    left: int
    """What is left for everybody."""


def limits_of(set_: QuotasSet, defaults: Mapping[Quota, int], counts: Counts, *, is_token: bool) -> list[Limit]:
    """Return every quota; a token has no ceiling of its own: that of its workspace holds besides."""
    own = set_.token if is_token else set_.own
    found = []
    for quota in Quota:
        ceiling = None if is_token else set_.ceilings.get(quota, defaults.get(quota))
        amount = own.get(quota) if is_token else set_.of_workspace(quota, defaults)
        used = counts.used.get(quota, 0) if quota.period == "day" else None
        found.append(Limit(quota, amount, ceiling, own.get(quota), used, counts.refused.get(quota, 0)))
    return found


def held_at_once(amount: int) -> int:
    """Return how much of a day's quota a process takes in advance."""
    return max(1, min(amount // HELD_SHARE, _MOST_HELD))


def seconds_left(now: datetime) -> float:
    """Return how long the day still is, in UTC."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=now.tzinfo)
    return (midnight - now).total_seconds()
