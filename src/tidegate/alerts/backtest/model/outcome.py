"""What comes out of trying rules over recorded history. Pure data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.alerts.model import Alert, AlertKey, Rule, Severity, Transition
from tidegate.alerts.paging.model import PageReason
from tidegate.kernel import TimeRange

__all__ = ["Backtest", "Episode", "Incident", "Moved", "PageSaid", "Pages", "RuleOutcome", "Score", "Trial"]


@dataclass(frozen=True, slots=True)
class Incident:
    """What really happened; `None` fits all."""

    start: datetime
    end: datetime
    service: str | None = None
    tenant: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked."""

    file: bytes
    """A rule file; its rules count instead of those of the same code."""
    start: datetime
    end: datetime
    step_s: int | None = None
    """`None`: as fine as it was kept, a minute at the finest."""
    with_others: bool = True
    """Whether the other rules of the workspace are tried as well."""
    with_replayed: bool = False
    """Whether recordings that were replayed count, which live rules never see."""
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """One transition and whose it is."""

    key: AlertKey
    transition: Transition


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert from crossing the bound to its end, or to the end of what was looked at."""

    alert: Alert
    """As it stood last."""
    moves: tuple[Transition, ...]

    @property
    def has_fired(self) -> bool:
        return self.alert.fired_at is not None


@dataclass(frozen=True, slots=True)
class PageSaid:
    """One notice that would have been sent."""

    at: datetime
    route: str
    channels: tuple[str, ...]
    reason: str
    alert_count: int


@dataclass(frozen=True, slots=True)
class Pages:
    """Who would have been told, by the routing and the silences that the workspace has now."""

    pages: tuple[PageSaid, ...] = ()
    hushed_count: int = 0
    """Alerts that fired and that a silence, a mute or another alert kept back the whole time."""
    unrouted_count: int = 0
    """Alerts that fired and that no route with a channel takes."""
    by_code: Mapping[str, int] = field(default_factory=dict)
    """Notices that an alert of this rule stood in."""

    @property
    def first_count(self) -> int:
        """How often something new was told: what interrupts a person, repetitions and all-clears left out."""
        return sum(page.reason in {PageReason.FIRST, PageReason.NEW_ALERTS} for page in self.pages)


@dataclass(frozen=True, slots=True)
class Score:
    """How well episodes that fired fit incidents."""

    incident_count: int
    found_count: int
    """Incidents during which something fired that fits."""
    fired_count: int
    right_count: int
    """Episodes that fired during an incident that fits."""
    median_delay_s: float | None
    """From the start of an incident to what fired first during it; 0 where it fired already. `None`: none was found."""

    @property
    def precision(self) -> float | None:
        return self.right_count / self.fired_count if self.fired_count else None

    @property
    def recall(self) -> float | None:
        return self.found_count / self.incident_count if self.incident_count else None


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    code: str
    severity: Severity
    is_of_file: bool
    episode_count: int
    fired_count: int
    flapping_count: int
    firing_s: float
    """How long alerts of it fired, all of them together."""
    page_count: int
    score: Score | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """Everything that rules would have done."""

    window: TimeRange
    """What was looked at, in whole steps."""
    step_s: int
    finest_s: int
    """How fine this time can be read."""
    look_count: int
    rules: Sequence[Rule]
    widened: tuple[str, ...]
    """Codes of rules whose window is no whole number of steps: it was made longer."""
    moves: tuple[Moved, ...]
    """In the order in which they would have happened."""
    episodes: tuple[Episode, ...]
    outcomes: tuple[RuleOutcome, ...]
    """By code; rules under which nothing moved included."""
    pages: Pages
    score: Score | None
    """`None` without incidents to hold it against."""
