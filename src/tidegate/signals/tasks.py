"""Signals in the background, and their parts for `app` to put together."""

from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from tidegate.audit import PostgresAuditStore, PostgresAuditTrail
from tidegate.edge.authority import Askers
from tidegate.kernel import Clock, RandomIds, WorkspaceId
from tidegate.signals.ai_runs import AiRunService, EngineRunStore
from tidegate.signals.closer import NoPrices, RollupCloser
from tidegate.signals.grouped import GroupedReader
from tidegate.signals.past_reader import PastReader
from tidegate.signals.ports import PriceBooks
from tidegate.signals.prometheus import EngineGauges, LookupService, QueryService, SeriesReading
from tidegate.signals.reader import RollupReader
from tidegate.signals.recounts import PostgresRecounts, RecountRunner
from tidegate.signals.retention import DroppingEngine, PostgresRetention, RetentionJob
from tidegate.signals.roller import Roller
from tidegate.signals.stepped import SteppedReader
from tidegate.signals.store import EngineCounts, RowsEngine
from tidegate.signals.touches import MAX_LAG, PostgresTouches
from tidegate.storage import Database
from tidegate.telemetry.traces import TraceService

__all__ = [
    "RollupCloser",
    "RollupReader",
    "build_closer",
    "build_prometheus",
    "build_reader",
    "build_recounts",
    "build_retention",
    "build_runs",
    "build_stepped_reader",
]


class CountingEngine(RowsEngine, DroppingEngine, Protocol):
    """The telemetry engine, as all that counts and drops needs it."""


def build_closer(
    database: Database,
    engine: CountingEngine,
    clock: Clock,
    *,
    prices: PriceBooks | None = None,
    askers: Askers | None = None,
) -> RollupCloser:
    touches = PostgresTouches(database, clock)
    closer = RollupCloser(touches=touches, counts=EngineCounts(engine, clock), clock=clock, prices=prices or NoPrices())
    workspaces = partial(_list_workspaces, database)
    roller = Roller(touches, engine, clock, workspaces)
    closer.chores = (
        roller,
        RecountRunner(build_recounts(database, clock), engine, closer, clock, askers),
        RetentionJob(build_retention(database, clock), engine, roller, workspaces, clock),
    )
    return closer


def build_recounts(database: Database, clock: Clock) -> PostgresRecounts:
    return PostgresRecounts(database, _trail_of(database, clock), ids=RandomIds(), clock=clock)


def build_retention(database: Database, clock: Clock) -> PostgresRetention:
    return PostgresRetention(database, _trail_of(database, clock))


def _trail_of(database: Database, clock: Clock) -> PostgresAuditTrail:
    """Return what appends to transactions that are open: it keeps nothing, so it needs nobody who runs it."""
    return PostgresAuditTrail(store=PostgresAuditStore(database), clock=clock)


async def _list_workspaces(database: Database) -> list[WorkspaceId]:
    async with database.across_workspaces() as connection:
        rows = await connection.fetch("SELECT list_workspace_ids() AS id")
    return [WorkspaceId(row["id"]) for row in rows]


def build_reader(database: Database, engine: RowsEngine, clock: Clock, *, max_lag: timedelta = MAX_LAG) -> PastReader:
    touches = PostgresTouches(database, clock, max_lag=max_lag)
    return PastReader(engine, watermark=touches.watermark, clock=clock)


def build_stepped_reader(
    database: Database, engine: RowsEngine, clock: Clock, *, max_lag: timedelta = MAX_LAG
) -> SteppedReader:
    touches = PostgresTouches(database, clock, max_lag=max_lag)
    reader = GroupedReader(engine, watermark=touches.watermark, clock=clock)
    return SteppedReader(engine, watermark=touches.watermark, reader=reader)


def build_runs(database: Database, engine: RowsEngine, clock: Clock, *, traces: TraceService) -> AiRunService:
    store = EngineRunStore(engine, watermark=PostgresTouches(database, clock).watermark)
    return AiRunService(store=store, traces=traces)


def build_prometheus(reader: GroupedReader, engine: RowsEngine, clock: Clock) -> dict[type[Any], object]:
    """Return what answers Prometheus's clients."""
    points = EngineGauges(engine)
    reading = SeriesReading(counts=reader, points=points, clock=clock)
    return {
        QueryService: QueryService(reading),
        LookupService: LookupService(reading, counts=reader, points=points),
    }
