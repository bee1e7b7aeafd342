"""Who has taken an alert on. Pure data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = ["Care", "CareEvent", "CareKind"]


class CareKind(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Care:
    """Who has an alert now."""

    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    """Member, or credential without one."""
    assignee: str | None = None
    """A member."""


@dataclass(frozen=True, slots=True)
class CareEvent:
    """What somebody did about an alert."""

    kind: CareKind
    at: datetime
    by: str
    assignee: str | None = None
    note: str = ""
