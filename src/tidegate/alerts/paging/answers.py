"""What people ask for and are answered. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import Care, CareEvent, Decision, Hush, Matched, Matcher, TimeInterval
from tidegate.alerts.paging.ports import Place, StoredRouting

__all__ = ["Preview", "RoutingPlan", "SilenceWish", "Tried", "Why"]


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """What applying a file would change."""

    current: StoredRouting
    digest: str
    changes: tuple[str, ...]
    """Lines of a difference; none when nothing would."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One route that an alert with these labels ends at, now."""

    matched: Matched
    group_labels: Mapping[str, str]
    hush: Hush | None
    words: str
    """Who is told, or why nobody is."""
    channels: tuple[str, ...] = ()
    """Those that would be told, whoever is on call among them."""


@dataclass(frozen=True, slots=True)
class SilenceWish:
    """What somebody wants silenced."""

    matchers: tuple[Matcher, ...]
    reason: str
    starts_at: datetime | None
    """`None`: now."""
    ends_at: datetime
    recurring: tuple[TimeInterval, ...] = ()
    covers_all: bool = False
    """Whether it is meant to cover every alert."""
    author: str = ""
    """Who makes it, by the word of a tool that sends it for somebody."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What matchers cover now."""

    count: int
    alerts: tuple[Alert, ...]
    """The first of them."""
    zero_tolerance_count: int
    """Of them, those that stay loud until a second person confirms."""
    covers_everything: bool


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that was decided about telling of one alert."""

    alert: Alert
    answer: str
    """One sentence: told when and to whom, or why not."""
    is_told: bool
    decisions: tuple[Decision, ...]
    """In order."""
    places: tuple[Place, ...]
    care: Care
    events: tuple[CareEvent, ...]
