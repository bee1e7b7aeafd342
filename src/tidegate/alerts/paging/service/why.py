"""Why somebody was told of an alert, why not, and whether the way to people works."""

from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.model import Alert, AlertState
from tidegate.alerts.paging.answers import Why
from tidegate.alerts.paging.model import Care, Told
from tidegate.alerts.paging.ports import CareStore, Health, PageRow, PageStore, Place
from tidegate.alerts.paging.service.routing import RoutingService, labels_with
from tidegate.kernel import (
    AlertId,
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
    format_utc,
    parse_utc,
)

__all__ = ["LATE", "PagingService"]

LATE: Final = timedelta(
    seconds=60
)  # a turn is taken within 1 s of its moment; after sixty missed ones the way is broken
_MAX_DECISIONS: Final = 500


class PagingService:
    """Answers about pages."""

    def __init__(self, *, pages: PageStore, care: CareStore, routing: RoutingService, clock: Clock) -> None:
        self._pages = pages
        self._care = care
        self._routing = routing
        self._clock = clock

    async def why(self, workspace: WorkspaceId, alert: Alert, *, channel: str | None = None) -> Why:
        """Return what was decided about `alert`; with `channel`, what was decided for that one."""
        decisions = await self._pages.list_decisions(workspace, alert.id, limit=_MAX_DECISIONS)
        if channel is not None:
            decisions = [each for each in decisions if not each.is_told or channel in each.channels]
        places = await self._pages.list_places(workspace, alert.id)
        care = (await self._care.find_care(workspace, [alert.id])).get(alert.id, Care())
        events = await self._care.list_care_events(workspace, alert.id)
        told = [each for each in decisions if each.is_told]
        if told:
            answer = told[-1].words
        elif decisions:
            answer = decisions[-1].words
        else:
            answer = await self._undecided(workspace, alert)
        return Why(alert, answer, bool(told), tuple(decisions), tuple(places), care, tuple(events))

    async def _undecided(self, workspace: WorkspaceId, alert: Alert) -> str:
        if alert.fired_at is None:
            return "It has not fired: nobody is told of an alert before."
        if alert.state is AlertState.RESOLVED:
            return "Nobody was told: it fired before there was anything to tell by."
        tried = await self._routing.try_labels(workspace, labels_with(alert, {}), alert=alert)
        return "It fired before there was anything to tell by. Now: " + " ".join(each.words for each in tried)

    async def list_pages(
        self, workspace: WorkspaceId, *, channel: str | None, limit: int, cursor: Cursor | None
    ) -> Page[PageRow]:
        """Return what was told, the newest first; with `channel`, to that one."""
        after = _place_of(cursor) if cursor is not None else None
        found = await self._pages.list_pages(workspace, channel=channel, limit=limit + 1, after=after)
        items = tuple(found[:limit])
        return Page(items, encode_cursor(f"{format_utc(items[-1].at)} {items[-1].id}") if len(found) > limit else None)

    async def find_care(self, workspace: WorkspaceId, alerts: tuple[Alert, ...]) -> dict[AlertId, Care]:
        return dict(await self._care.find_care(workspace, [alert.id for alert in alerts]))

    async def health(self, workspace: WorkspaceId) -> Health:
        """Return what says that people may not be told although they should."""
        return await self._pages.health(workspace, late_at=self._clock.now() - LATE)


def is_waiting(place: Place, now: datetime) -> bool:
    return place.told is Told.NOTHING and place.next_at is not None and place.next_at > now


def _place_of(cursor: Cursor) -> tuple[datetime, str]:
    moment, _, page_id = decode_cursor(cursor).partition(" ")
    if not page_id:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return parse_utc(moment, field="cursor"), page_id
