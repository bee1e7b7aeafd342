"""Incidents, put together: with the gates above them, and the releases and freezes below."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from tidegate.alerts.incidents.model import EntryKind, GatePlace, TimelineEntry
from tidegate.alerts.incidents.service import IncidentBook, IncidentOpener, IncidentService
from tidegate.alerts.incidents.sources import PostgresRecords
from tidegate.alerts.incidents.store import PostgresIncidentStore
from tidegate.alerts.paging.sources import MemberRows
from tidegate.audit import AuditTrail
from tidegate.gates import Gate, GateService
from tidegate.gates.model import QuietSpec
from tidegate.kernel import Clock, IdFactory, TimeRange, WorkspaceId
from tidegate.releases import PostgresReleaseStore, Release
from tidegate.slos.freezes import Freeze, PostgresFreezes
from tidegate.storage import Database

__all__ = ["AnnouncedChanges", "GatesThatRead", "build_incidents", "build_opener"]

_MOST: Final = 50  # more of them near one moment say nothing
_NAMED: Final = 5


class AnnouncedChanges:
    """Keeps the promise of `Changes`: releases that were announced, freezes of error budgets."""

    def __init__(self, releases: PostgresReleaseStore, freezes: PostgresFreezes) -> None:
        self._releases = releases
        self._freezes = freezes

    async def list_changes(
        self, workspace: WorkspaceId, window: TimeRange, *, services: Collection[str]
    ) -> Sequence[TimelineEntry]:
        releases = await self._releases.list_created(workspace, window, limit=_MOST)
        freezes = await self._freezes.list_freezes(workspace, window, limit=_MOST)
        lines = [_announced(release, frozenset(services)) for release in releases]
        return [*lines, *(line for freeze in freezes for line in _frozen(freeze, window))]


class GatesThatRead:
    """Keeps the promise of `GateBook`."""

    def __init__(self, gates: GateService) -> None:
        self._gates = gates

    async def list_reading(
        self, workspace: WorkspaceId, *, codes: Collection[str], services: Collection[str]
    ) -> Sequence[GatePlace]:
        places = []
        for gate in await self._gates.list_gates(workspace):
            read = _read_by(gate, frozenset(codes), frozenset(services))
            if read:
                places.append(GatePlace(gate.id, gate.title, read))
            elif gate.problem is not None:  # nobody knows what it reads: it is named rather than left out
                places.append(GatePlace(gate.id, f"{gate.title} (not readable now)", ()))
        return places


def build_incidents(
    database: Database, trail: AuditTrail, *, gates: GateService, ids: IdFactory, clock: Clock
) -> dict[type[Any], object]:
    """Return the services of incidents."""
    store = PostgresIncidentStore(database)
    return {
        IncidentService: IncidentService(
            store=store, members=MemberRows(database), trail=trail, transactions=database, ids=ids, clock=clock
        ),
        IncidentBook: IncidentBook(
            store=store,
            records=PostgresRecords(database),
            changes=AnnouncedChanges(PostgresReleaseStore(database, trail), PostgresFreezes(database)),
            gates=GatesThatRead(gates),
            clock=clock,
        ),
    }


def build_opener(database: Database, trail: AuditTrail, *, ids: IdFactory, clock: Clock) -> IncidentOpener:
    """Return what paging tells of groups whose route opens incidents."""
    return IncidentOpener(store=PostgresIncidentStore(database), trail=trail, ids=ids, clock=clock)


def _read_by(gate: Gate, codes: frozenset[str], services: frozenset[str]) -> tuple[str, ...]:
    specs = [check.spec for check in gate.checks if isinstance(check.spec, QuietSpec)]
    return tuple(
        sorted(
            {code for spec in specs if spec.service is None or spec.service in services for code in spec.codes} & codes
        )
    )


def _announced(release: Release, affected: frozenset[str]) -> TimelineEntry:
    names = sorted({own.service for own in release.services} & affected)
    said = f"with {', '.join(names[:_NAMED])}, which is affected" if names else "with none of the affected services"
    words = f"{release.name} for {release.environment}, {said}."
    return TimelineEntry(release.id, EntryKind.RELEASE, release.created_at, "Release announced", words)


def _frozen(freeze: Freeze, window: TimeRange) -> list[TimelineEntry]:
    source = f"freeze/{freeze.objective}/{freeze.frozen_at:%Y%m%dT%H%M%S%f}"
    words = f"Releases, by the error budget of objective {freeze.objective}."
    moments = (("Frozen", freeze.frozen_at), ("Freeze lifted", freeze.lifted_at))
    return [
        TimelineEntry(f"{source}/{place}", EntryKind.FREEZE, at, title, words)
        for place, (title, at) in enumerate(moments, 1)
        if at is not None and window.start <= at < window.end
    ]
