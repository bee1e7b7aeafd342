"""What is known of incidents, and how long they took."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.incidents.answers import Known
from tidegate.alerts.incidents.errors import IncidentNotFoundError
from tidegate.alerts.incidents.model import (
    MAX_ENTRIES,
    Incident,
    Likeness,
    SplitBy,
    Statistics,
    TimelineEntry,
    likeness_of,
    timeline_of,
)
from tidegate.alerts.incidents.ports import Changes, GateBook, IncidentFilter, IncidentStore, Records
from tidegate.alerts.incidents.service.leading import checked
from tidegate.alerts.incidents.timeline import entry_of
from tidegate.alerts.model import Alert
from tidegate.kernel import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    TimeRange,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
    format_utc,
    parse_utc,
)

__all__ = ["IncidentBook"]

MAX_PERIOD: Final = timedelta(days=366)
DEFAULT_PERIOD: Final = timedelta(days=30)
MOST_GROUPS: Final = 200
COMPARED: Final = 1_000  # of those that share something, the newest: likeness is counted for each
_ALIKE: Final = 5
_BEFORE: Final = timedelta(hours=2)  # what was changed so long before the first alert may have to do with it
_AFTER: Final = timedelta(minutes=10)


class IncidentBook:
    """Reads the incidents of a workspace. Timelines are read where things are recorded, and never copied."""

    def __init__(
        self, *, store: IncidentStore, records: Records, changes: Changes, gates: GateBook, clock: Clock
    ) -> None:
        self._store = store
        self._records = records
        self._changes = changes
        self._gates = gates
        self._clock = clock

    async def get(self, workspace: WorkspaceId, incident_id: str) -> Incident:
        """Return an incident.

        Raises:
            IncidentNotFoundError: the workspace has no such incident.
        """
        found = await self._store.find_incident(workspace, incident_id) if "\0" not in incident_id else None
        if found is None:
            raise IncidentNotFoundError(incident_id)
        return found

    async def look(self, workspace: WorkspaceId, incident_id: str) -> Known:
        """Return all that is known of an incident: alerts, timeline, gates, incidents like it.

        Raises:
            IncidentNotFoundError: the workspace has no such incident.
        """
        incident = await self.get(workspace, incident_id)
        alerts = await self._store.list_alerts(workspace, incident.id)
        timeline, is_whole = await self._timeline(workspace, incident, alerts)
        gates = await self._gates.list_reading(workspace, codes=incident.codes, services=incident.services)
        alike = await self._alike(workspace, incident)
        return Known(incident, tuple(alerts), timeline, is_whole, tuple(gates), alike)

    async def list_incidents(
        self,
        workspace: WorkspaceId,
        which: IncidentFilter,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: Cursor | None = None,
    ) -> Page[Incident]:
        """Return incidents, the newest first.

        Raises:
            InvalidInputError: a filter, the cursor or the limit is none.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInputError(f"The limit must lie between 1 and {MAX_LIMIT}.", field="limit")
        for name in ("service", "tenant", "code", "commander", "alert"):
            checked(getattr(which, name) or "", name, 2_000)
        after = _place_of(cursor) if cursor is not None else None
        found = await self._store.list_incidents(workspace, which, limit=limit + 1, after=after)
        items = tuple(found[:limit])
        more = len(found) > limit
        return Page(items, encode_cursor(f"{format_utc(items[-1].opened_at)} {items[-1].id}") if more else None)

    async def statistics(
        self, workspace: WorkspaceId, *, start: datetime | None, end: datetime | None, by: SplitBy | None
    ) -> Statistics:
        """Return how many incidents were opened in a period, and how long it took to acknowledge and resolve them.

        Raises:
            InvalidInputError: the period is empty, or longer than a year.
        """
        end = end or self._clock.now()
        try:
            window = TimeRange(start or end - DEFAULT_PERIOD, end)
        except OverflowError as error:
            raise InvalidInputError("`to` lies too early for a period before it.", field="to") from error
        if window.length > MAX_PERIOD:
            raise InvalidInputError(f"A period has at most {MAX_PERIOD.days} days.", field="from")
        return await self._store.statistics(workspace, window, by=by, limit=MOST_GROUPS)

    async def _timeline(
        self, workspace: WorkspaceId, incident: Incident, alerts: Sequence[Alert]
    ) -> tuple[tuple[TimelineEntry, ...], bool]:
        own = [entry_of(event) for event in await self._store.list_events(workspace, incident.id)]
        recorded = await self._records.list_recorded(workspace, alerts, limit=MAX_ENTRIES + 1)
        near = TimeRange(incident.started_at - _BEFORE, incident.started_at + _AFTER)
        changed = await self._changes.list_changes(workspace, near, services=incident.services)
        return timeline_of(own, [*recorded, *changed])

    async def _alike(self, workspace: WorkspaceId, incident: Incident) -> tuple[Likeness, ...]:
        found = await self._store.list_alike(workspace, incident, limit=COMPARED)
        likenesses = [likeness_of(incident, other) for other in found]
        return tuple(sorted(likenesses, key=lambda one: one.score, reverse=True)[:_ALIKE])  # of equals the newest first


def _place_of(cursor: Cursor) -> tuple[datetime, str]:
    moment, _, incident_id = decode_cursor(cursor).partition(" ")
    if not incident_id or "\0" in incident_id:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    try:
        return parse_utc(moment, field="cursor"), incident_id
    except OverflowError as error:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor") from error
