"""What is asked of incidents, and what is answered. Pure data."""

from dataclasses import dataclass

from tidegate.alerts.incidents.model import GatePlace, Incident, IncidentSeverity, Likeness, TimelineEntry
from tidegate.alerts.model import Alert

__all__ = ["KEEP", "Change", "Keep", "Known", "OpenWish"]


@dataclass(frozen=True, slots=True)
class OpenWish:
    """What a person asks for; what they leave out is taken from the alerts."""

    alert_ids: tuple[str, ...] = ()
    group_id: str | None = None
    title: str = ""
    severity: IncidentSeverity | None = None
    commander: str | None = None
    note: str = ""


class Keep:
    """Stands for what a change leaves as it is: nobody (`None`) is a commander to set."""


KEEP = Keep()


@dataclass(frozen=True, slots=True)
class Change:
    title: str | None = None
    severity: IncidentSeverity | None = None
    commander: str | Keep | None = KEEP
    note: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of an incident."""

    incident: Incident
    alerts: tuple[Alert, ...]
    timeline: tuple[TimelineEntry, ...]
    """In order."""
    is_whole: bool
    """Whether the timeline has all that is recorded; if not, the first of it and every step of the incident itself."""
    gates: tuple[GatePlace, ...]
    """As they are now."""
    alike: tuple[Likeness, ...]
    """Opened before it, the most like first."""
