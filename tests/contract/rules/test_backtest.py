"""Rules over what the real telemetry engine keeps move exactly as live evaluation of the same moments."""

import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.signals_rows import NANO, Pipeline, agent_rows, auth_row
from tests.unit.alerts.backtest.test_identity import plainly
from tests.unit.alerts.fakes import FakeStores

from tidegate.alerts import AlertEvaluator, AlertKey
from tidegate.alerts.backtest.model.outcome import Trial
from tidegate.alerts.backtest.service import BacktestService
from tidegate.alerts.model import Alert, Rule, Transition
from tidegate.alerts.paging.model import NO_ROUTING, Routing, Silence
from tidegate.alerts.ports import ReadRules
from tidegate.alerts.rule_sets.reading import read_rule_file
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import CountingIds, FakeClock

FILE = b"""
apiVersion: tidegate/v1
kind: Rules
metadata: {name: mine}
rules:
  - {code: short, severity: P2, signal: auth.failureRate, threshold: 0.3, clear: 0.1, window: 2m, minCount: 2,
     runbook: auth_failure_rate_high}
  - {code: by_status, severity: P2, signal: auth.failureCount, threshold: 2, window: 1m, groupBy: [service, status],
     runbook: auth_failure_rate_high}
  - {code: gone, severity: P2, signal: auth.requestCount, op: below, threshold: 0, window: 2m, noData: alert,
     runbook: auth_failure_rate_high}
  - {code: slow, severity: P2, signal: ai_run.p95Ms, threshold: 0.001, window: 3m, minCount: 1, groupBy: [service],
     runbook: run_failure_rate_high}
"""
MINUTE = timedelta(minutes=1)


class Shelf:
    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]:
        return list(BUILT_IN_RULES)


class NobodyTold:
    async def routing(self, workspace: WorkspaceId) -> Routing:
        return NO_ROUTING

    async def silences(self, workspace: WorkspaceId, *, ending_after: datetime) -> list[Silence]:
        return []


class Own:
    def __init__(self, rules: list[Rule]) -> None:
        self._rules = rules

    async def change_count(self) -> int:
        return 1

    async def read_rules(self) -> ReadRules:
        return ReadRules(self._rules)


async def test_history_in_the_engine_is_judged_as_it_was_live(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    pipeline = Pipeline(database, engine)
    end = datetime.fromtimestamp(time.time() // 60 * 60, UTC)
    start = end - 8 * MINUTE
    rows = []
    for minute, (good, bad) in enumerate([(30, 0), (5, 20), (5, 20), (40, 2), (0, 0), (0, 0), (0, 0), (3, 3)]):
        at = int((start + minute * MINUTE + timedelta(seconds=20)).timestamp()) * NANO
        for number in range(good + bad):
            row = auth_row(workspace, 200 if number < good else 401, tenant="blue" if number % 2 else "green")
            rows.append({**row, "start_ns": at, "end_ns": at + NANO, "second": (at + NANO) // NANO})
        if minute in {1, 2}:
            rows += agent_rows(workspace, at)
    await pipeline.flush(rows)
    await pipeline.close()
    rules = [replace(rule, workspace=workspace) for rule in read_rule_file(FILE).rules]
    stores = FakeStores(workspaces={workspace: start})
    evaluator = AlertEvaluator(rules=BUILT_IN_RULES, own_rules=Own(rules), reader=pipeline.reader, alerts=stores,
                               watch=stores, clock=FakeClock(end), ids=CountingIds())  # fmt: skip
    for minute in range(8):
        await evaluator.evaluate_once(start + (minute + 1) * MINUTE - timedelta(seconds=1))
    live: defaultdict[AlertKey, list[tuple[Alert, list[Transition]]]] = defaultdict(list)
    for place, alert in stores.alerts.items():
        live[alert.key].append((alert, stores.transitions[place]))

    service = BacktestService(reader=pipeline.reader, rules=Shelf(), paging=NobodyTold(), clock=FakeClock(end))
    found = await service.replay(workspace, Trial(FILE, start, end))

    replayed: defaultdict[AlertKey, list[tuple[Alert, list[Transition]]]] = defaultdict(list)
    for episode in found.episodes:
        replayed[episode.alert.key].append((episode.alert, list(episode.moves)))
    assert plainly(replayed) == plainly(live)
    assert {"short", "by_status", "gone", "slow", "auth_failure_rate_high"} <= {key.code for key in replayed}
    assert (found.step_s, found.look_count, found.finest_s) == (60, 8, 1)
