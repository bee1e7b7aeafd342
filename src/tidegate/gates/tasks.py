"""Gates in the background, and their parts for `app` to put together."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from tidegate.alerts import AlertService, Rule
from tidegate.audit import AuditTrail
from tidegate.evidence import EvidenceService
from tidegate.gates.catalogues import AlertQuietReader, BuiltInRunbooks, LoadedRules
from tidegate.gates.model import CheckKind
from tidegate.gates.reading import GateReader
from tidegate.gates.service import GateService
from tidegate.gates.sources import QuietSource, RegressionSource, SignalSource
from tidegate.gates.store import PostgresGateStore
from tidegate.isolation import IsolationService
from tidegate.kernel import Clock, IdFactory, WorkspaceId
from tidegate.releases import ReleasesService
from tidegate.signals import SignalReader
from tidegate.storage import Database

__all__ = ["GateRefresher", "build_gates", "workspace_lister"]

_INTERVAL_S = 2.0  # for the record; whoever looks at a gate has it measured then, and pages ask every 1.5 s


def build_gates(  # noqa: PLR0913 - one argument a collaborator
    database: Database,
    *,
    signals: SignalReader,
    alerts: AlertService,
    rules: Sequence[Rule],
    releases: ReleasesService,
    isolation: IsolationService,
    evidence: EvidenceService,
    trail: AuditTrail,
    ids: IdFactory,
    clock: Clock,
) -> GateService:
    """Return the service with the real source of each kind of check."""
    catalogue = LoadedRules(rules)
    return GateService(
        store=PostgresGateStore(database, trail),
        sources={
            CheckKind.SIGNAL: SignalSource(signals),
            CheckKind.ALERTS_QUIET: QuietSource(alerts=AlertQuietReader(alerts), catalogue=catalogue, signals=signals),
            CheckKind.REGRESSION: RegressionSource(isolation=isolation, evidence=evidence),
        },
        releases=releases,
        reader=GateReader(alerts=catalogue, runbooks=BuiltInRunbooks()),
        ids=ids,
        clock=clock,
    )


def workspace_lister(database: Database) -> Callable[[], Awaitable[list[WorkspaceId]]]:
    """Return what lists the ids of all workspaces."""

    async def list_ids() -> list[WorkspaceId]:
        async with database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_active_workspace_ids() AS id")
        return [WorkspaceId(row["id"]) for row in rows]

    return list_ids


class GateRefresher:
    """Measures every gate of every workspace every two seconds and records what changed.

    Any number of processes may run it: the store lets one of two that found the same change record it. A crash loses
    at most the tick that was under way; the next one measures again. A tick that takes longer than that delays the
    next, and ticks never overlap.
    """

    def __init__(
        self, gates: GateService, *, list_workspaces: Callable[[], Awaitable[Collection[WorkspaceId]]]
    ) -> None:
        self._gates = gates
        self._list_workspaces = list_workspaces

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self._gates.refresh_all(await self._list_workspaces())
            await asyncio.sleep(_INTERVAL_S)
