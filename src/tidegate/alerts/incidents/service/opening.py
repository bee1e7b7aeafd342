"""Incidents that open by themselves, for groups of alerts whose route says so.

Contract of this part:
- It writes in the transaction in which a group is told: page and incident are there together, or neither is.
- One incident a group: the group's epoch is its key. A turn that is taken again finds it.
- An alert that belongs to an incident that is not resolved stays there; others of its group join it.
- What a person resolved is not opened again as long as the group lasts.
"""

from collections.abc import Sequence

from tidegate.alerts.incidents.model import (
    MAX_ALERTS,
    EventKind,
    Incident,
    IncidentId,
    IncidentSeverity,
    next_event,
    opened,
    with_alerts,
)
from tidegate.alerts.incidents.ports import IncidentStore
from tidegate.alerts.model import Alert
from tidegate.audit import ITSELF, AuditTrail
from tidegate.kernel import Clock, IdFactory, WorkspaceId
from tidegate.storage import Connection

__all__ = ["IncidentOpener"]


class IncidentOpener:
    """Keeps the promise of paging's `TellingListener`."""

    def __init__(self, *, store: IncidentStore, trail: AuditTrail, ids: IdFactory, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._ids = ids
        self._clock = clock

    async def told(
        self, connection: Connection, workspace: WorkspaceId, *, epoch: str, alerts: Sequence[Alert]
    ) -> None:
        """Open an incident of the P1 alerts that were told, or let them join the one of their group."""
        urgent = [alert for alert in alerts if IncidentSeverity(alert.severity) is IncidentSeverity.P1]
        if not urgent:
            return
        await self._store.lock_in(connection, workspace)
        holders = await self._store.find_holders_in(connection, workspace, [alert.id for alert in urgent])
        free = [alert for alert in urgent if alert.id not in holders]
        if not free:
            return
        own = await self._store.find_epoch_in(connection, workspace, epoch)
        if own is None and holders:
            own = await self._store.find_incident_in(connection, workspace, next(iter(holders.values())))
        if own is None:
            await self._open(connection, workspace, free[:MAX_ALERTS], epoch=epoch)
        elif own.is_open:
            await self._join(connection, workspace, own, free[: MAX_ALERTS - own.alert_count])

    async def _open(
        self, connection: Connection, workspace: WorkspaceId, alerts: Sequence[Alert], *, epoch: str
    ) -> None:
        incident_id = IncidentId(self._ids.new_id("inc"))
        incident, event = opened(incident_id, alerts, at=self._clock.now(), by=ITSELF.actor, group_epoch=epoch)
        await self._store.add_in(connection, workspace, incident, event)
        ids = [str(alert.id) for alert in alerts]
        await self._store.add_alerts_in(connection, workspace, incident.id, alert_ids=ids, at=event.at)
        deed = ITSELF.deed("incidents:open", f"incident/{incident.id}", alerts=len(ids), severity=incident.severity)
        await self._trail.append(workspace, deed, within=connection)

    async def _join(
        self, connection: Connection, workspace: WorkspaceId, incident: Incident, alerts: Sequence[Alert]
    ) -> None:
        if not alerts:
            return
        ids = [str(alert.id) for alert in alerts]
        after, event = next_event(
            incident, EventKind.ALERTS_ADDED, at=self._clock.now(), by=ITSELF.actor, alerts=sorted(ids)
        )
        await self._store.set_in(connection, workspace, with_alerts(after, alerts), event)
        await self._store.add_alerts_in(connection, workspace, incident.id, alert_ids=ids, at=event.at)
        deed = ITSELF.deed("incidents:add-alerts", f"incident/{incident.id}", alerts=len(ids))
        await self._trail.append(workspace, deed, within=connection)
