"""Taking an alert on: acknowledge, assign, note."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from tidegate.alerts.errors import AlertNotFoundError
from tidegate.alerts.model import AlertState
from tidegate.alerts.paging.errors import AlertOverError, AssigneeUnknownError
from tidegate.alerts.paging.model import Care, CareEvent, CareKind, Decision, DecisionKind, Told, stable_id
from tidegate.alerts.paging.ports import (
    CareStore,
    Channel,
    Courier,
    Group,
    GroupMember,
    PageStore,
    Place,
    RoutingStore,
    Schedules,
)
from tidegate.alerts.paging.service.duties import duties_in, receivers_of
from tidegate.alerts.paging.service.telling import Telling, Writer
from tidegate.audit import AuditTrail, Doer
from tidegate.kernel import AlertId, Clock, InvalidInputError, WorkspaceId
from tidegate.storage import Connection

__all__ = ["CareService", "Members"]

_MAX_NOTE = 2_000


class Members(Protocol):
    """Knows who belongs to a workspace."""

    async def is_person(self, workspace: WorkspaceId, member: str) -> bool: ...


class Transactions(Protocol):
    """Opens transactions of one workspace."""

    def transaction(self, workspace: WorkspaceId) -> AbstractAsyncContextManager[Connection]: ...


class CareService:
    """Who has which alert."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        care: CareStore,
        pages: PageStore,
        routings: RoutingStore,
        schedules: Schedules,
        courier: Courier,
        writer: Writer,
        members: Members,
        trail: AuditTrail,
        transactions: Transactions,
        clock: Clock,
    ) -> None:
        self._care = care
        self._pages = pages
        self._routings = routings
        self._schedules = schedules
        self._courier = courier
        self._writer = writer
        self._members = members
        self._trail = trail
        self._transactions = transactions
        self._clock = clock

    async def acknowledge(self, workspace: WorkspaceId, alert_id: AlertId, *, note: str = "", by: Doer) -> Care:
        """Say that one has seen to it: it is not repeated and not escalated. The first one stays the one who did.

        Raises:
            AlertNotFoundError: the workspace has no such alert.
            AlertOverError: it is resolved.
        """
        _check_note(note)
        channels = await self._courier.channels(workspace)
        who = by.member or by.actor
        now = self._clock.now()
        async with self._transactions.transaction(workspace) as connection:
            care = await self._locked(connection, workspace, alert_id)
            if care.acknowledged_at is not None:
                return care
            care = replace(care, acknowledged_at=now, acknowledged_by=who)
            event = CareEvent(CareKind.ACKNOWLEDGED, now, who, note=note)
            await self._care.set_care_in(connection, workspace, alert_id, care=care, event=event)
            await self._tell(connection, workspace, alert_id, event=event, channels=channels)
            await self._trail.append(workspace, by.deed("alerts:acknowledge", f"alert/{alert_id}"), within=connection)
        return care

    async def assign(
        self, workspace: WorkspaceId, alert_id: AlertId, assignee: str | None, *, note: str = "", by: Doer
    ) -> Care:
        """Give it to a person, or to nobody; the same person again changes nothing.

        Raises:
            AlertNotFoundError: the workspace has no such alert.
            AlertOverError: it is resolved.
            AssigneeUnknownError: no person of the workspace has this id.
        """
        _check_note(note)
        if assignee is not None and not await self._members.is_person(workspace, assignee):
            raise AssigneeUnknownError
        now = self._clock.now()
        async with self._transactions.transaction(workspace) as connection:
            care = await self._locked(connection, workspace, alert_id)
            if care.assignee == assignee:
                return care
            care = replace(care, assignee=assignee)
            event = CareEvent(CareKind.ASSIGNED, now, by.member or by.actor, assignee, note)
            await self._care.set_care_in(connection, workspace, alert_id, care=care, event=event)
            deed = by.deed("alerts:assign", f"alert/{alert_id}", assignee=assignee)
            await self._trail.append(workspace, deed, within=connection)
        return care

    async def note(self, workspace: WorkspaceId, alert_id: AlertId, text: str, *, by: Doer) -> CareEvent:
        """Write something down about an alert, over or not.

        Raises:
            AlertNotFoundError: the workspace has no such alert.
        """
        _check_note(text)
        if not text.strip():
            raise InvalidInputError("The note is empty.", field="note")
        event = CareEvent(CareKind.NOTED, self._clock.now(), by.member or by.actor, note=text)
        async with self._transactions.transaction(workspace) as connection:
            care = await self._locked(connection, workspace, alert_id, may_be_over=True)
            await self._care.set_care_in(connection, workspace, alert_id, care=care, event=event)
            await self._trail.append(workspace, by.deed("alerts:note", f"alert/{alert_id}"), within=connection)
        return event

    async def _locked(
        self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId, *, may_be_over: bool = False
    ) -> Care:
        found = await self._care.lock_care_in(connection, workspace, alert_id) if "\0" not in alert_id else None
        if found is None:
            raise AlertNotFoundError(alert_id)
        state, care = found
        if state == AlertState.RESOLVED and not may_be_over:
            raise AlertOverError
        return care

    async def _tell(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        alert_id: AlertId,
        *,
        event: CareEvent,
        channels: Mapping[str, Channel],
    ) -> None:
        """Write down that nobody is called again, and tell the channels that want to know."""
        places = await self._pages.list_places_in(connection, workspace, alert_id)
        stored = await self._routings.find_routing_in(connection, workspace)
        words = f"Acknowledged by {event.by}: neither repeated nor escalated."
        await self._pages.add_decisions_in(
            connection,
            workspace,
            [
                Decision(
                    alert_id, place.group_id, DecisionKind.ACKNOWLEDGED, event.at, words, event.by, path=place.path
                )
                for place in places
            ],
        )
        for place in places:
            route = stored.routing.route(place.route_id)
            if route is None or not route.send_acknowledged:
                continue
            members = await self._pages.list_members_in(connection, workspace, place.group_id)
            own = tuple(member for member in members if member.alert.id == alert_id)
            waiting = [each for each in members if each not in own and _waits(each)]
            page_id = stable_id("pge", workspace, place.group_id, alert_id, "acknowledged")
            duties = await duties_in(self._schedules, connection, workspace, route, channels=channels, at=event.at)
            told = tuple(name for name in receivers_of(route, duties) if name in channels)
            reason = f"acknowledged by {event.by}"
            telling = Telling(page_id, _group(place), "alert.acknowledged", reason, told, own, event.at, len(waiting))
            await self._courier.enqueue(connection, workspace, self._writer.messages(workspace, telling, channels))
            await self._pages.add_pages_in(connection, workspace, [telling.row()])


def _waits(member: GroupMember) -> bool:
    return member.is_firing and member.told is Told.FIRING and member.care.acknowledged_at is None


def _group(place: Place) -> Group:
    return Group(
        place.group_id, "", place.route_id, place.group_key, place.group_labels, place.started_at, place.next_at, 0, 0,
        None, place.last_sent_at, frozenset(),
    )  # fmt: skip


def _check_note(note: str) -> None:
    if len(note) > _MAX_NOTE or "\0" in note:
        raise InvalidInputError(f"A note has at most {_MAX_NOTE} characters.", field="note")
