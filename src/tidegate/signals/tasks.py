"""Signals in the background, and their parts for `app` to put together."""

from tidegate.kernel import Clock
from tidegate.signals.ai_runs import AiRunService, EngineRunStore
from tidegate.signals.closer import RollupCloser
from tidegate.signals.reader import RollupReader
from tidegate.signals.store import EngineRollups, PostgresTouches, RowsEngine
from tidegate.storage import Database
from tidegate.telemetry.traces import TraceService

__all__ = ["RollupCloser", "RollupReader", "build_closer", "build_reader", "build_runs"]


def build_closer(database: Database, engine: RowsEngine, clock: Clock) -> RollupCloser:
    rollups = EngineRollups(engine)
    return RollupCloser(touches=PostgresTouches(database, clock), raw=rollups, rollups=rollups)


def build_reader(database: Database, engine: RowsEngine, clock: Clock) -> RollupReader:
    return RollupReader(engine, watermark=PostgresTouches(database, clock).watermark)


def build_runs(database: Database, engine: RowsEngine, clock: Clock, *, traces: TraceService) -> AiRunService:
    store = EngineRunStore(engine, watermark=PostgresTouches(database, clock).watermark)
    return AiRunService(store=store, traces=traces)
