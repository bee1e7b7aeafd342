"""Objectives over real engines, and a recount to hold them against."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.doing import BY, trail_of
from tests.signals_rows import Pipeline, Row

from tidegate.kernel import Clock, RandomIds, TimeRange, WorkspaceId
from tidegate.signals import Family, Totals
from tidegate.signals.tasks import build_stepped_reader
from tidegate.slos.freeze_rows import PostgresFreezeStore
from tidegate.slos.freezing import FreezeKeeper, FreezeService
from tidegate.slos.keeping import BurnKeeper, Kept
from tidegate.slos.objective_files import body_of, parse_objectives
from tidegate.slos.service import ObjectiveService
from tidegate.slos.states import Look
from tidegate.slos.store import PostgresObjectiveStore
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine

__all__ = ["World", "assert_equals_recount"]


class OwnObjectives(PostgresObjectiveStore):
    """Those of one test: others leave theirs behind."""

    own: WorkspaceId

    async def workspaces(self) -> Sequence[WorkspaceId]:
        return [one for one in await super().workspaces() if one == self.own]


class World:
    def __init__(self, database: Database, engine: TelemetryEngine, workspace: WorkspaceId, clock: Clock) -> None:
        self.workspace, self.clock = workspace, clock
        self.pipeline = Pipeline(database, engine)
        self.store = OwnObjectives(database, trail_of(database))
        self.store.own = workspace
        counts = build_stepped_reader(database, engine, clock, max_lag=timedelta(days=40))
        self.keeper = BurnKeeper(counts=counts, store=self.store)
        self.freeze_store = PostgresFreezeStore(database, trail_of(database))
        self.objectives = ObjectiveService(
            store=self.store, keeper=self.keeper, freezes=FreezeKeeper(self.freeze_store), clock=clock,
            read=parse_objectives, body_of=body_of,
        )  # fmt: skip
        self.freezes = FreezeService(objectives=self.objectives, store=self.freeze_store, clock=clock, ids=RandomIds())

    async def apply(self, text: bytes) -> None:
        await self.objectives.apply(self.workspace, text, by=BY)

    async def count(self, spans: Sequence[Row]) -> None:
        await self.pipeline.flush(spans)
        await self.pipeline.close()

    async def look(self, name: str = "chat-availability") -> Look:
        kept = await self.keeper.refresh(self.clock.now())
        return Look(kept[self.workspace, name], self.clock.now())

    async def recount(self, family: Family, start_s: int, end_s: int) -> dict[str | None, Totals]:
        """Return by tenant what the counts of a window say, read once more."""
        window = TimeRange(datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(end_s, UTC))
        found = await self.pipeline.reader.groups([self.workspace], family, window)
        return {group.tenant: group.totals for group in found if group.service == "harbor"}

    async def recount_of_requests(self, start_s: int, end_s: int) -> tuple[int, int]:
        """Return how many requests failed in a window, of how many."""
        totals = (await self.recount(Family.REQUEST, start_s, end_s)).get(None, Totals())
        return totals.failure_count, totals.count


async def assert_equals_recount(world: World, look: Look, lengths: Sequence[timedelta]) -> None:
    """Compare every column of every window with a recount: bad and total requests."""
    kept: Kept = look.kept
    for length in lengths:
        sums = look.window(length)
        counted = await world.recount(Family.REQUEST, sums.start_s, sums.end_s)
        for tenant, column in [(None, 0), *kept.ring.columns.items()]:
            totals = counted.get(tenant, Totals())
            told = int(sums.bad[column]), int(sums.total[column])
            assert told == (totals.failure_count, totals.count), (length, tenant)
