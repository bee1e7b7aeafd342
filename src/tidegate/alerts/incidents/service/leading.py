"""Opening incidents and leading them to their end."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tidegate.alerts.errors import AlertNotFoundError
from tidegate.alerts.incidents.answers import Change, Keep, OpenWish
from tidegate.alerts.incidents.errors import (
    AlertGroupNotFoundError,
    AlertInIncidentError,
    CommanderUnknownError,
    IncidentBurnsError,
    IncidentChangedError,
    IncidentNotFoundError,
    IncidentStateError,
)
from tidegate.alerts.incidents.model import (
    MAX_ALERTS,
    MAX_TITLE,
    EventKind,
    Incident,
    IncidentEvent,
    IncidentId,
    Move,
    moved,
    next_event,
    opened,
    with_alerts,
)
from tidegate.alerts.incidents.ports import IncidentStore, Members, Transactions
from tidegate.alerts.model import Alert
from tidegate.audit import AuditTrail, Doer
from tidegate.kernel import Clock, IdFactory, InvalidInputError, WorkspaceId
from tidegate.storage import Connection

__all__ = ["IncidentService", "checked"]

MAX_NOTE: Final = 2_000


class IncidentService:
    """The incidents of a workspace. Every step is an event with a number, recorded with who took it."""

    def __init__(
        self,
        *,
        store: IncidentStore,
        members: Members,
        trail: AuditTrail,
        transactions: Transactions,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._store = store
        self._members = members
        self._trail = trail
        self._transactions = transactions
        self._ids = ids
        self._clock = clock

    async def open(self, workspace: WorkspaceId, wish: OpenWish, *, by: Doer) -> Incident:
        """Open an incident of alerts, or of those that fire in a group.

        Raises:
            AlertNotFoundError, AlertGroupNotFoundError: the workspace has no such alert, or no such group now.
            AlertInIncidentError: an alert belongs to an incident that is not resolved.
            CommanderUnknownError: no person of the workspace.
        """
        title = checked(wish.title, "title", MAX_TITLE)
        note = checked(wish.note, "note", MAX_NOTE)
        await self._check_commander(workspace, wish.commander)
        async with self._transactions.transaction(workspace) as connection:
            await self._store.lock_in(connection, workspace)
            alerts = await self._wanted(connection, workspace, wish.alert_ids, wish.group_id)
            incident, event = opened(
                IncidentId(self._ids.new_id("inc")), alerts, at=self._clock.now(), by=by.member or by.actor,
                title=title, severity=wish.severity, commander=wish.commander, note=note,
            )  # fmt: skip
            await self._store.add_in(connection, workspace, incident, event)
            await self._put_alerts(connection, workspace, incident, alerts, at=event.at)
            deed = by.deed("incidents:open", f"incident/{incident.id}", alerts=len(alerts), severity=incident.severity)
            await self._trail.append(workspace, deed, within=connection)
        return incident

    async def add_alerts(
        self, workspace: WorkspaceId, incident_id: str, alert_ids: Sequence[str], *, sequence: int | None, by: Doer
    ) -> Incident:
        """Put more alerts into an incident; those that it has already are passed over.

        Raises:
            IncidentNotFoundError, IncidentChangedError, AlertNotFoundError, AlertInIncidentError: as they say.
            IncidentStateError: it is resolved.
        """
        async with self._transactions.transaction(workspace) as connection:
            await self._store.lock_in(connection, workspace)
            incident = await self._held(connection, workspace, incident_id, sequence)
            if not incident.is_open:
                raise IncidentStateError(incident.state, "take more alerts")
            known = await self._store.list_alert_ids_in(connection, workspace, incident.id)
            new = tuple(dict.fromkeys(each for each in alert_ids if each not in known))
            if not new and alert_ids:
                return incident
            alerts = await self._wanted(connection, workspace, new, None)
            if incident.alert_count + len(alerts) > MAX_ALERTS:
                raise InvalidInputError(f"An incident has at most {MAX_ALERTS} alerts.", field="alertIds")
            after, event = next_event(
                incident, EventKind.ALERTS_ADDED, at=self._clock.now(), by=by.member or by.actor, alerts=sorted(new)
            )
            after = with_alerts(after, alerts)
            await self._store.set_in(connection, workspace, after, event)
            await self._put_alerts(connection, workspace, after, alerts, at=event.at)
            deed = by.deed("incidents:add-alerts", f"incident/{incident.id}", alerts=len(alerts))
            await self._trail.append(workspace, deed, within=connection)
        return after

    async def move(  # noqa: PLR0913 - what a step says
        self,
        workspace: WorkspaceId,
        incident_id: str,
        move: Move,
        *,
        note: str = "",
        sequence: int | None = None,
        despite_open_alerts: bool = False,
        by: Doer,
    ) -> Incident:
        """Take a step: acknowledge, mitigate, resolve, reopen.

        Raises:
            IncidentNotFoundError, IncidentChangedError: as they say.
            IncidentStateError: its state does not allow the step.
            IncidentBurnsError: it is to be resolved while alerts of it are open, and nobody said that they know.
            AlertInIncidentError: it is to be reopened, and an alert of it belongs to another one by now.
        """
        note = checked(note, "note", MAX_NOTE)
        async with self._transactions.transaction(workspace) as connection:
            if move is Move.REOPEN:
                await self._store.lock_in(connection, workspace)
            incident = await self._held(connection, workspace, incident_id, sequence)
            details = {}
            if move is Move.RESOLVE:
                open_count = await self._store.count_open_alerts_in(connection, workspace, incident.id)
                if open_count and incident.is_open and not despite_open_alerts:
                    raise IncidentBurnsError(open_count)
                details = {"openAlerts": open_count}
            taken = moved(incident, move, at=self._clock.now(), by=by.member or by.actor, note=note, **details)
            if taken is None:
                raise IncidentStateError(incident.state, move)
            if not incident.is_open:
                own = await self._store.list_alert_ids_in(connection, workspace, incident.id)
                await self._refuse_held(connection, workspace, own)
            await self._write(connection, workspace, taken, f"incidents:{move}", by=by)
        return taken[0]

    async def note(self, workspace: WorkspaceId, incident_id: str, text: str, *, by: Doer) -> IncidentEvent:
        """Write something down about an incident, resolved or not.

        Raises:
            IncidentNotFoundError: the workspace has no such incident.
        """
        text = checked(text, "note", MAX_NOTE)
        if not text.strip():
            raise InvalidInputError("The note is empty.", field="note")
        async with self._transactions.transaction(workspace) as connection:
            incident = await self._held(connection, workspace, incident_id, None)
            taken = next_event(incident, EventKind.NOTED, at=self._clock.now(), by=by.member or by.actor, note=text)
            await self._write(connection, workspace, taken, "incidents:note", by=by)
        return taken[1]

    async def change(
        self, workspace: WorkspaceId, incident_id: str, change: Change, *, sequence: int, by: Doer
    ) -> Incident:
        """Change title, severity or commander of the incident as it was after event `sequence`.

        Raises:
            IncidentNotFoundError: the workspace has no such incident.
            IncidentChangedError: it has a later event.
            CommanderUnknownError: no person of the workspace.
        """
        if change.title is not None and not checked(change.title, "title", MAX_TITLE).strip():
            raise InvalidInputError("The title is empty.", field="title")
        note = checked(change.note, "note", MAX_NOTE)
        if not isinstance(change.commander, Keep):
            await self._check_commander(workspace, change.commander)
        async with self._transactions.transaction(workspace) as connection:
            incident = await self._held(connection, workspace, incident_id, sequence)
            wanted: dict[str, str | None] = {
                name: value
                for name, value in (("title", change.title), ("severity", change.severity))
                if value is not None
            }
            if not isinstance(change.commander, Keep):
                wanted["commander"] = change.commander
            changes = {
                name: [getattr(incident, name), value]
                for name, value in wanted.items()
                if getattr(incident, name) != value
            }
            if not changes:
                return incident
            after, event = next_event(
                incident, EventKind.CHANGED, at=self._clock.now(), by=by.member or by.actor, note=note, **changes
            )
            after = replace(after, **{name: value[1] for name, value in changes.items()})
            await self._write(connection, workspace, (after, event), "incidents:change", by=by)
        return after

    async def _held(
        self, connection: Connection, workspace: WorkspaceId, incident_id: str, sequence: int | None
    ) -> Incident:
        found = (
            await self._store.find_incident_in(connection, workspace, incident_id) if "\0" not in incident_id else None
        )
        if found is None:
            raise IncidentNotFoundError(incident_id)
        if sequence is not None and sequence != found.sequence:
            raise IncidentChangedError(found.sequence)
        return found

    async def _wanted(
        self, connection: Connection, workspace: WorkspaceId, alert_ids: Collection[str], group_id: str | None
    ) -> list[Alert]:
        """Return the alerts that are meant, none of which belongs to an incident that is not resolved."""
        wanted = list(dict.fromkeys(alert_ids))
        if group_id is not None:
            of_group = (
                await self._store.list_group_alerts_in(connection, workspace, group_id) if "\0" not in group_id else []
            )
            if not of_group:
                raise AlertGroupNotFoundError(group_id)
            wanted = list(dict.fromkeys([*wanted, *of_group]))
        if not wanted:
            raise InvalidInputError("Name at least one alert, or a group of alerts.", field="alertIds")
        if len(wanted) > MAX_ALERTS:
            raise InvalidInputError(f"An incident has at most {MAX_ALERTS} alerts.", field="alertIds")
        asked = [each for each in wanted if "\0" not in each]
        alerts = await self._store.find_alerts_in(connection, workspace, asked)
        missing = next((each for each in wanted if each not in {alert.id for alert in alerts}), None)
        if missing is not None:
            raise AlertNotFoundError(missing)
        await self._refuse_held(connection, workspace, wanted)
        return alerts

    async def _refuse_held(self, connection: Connection, workspace: WorkspaceId, alert_ids: Collection[str]) -> None:
        for alert_id, holder in (await self._store.find_holders_in(connection, workspace, alert_ids)).items():
            raise AlertInIncidentError(alert_id, holder)

    async def _put_alerts(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        incident: Incident,
        alerts: Sequence[Alert],
        *,
        at: datetime,
    ) -> None:
        ids = [str(alert.id) for alert in alerts]
        await self._store.add_alerts_in(connection, workspace, incident.id, alert_ids=ids, at=at)

    async def _write(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        taken: tuple[Incident, IncidentEvent],
        action: str,
        *,
        by: Doer,
    ) -> None:
        incident, event = taken
        await self._store.set_in(connection, workspace, incident, event)
        deed = by.deed(action, f"incident/{incident.id}", event=event.sequence)
        await self._trail.append(workspace, deed, within=connection)

    async def _check_commander(self, workspace: WorkspaceId, commander: str | None) -> None:
        if commander is not None and not await self._members.is_person(workspace, commander):
            raise CommanderUnknownError


def checked(text: str, field: str, most: int) -> str:
    if len(text) > most or "\0" in text:
        raise InvalidInputError(f"`{field}` has at most {most} characters, and no NUL.", field=field)
    return text
