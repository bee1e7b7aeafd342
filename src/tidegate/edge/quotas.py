"""Quotas: how much a workspace, or one of its tokens, may ask and send. Pure: what they are, and two ways to count.

What is set travels with the proven caller, so a change is in force as soon as a credential is looked up anew: within
two seconds, in every process, as a revocation is. Who counts what is said by `edge.limits` (requests) and
`identity.quotas` (telemetry).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, TypeVar

from tidegate.kernel import TooManyRequestsError, WorkspaceId

__all__ = [
    "BURST_S",
    "NOTHING_SET",
    "Debts",
    "Minutes",
    "OnRefused",
    "Quota",
    "QuotaExceededError",
    "QuotasSet",
]

BURST_S: Final = 10
"""How many seconds' worth of telemetry may come at once: exporters send every 5 s, some in one body."""
_MINUTE_S: Final = 60
_MOST_KEPT: Final = 10_000  # 2 MB; each is a workspace or token that asked lately

OnRefused = Callable[[WorkspaceId, str, "Quota"], None]
"""Hears which quota refused something: the workspace, the token (empty: of the whole workspace), the quota."""


class Quota(StrEnum):
    """What can be limited."""

    REQUESTS_PER_MINUTE = "requests_per_minute"
    """Of the API and the pages, telemetry not counted."""
    SPANS_PER_SECOND = "spans_per_second"
    SPANS_PER_DAY = "spans_per_day"
    LOGS_PER_SECOND = "logs_per_second"
    LOGS_PER_DAY = "logs_per_day"
    POINTS_PER_SECOND = "points_per_second"
    POINTS_PER_DAY = "points_per_day"

    @property
    def thing(self) -> str:
        return _THINGS[self.value.partition("_")[0]]

    @property
    def field(self) -> str:
        """How JSON calls it."""
        first, *others = self.value.split("_")
        return first + "".join(map(str.capitalize, others))

    @property
    def period(self) -> str:
        return self.value.rpartition("_")[2]


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_THINGS: Final = {"requests": "requests", "spans": "spans", "logs": "log records", "points": "metric points"}


@dataclass(frozen=True, slots=True)
class QuotasSet:
    """What is set for a caller, over the defaults of the server."""

    ceilings: Mapping[Quota, int | None] = field(default_factory=dict)
    """By the operator for the workspace; `None`: no limit. Takes the place of the server's default."""
    own: Mapping[Quota, int] = field(default_factory=dict)
    """By an admin for the workspace: lowers, never raises."""
    token: Mapping[Quota, int] = field(default_factory=dict)
    """By an admin for the token alone."""

    def of_workspace(self, quota: Quota, defaults: Mapping[Quota, int]) -> int | None:
        """Return how much the workspace may; `None` for no limit."""
        ceiling = self.ceilings[quota] if quota in self.ceilings else defaults.get(quota)
        own = self.own.get(quota)
        if ceiling is None or own is None:
            return own if ceiling is None else ceiling
        return min(ceiling, own)

    def in_force(self, quota: Quota, token: str, defaults: Mapping[Quota, int]) -> Iterator[tuple[str, int]]:
        """Yield for whom there is a limit and how much that is: `token` alone first, then, as "", the workspace."""
        of_token = self.token.get(quota)
        if of_token is not None:
            yield token, of_token
        of_workspace = self.of_workspace(quota, defaults)
        if of_workspace is not None:
            yield "", of_workspace


NOTHING_SET: Final = QuotasSet()


class QuotaExceededError(TooManyRequestsError):
    """A quota has no room for this; nothing of it was done."""

    code: ClassVar[str] = "quota_exceeded"

    def __init__(self, quota: Quota, *, subject: str, amount: int, retry_after_s: float) -> None:
        whose = "This token" if subject else "This workspace"
        who = "An admin changes" if subject else "`tidegate limits show` says who set it; the operator raises"
        super().__init__(
            f"{whose} may have {amount:,} {quota.thing} a {quota.period} (quota `{quota}`), and this is more. "
            f"Nothing of it was done: {_when(retry_after_s)}. {who} it with `tidegate limits set`.",
            retry_after_s=retry_after_s,
        )
        self.quota = quota
        self.amount = amount


def _when(wait_s: float) -> str:
    if wait_s < 120:  # below that, people count seconds
        return f"send it again in {max(wait_s, 1):.0f} s"
    hours, minutes = divmod(-(-int(wait_s) // 60), 60)
    return f"send it again in {hours} h {minutes} min" if hours else f"send it again in {minutes} min"


class Minutes:
    """Counts within the last sixty seconds, by minutes of the clock: what the one before had is taken as even.

    No more than the amount goes through in a minute of the clock, and no second has twice its share.
    """

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], tuple[int, int, int]] = {}

    def take(self, key: tuple[str, str], amount: int, now_s: float) -> float:
        """Count one more for `key` and return 0; or count nothing and return after how many seconds there is room."""
        minute, passed_s = divmod(now_s, _MINUTE_S)
        known, before, count = self._counted.get(key, (int(minute), 0, 0))
        if known != int(minute):
            before, count = (count if known == int(minute) - 1 else 0), 0
        room = amount - count - 1
        if room < 0:
            return _MINUTE_S - passed_s + _MINUTE_S / amount
        if before * (1 - passed_s / _MINUTE_S) > room:
            return _MINUTE_S * (1 - room / before) - passed_s
        _keep(self._counted, key, (int(minute), before, count + 1))
        return 0.0


class Debts:
    """Counts what comes in bodies of any size, by a rate a second: a bucket that may be overdrawn.

    What comes is let in while anything is left of ten seconds' worth, however much it is; then nothing is, until
    the rate has made up for it. So no body is too large for a small rate, and in the long run the rate holds.
    """

    def __init__(self) -> None:
        self._levels: dict[tuple[str, str, Quota], tuple[float, float]] = {}

    def wait_s(self, key: tuple[str, str, Quota], rate: int, now_s: float) -> float:
        """Return after how many seconds something is let in; 0 for now. Nothing is counted."""
        level = self._level(key, rate, now_s)
        return 0.0 if level > 0 else max(-level / rate, 0.1)

    def take(self, key: tuple[str, str, Quota], rate: int, count: int, now_s: float) -> None:
        """Count `count`; below 0, it is given back."""
        level = self._level(key, rate, now_s) - count
        _keep(self._levels, key, (min(level, float(rate * BURST_S)), now_s))

    def _level(self, key: tuple[str, str, Quota], rate: int, now_s: float) -> float:
        level, at_s = self._levels.get(key, (float(rate * BURST_S), now_s))
        return min(level + max(now_s - at_s, 0.0) * rate, float(rate * BURST_S))


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Put `value` last; beyond the most that is kept, who asked longest ago begins anew."""
    kept.pop(key, None)
    while len(kept) >= _MOST_KEPT:
        del kept[next(iter(kept))]
    kept[key] = value
