"""Signals in the background, and their parts for `app` to put together."""

from tidegate.kernel import Clock
from tidegate.signals.ai_runs import AiRunService, EngineRunStore
from tidegate.signals.closer import NoPrices, RollupCloser
from tidegate.signals.ports import PriceBooks
from tidegate.signals.reader import RollupReader
from tidegate.signals.store import EngineCounts, RowsEngine
from tidegate.signals.touches import PostgresTouches
from tidegate.storage import Database
from tidegate.telemetry.traces import TraceService

__all__ = ["RollupCloser", "RollupReader", "build_closer", "build_reader", "build_runs"]


def build_closer(
    database: Database, engine: RowsEngine, clock: Clock, *, prices: PriceBooks | None = None
) -> RollupCloser:
    return RollupCloser(
        touches=PostgresTouches(database, clock), counts=EngineCounts(engine, clock), prices=prices or NoPrices()
    )


def build_reader(database: Database, engine: RowsEngine, clock: Clock) -> RollupReader:
    return RollupReader(engine, watermark=PostgresTouches(database, clock).watermark, clock=clock)


def build_runs(database: Database, engine: RowsEngine, clock: Clock, *, traces: TraceService) -> AiRunService:
    store = EngineRunStore(engine, watermark=PostgresTouches(database, clock).watermark)
    return AiRunService(store=store, traces=traces)
