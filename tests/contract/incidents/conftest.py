"""A workspace with alerts, paging and incidents over a real state store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg
import pytest
from tests.contract.paging.conftest import BY, Sea, sea
from tests.doing import trail_of

from tidegate.alerts.incidents.answers import OpenWish
from tidegate.alerts.incidents.model import GatePlace, Incident
from tidegate.alerts.incidents.service import IncidentBook, IncidentService
from tidegate.alerts.incidents.sources import PostgresRecords
from tidegate.alerts.incidents.store import PostgresIncidentStore
from tidegate.alerts.model import Alert
from tidegate.alerts.paging.sources import MemberRows
from tidegate.app.incidents import AnnouncedChanges
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.releases import PostgresReleaseStore, ReleaseService, ReleasesService
from tidegate.slos.freezes import PostgresFreezes

__all__ = ["harbour", "sea"]


class OneGate:
    """A `GateBook` with one gate that reads one code."""

    async def list_reading(
        self, workspace: WorkspaceId, *, codes: Collection[str], services: Collection[str]
    ) -> Sequence[GatePlace]:
        read = "run_failure_rate_high"
        return [GatePlace("ga-launch", "Launch", (read,))] if read in codes else []


@dataclass
class Harbour:
    """A sea with incidents."""

    sea: Sea
    incidents: IncidentService
    book: IncidentBook
    releases: ReleasesService
    owner: "asyncpg.Connection[asyncpg.Record]"

    @property
    def workspace(self) -> WorkspaceId:
        return self.sea.workspace

    @property
    def services(self) -> dict[type[object], object]:
        return {IncidentService: self.incidents, IncidentBook: self.book}

    async def open(self, *alerts: Alert, title: str = "") -> Incident:
        wish = OpenWish(alert_ids=tuple(alert.id for alert in alerts), title=title)
        return await self.incidents.open(self.workspace, wish, by=BY)

    async def announce(self, name: str, service: str = "api") -> None:
        made = ReleaseService(service, "1", "a" * 40)
        await self.releases.create(self.workspace, name, [made], by=BY)

    async def join(self, person: str) -> None:
        """Let a person into the workspace."""
        mail = f"{person}.{self.workspace}@example.com"
        await self.owner.execute(
            "INSERT INTO people (id, email, name, created_at) VALUES ($1, $2, $1, now()) ON CONFLICT DO NOTHING",
            person,
            mail,
        )
        await self.owner.execute(
            "INSERT INTO members VALUES ($1, $2, 'person', null, 'engineer', now(), 'x')", self.workspace, person
        )


@pytest.fixture
def harbour(sea: Sea, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> Harbour:
    trail = trail_of(sea.database)
    store = PostgresIncidentStore(sea.database)
    release_store = PostgresReleaseStore(sea.database, trail)
    return Harbour(
        sea,
        IncidentService(
            store=store, members=MemberRows(sea.database), trail=trail, transactions=sea.database, ids=RandomIds(),
            clock=sea.clock,
        ),
        IncidentBook(
            store=store, records=PostgresRecords(sea.database), gates=OneGate(), clock=sea.clock,
            changes=AnnouncedChanges(release_store, PostgresFreezes(sea.database)),
        ),
        ReleasesService(store=release_store, ids=RandomIds(), clock=sea.clock),
        owner_connection,
    )  # fmt: skip
