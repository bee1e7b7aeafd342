"""What incidents need, in their own words."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.alerts.incidents.model import (
    GatePlace,
    Incident,
    IncidentEvent,
    IncidentId,
    IncidentSeverity,
    IncidentState,
    SplitBy,
    Statistics,
    TimelineEntry,
)
from tidegate.alerts.model import Alert
from tidegate.kernel import AlertId, TimeRange, WorkspaceId
from tidegate.storage import Connection

__all__ = [
    "Changes", "GateBook", "IncidentFilter", "IncidentStore", "Members", "Records", "Transactions",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents are meant; `None` means all."""

    states: Collection[IncidentState] | None = None
    severity: IncidentSeverity | None = None
    service: str | None = None
    tenant: str | None = None
    code: str | None = None
    commander: str | None = None
    alert: AlertId | None = None


class Transactions(Protocol):
    """Opens transactions of one workspace."""

    def transaction(self, workspace: WorkspaceId) -> AbstractAsyncContextManager[Connection]: ...


class Members(Protocol):
    """Knows who belongs to a workspace."""

    async def is_person(self, workspace: WorkspaceId, member: str) -> bool: ...


class IncidentStore(Protocol):
    """Keeps incidents and their events. What takes a connection reads and writes in the caller's transaction."""

    async def lock_in(self, connection: Connection, workspace: WorkspaceId) -> None:
        """Wait until nobody else decides which alerts belong together; held until the transaction ends."""
        ...

    async def find_alerts_in(
        self, connection: Connection, workspace: WorkspaceId, alert_ids: Collection[str]
    ) -> list[Alert]: ...

    async def list_group_alerts_in(self, connection: Connection, workspace: WorkspaceId, group_id: str) -> list[str]:
        """Return the ids of the alerts that fire in a group; none when there is no such group now."""
        ...

    async def find_holders_in(
        self, connection: Connection, workspace: WorkspaceId, alert_ids: Collection[str]
    ) -> Mapping[str, IncidentId]:
        """Return by alert the incident that is not resolved and has it."""
        ...

    async def list_alert_ids_in(
        self, connection: Connection, workspace: WorkspaceId, incident_id: IncidentId
    ) -> list[str]: ...

    async def count_open_alerts_in(
        self, connection: Connection, workspace: WorkspaceId, incident_id: IncidentId
    ) -> int: ...

    async def find_epoch_in(self, connection: Connection, workspace: WorkspaceId, epoch: str) -> Incident | None:
        """Return the incident that was opened by itself for this group, held until the transaction ends."""
        ...

    async def find_incident_in(
        self, connection: Connection, workspace: WorkspaceId, incident_id: str
    ) -> Incident | None:
        """Return it, held until the transaction ends."""
        ...

    async def add_in(
        self, connection: Connection, workspace: WorkspaceId, incident: Incident, event: IncidentEvent
    ) -> None: ...

    async def set_in(
        self, connection: Connection, workspace: WorkspaceId, incident: Incident, event: IncidentEvent
    ) -> None:
        """Write what became of an incident that is held, and the event that led there."""
        ...

    async def add_alerts_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        incident_id: IncidentId,
        *,
        alert_ids: Collection[str],
        at: datetime,
    ) -> None: ...

    async def find_incident(self, workspace: WorkspaceId, incident_id: str) -> Incident | None: ...

    async def list_incidents(
        self, workspace: WorkspaceId, which: IncidentFilter, *, limit: int, after: tuple[datetime, str] | None
    ) -> list[Incident]:
        """Return the newest first; `after` is the last one that the caller has seen."""
        ...

    async def list_alerts(self, workspace: WorkspaceId, incident_id: IncidentId) -> list[Alert]:
        """Return the alerts of an incident, the one that crossed its bound first first."""
        ...

    async def list_events(self, workspace: WorkspaceId, incident_id: IncidentId) -> list[IncidentEvent]: ...

    async def list_alike(self, workspace: WorkspaceId, incident: Incident, *, limit: int) -> list[Incident]:
        """Return the newest of those opened before that share a code, a service or a tenant with it."""
        ...

    async def statistics(
        self, workspace: WorkspaceId, window: TimeRange, *, by: SplitBy | None, limit: int
    ) -> Statistics:
        """Return counts and times of the incidents opened within `window`; of groups the `limit` largest."""
        ...


class Records(Protocol):
    """What is recorded of alerts."""

    async def list_recorded(
        self, workspace: WorkspaceId, alerts: Sequence[Alert], *, limit: int
    ) -> list[TimelineEntry]:
        """Return transitions, pages, hushes, care and silences of `alerts`: of each the first `limit`."""
        ...


class Changes(Protocol):
    """What others changed: releases, freezes."""

    async def list_changes(
        self, workspace: WorkspaceId, window: TimeRange, *, services: Collection[str]
    ) -> Sequence[TimelineEntry]:
        """Return what was announced within `window`; `services` are those that are affected."""
        ...


class GateBook(Protocol):
    """Knows which gates read which alerts."""

    async def list_reading(
        self, workspace: WorkspaceId, *, codes: Collection[str], services: Collection[str]
    ) -> Sequence[GatePlace]:
        """Return the gates as they are now that read alerts of `codes` on one of `services`."""
        ...
