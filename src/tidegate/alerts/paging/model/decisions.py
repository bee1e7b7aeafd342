"""Why somebody was told of an alert, or was not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tidegate.alerts.paging.model.groups import Hush, HushKind
from tidegate.kernel import format_utc

__all__ = ["Decision", "DecisionKind", "hushed_words"]


class DecisionKind(StrEnum):
    """What was decided about one alert in one group."""

    WAITING = "waiting"
    """It waits until its group is told."""
    NO_ROUTE = "no_route"
    """It ends at a route that has no channel."""
    NOTIFIED = "notified"
    RESOLVED_NOTIFIED = "resolved_notified"
    ALREADY_NOTIFIED = "already_notified"
    """The same labels were told as firing before, in an episode that this one follows at once."""
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MUTED = "muted"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    OVER = "over"
    """It was over before it could be told, or its end is told to nobody."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision; written when it differs from the last one about this alert in this group."""

    alert_id: str
    group_id: str | None
    kind: DecisionKind
    at: datetime
    words: str
    """One sentence for the person who was woken, or was not."""
    cause: str = ""
    """What it rests on: id of the page, silence or alert, name of the interval."""
    channels: tuple[str, ...] = ()
    path: tuple[str, ...] = field(default=())
    """Routes from the root to the one of the group."""

    @property
    def is_told(self) -> bool:
        return self.kind in {DecisionKind.NOTIFIED, DecisionKind.RESOLVED_NOTIFIED, DecisionKind.ESCALATED}


def hushed_words(hush: Hush, details: Mapping[str, str]) -> str:
    """Return why a hushed alert is not told; `details` holds reasons of silences by id."""
    until = f" until {format_utc(hush.until)}" if hush.until is not None else ""
    if hush.kind is HushKind.SILENCED:
        return f"Silenced by {hush.by}{until}: {details.get(hush.by, 'no reason known')}"
    if hush.kind is HushKind.INHIBITED:
        return f"Inhibited by {hush.by}: what causes it is told already."
    return f"Muted by the time interval {hush.by}; looked at again{until.replace(' until', ' at')}."
