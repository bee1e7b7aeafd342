"""Steps of an incident as lines of its timeline. Pure."""

from collections.abc import Mapping
from typing import Final

from tidegate.alerts.incidents.model import EntryKind, EventKind, IncidentEvent, TimelineEntry

__all__ = ["TITLES", "entry_of"]

TITLES: Final[Mapping[EventKind, str]] = {
    EventKind.OPENED: "Incident opened",
    EventKind.ACKNOWLEDGED: "Incident acknowledged",
    EventKind.MITIGATED: "Incident mitigated",
    EventKind.RESOLVED: "Incident resolved",
    EventKind.REOPENED: "Incident reopened",
    EventKind.NOTED: "Noted",
    EventKind.ALERTS_ADDED: "Alerts added",
    EventKind.CHANGED: "Incident changed",
}
_NAMED: Final = 5  # alerts that a line names; the record has all of them


def entry_of(event: IncidentEvent) -> TimelineEntry:
    """Return the line of one step."""
    words = " ".join(part for part in (_words(event), event.note) if part)
    return TimelineEntry(event.source, EntryKind.INCIDENT, event.at, TITLES[event.kind], words, by=event.by)


def _words(event: IncidentEvent) -> str:
    details = event.details
    if event.kind in {EventKind.OPENED, EventKind.ALERTS_ADDED}:
        said = _alerts(details.get("alerts"))
        return f"{said} {details['severity']}." if event.kind is EventKind.OPENED else said
    if event.kind is EventKind.CHANGED:
        return " ".join(_changed(name, change) for name, change in sorted(details.items()))
    count = details.get("openAlerts")
    return f"{count} of its alerts {'was' if count == 1 else 'were'} open still." if count else ""


def _alerts(named: object) -> str:
    alerts = [str(each) for each in named] if isinstance(named, list | tuple) else []
    more = f" and {len(alerts) - _NAMED} more" if len(alerts) > _NAMED else ""
    return f"With {', '.join(alerts[:_NAMED])}{more}."


def _changed(name: str, change: object) -> str:
    before, after = change if isinstance(change, list | tuple) else (None, change)
    return f"{name.capitalize()}: {before or 'nobody'} → {after or 'nobody'}."
