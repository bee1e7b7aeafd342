"""What counting writes is what the list of runs shows, and what is erased is counted no more."""

import time
from datetime import timedelta

import pytest
from tests.doing import BY, trail_of
from tests.signals_rows import NANO, Pipeline, agent_rows, auth_row
from tests.telemetry_rows import patiently

from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.signals import Family, SignalScope, Totals
from tidegate.signals.ai_runs import RunNotFoundError, RunQuery
from tidegate.signals.tasks import build_runs
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.erasures import (
    EngineErasedRows,
    EraseRunner,
    ErasureKind,
    ErasureService,
    PostgresErasures,
)
from tidegate.telemetry.traces import EngineTraceStore, TraceService

WHOLE = SignalScope()


class Looking:
    def __init__(self, database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> None:
        clock = SystemClock()
        self.workspace = workspace
        self.pipeline = Pipeline(database, engine)
        self.traces = TraceService(store=EngineTraceStore(engine), clock=clock)
        self.runs = build_runs(database, engine, clock, traces=self.traces)
        rows, store = EngineErasedRows(engine), PostgresErasures(database, trail_of(database))
        self.eraser = EraseRunner(rows=rows, store=store, clock=clock, holder="tests")
        self.erasures = ErasureService(
            rows=rows, store=store, ids=RandomIds(), clock=clock, hold=timedelta(days=7), on_requested=lambda: None
        )

    async def totals(self, family: Family) -> Totals:
        return await self.pipeline.reader.totals(self.workspace, family, None, scope=WHOLE)

    async def erase(self, kind: ErasureKind, subject: str) -> None:
        erasure = await self.erasures.request(self.workspace, kind, subject, reason="asked for", by=BY)
        while (await self.erasures.get(self.workspace, erasure.id)).finished_at is None:
            await patiently(self.eraser.run_once)
        await self.pipeline.close()


@pytest.fixture
def looking(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> Looking:
    return Looking(database, engine, workspace)


async def test_a_counted_run_is_listed_and_shown_with_its_figures(looking: Looking, workspace: WorkspaceId) -> None:
    agent, chat = agent_rows(workspace, time.time_ns() - 30 * NANO)
    await looking.pipeline.flush([agent, chat])
    await looking.pipeline.close()
    (run,) = (await looking.runs.list_runs(workspace, RunQuery())).items
    assert (run.trace_id, run.span_id, run.input_tokens, run.cost_nano_usd) == (
        agent["trace_id"], agent["span_id"], 700, 250_000_000,
    )  # fmt: skip
    detail = await looking.runs.get_run(workspace, run.trace_id, run.span_id)
    assert (detail.is_counted, len(detail.steps), detail.run.cost_source) == (True, 2, "sender")


async def test_a_late_parent_makes_one_run_of_two_in_the_list(looking: Looking, workspace: WorkspaceId) -> None:
    agent, chat = agent_rows(workspace, time.time_ns() - 30 * NANO)
    await looking.pipeline.flush([chat])
    await looking.pipeline.close()
    before = (await looking.runs.list_runs(workspace, RunQuery())).items
    await looking.pipeline.flush([agent])
    await looking.pipeline.close()
    after = (await looking.runs.list_runs(workspace, RunQuery())).items
    assert [run.span_id for run in before] == [chat["span_id"]]
    assert [run.span_id for run in after] == [agent["span_id"]]


async def test_an_erased_trace_is_in_no_list_and_in_no_figure(looking: Looking, workspace: WorkspaceId) -> None:
    now = time.time_ns() - 30 * NANO
    agent, chat = agent_rows(workspace, now)
    kept, kept_chat = agent_rows(workspace, now)
    await looking.pipeline.flush([agent, chat, kept, kept_chat])
    await looking.pipeline.close()
    assert (await looking.totals(Family.AI_RUN)).count == 2
    await looking.erase(ErasureKind.TRACE, agent["trace_id"])
    assert (await looking.totals(Family.AI_RUN)).count == 1
    assert [run.span_id for run in (await looking.runs.list_runs(workspace, RunQuery())).items] == [kept["span_id"]]
    with pytest.raises(RunNotFoundError):
        await looking.runs.get_run(workspace, agent["trace_id"], agent["span_id"])


async def test_an_erased_tenant_is_in_no_figure_and_others_are(looking: Looking, workspace: WorkspaceId) -> None:
    rows = [auth_row(workspace, 200, tenant=tenant) for tenant in ("acme", "acme", "globex")]
    await looking.pipeline.flush(rows)
    await looking.pipeline.close()
    await looking.erase(ErasureKind.TENANT, "acme")
    assert (await looking.totals(Family.AUTH)).count == 1
    by_tenant = await looking.pipeline.reader.totals_by(workspace, Family.AUTH, None, by="tenant", scope=WHOLE)
    assert list(by_tenant) == ["globex"]
