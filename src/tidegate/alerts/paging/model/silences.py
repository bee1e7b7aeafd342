"""Silences and maintenance windows: what is not told for a while, why, and by whose word. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product
from typing import Final

from tidegate.alerts.paging.model.intervals import TimeInterval, is_within, next_change
from tidegate.alerts.paging.model.matchers import Matcher, matches

__all__ = ["MAX_RECURRING", "MAX_SILENCE", "Silence", "SilenceState", "covers_everything", "new_silence_problem"]

MAX_SILENCE: Final = timedelta(days=30)  # what is not to be told for longer is a matter of rules and routes
MAX_RECURRING: Final = timedelta(days=366)
# What no silence that means something in particular fits in all combinations.
_PROBES: Final = tuple(
    {"alertname": name, "severity": severity, "family": family, "service": service, **tenant}
    for name, severity, family, service, tenant in product(
        ("run_failure_rate_high", "zz9-probe"),
        ("P1", "P2"),
        ("auth", "ai_run"),
        ("zz9-one", "zz9-two"),
        ({}, {"tenant": "zz9-probe"}),
    )
)


class SilenceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that fit all `matchers` are not told from `starts_at` until before `ends_at`."""

    id: str
    matchers: tuple[Matcher, ...]
    reason: str
    starts_at: datetime
    ends_at: datetime
    created_by: str
    """Member, or credential without one."""
    created_at: datetime
    people: frozenset[str] = frozenset()
    """Persons (`usr_…`) who stand for it: who made it, and who confirmed it."""
    recurring: tuple[TimeInterval, ...] = ()
    """A maintenance window: within its time it holds in these intervals alone."""
    updated_at: datetime | None = None
    author: str = ""
    """Who made it, by the word of a tool that sent it; nobody proved that."""

    @property
    def is_confirmed(self) -> bool:
        """Whether two different people stand for it: what alerts without tolerance ask for."""
        return len(self.people) >= 2

    def state_at(self, now: datetime) -> SilenceState:
        if now < self.starts_at:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if now < self.ends_at else SilenceState.EXPIRED

    def holds_at(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at and (not self.recurring or is_within(self.recurring, now))

    def covers(self, labels: Mapping[str, str], *, is_zero_tolerance: bool) -> bool:
        return (not is_zero_tolerance or self.is_confirmed) and matches(self.matchers, labels)

    def next_change_at(self, now: datetime) -> datetime:
        """Return when it may hold no longer, for one that holds now."""
        return min(self.ends_at, next_change(self.recurring, now)) if self.recurring else self.ends_at


def covers_everything(matchers: Sequence[Matcher]) -> bool:
    """Return whether no alert could be told: all of a set of alerts that have nothing in common fit."""
    return all(matches(matchers, labels) for labels in _PROBES)


def new_silence_problem(silence: Silence, now: datetime) -> tuple[str, str] | None:
    """Return the field that is wrong and why, `None` when all is well."""
    longest = MAX_RECURRING if silence.recurring else MAX_SILENCE
    if not silence.matchers:
        return "matchers", "Say which alerts are meant: at least one matcher."
    if len(silence.reason.strip()) < 3:
        return "reason", "Say why: whoever is woken, or is not, will want to know."
    if silence.ends_at <= max(now, silence.starts_at):
        return "endsAt", "It has to end after it starts, and after now."
    if silence.ends_at - max(silence.starts_at, now) > longest:
        return "endsAt", f"It may last {longest.days} days at most."
    if silence.starts_at > now + MAX_RECURRING:
        return "startsAt", "It has to begin within a year."
    return None
