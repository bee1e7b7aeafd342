"""What people ask for and are answered. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import Matcher

__all__ = ["Shown", "ShownGroup", "Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts somebody asks for."""

    matchers: tuple[Matcher, ...] = ()
    receiver: Matcher | None = None
    """Holds the name of a receiver against an expression."""
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    unprocessed: bool = True
    """Of those there are none: an alert stands in its groups when it is stored."""
    muted: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """One alert, with who is told of it and what keeps it back."""

    alert: Alert
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    generator_url: str
    fingerprint: str
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()

    @property
    def is_suppressed(self) -> bool:
        return bool(self.silenced_by or self.inhibited_by or self.muted_by)


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """Alerts that one receiver is told of together."""

    labels: Mapping[str, str]
    receiver: str
    alerts: tuple[Shown, ...]
