"""Quantiles over time, from the counts that are kept: seconds, minutes, hours."""

import time
from datetime import UTC, datetime, timedelta

from tests.signals_rows import NANO, Pipeline, agent_rows, bits, span_row

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope
from tidegate.signals.quantiles import upper_bound_ms
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine

WHOLE = SignalScope()


def bound_of(duration_ms: int) -> float:
    """Return the end of the bucket that a duration falls into."""
    return next(end for bucket in range(400) if (end := upper_bound_ms(bucket)) > duration_ms)


async def test_each_step_has_the_quantiles_of_its_own_events(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    pipeline = Pipeline(database, engine)
    now = int(time.time()) // 60 * 60
    first, second = now - 180, now - 120
    spans = [(first + 1, 10, "/a")] * 19 + [(first + 50, 700, "/a")] + [(second + 5, 80, "/b")] * 3
    rows = [
        span_row(
            workspace,
            families=bits("request"),
            end_ns=at * NANO,
            duration_ns=ms * 1_000_000,
            http_status=200,
            route=route,
        )
        for at, ms, route in spans
    ]
    await pipeline.flush(rows)
    await pipeline.close()
    window = TimeRange(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(now, UTC))
    series = await pipeline.reader.duration_series(workspace, Family.REQUEST, window, step_s=60, scope=WHOLE)
    assert [(int(point.start.timestamp()), point.durations.count) for point in series] == [(first, 20), (second, 3)]
    before, after = (point.durations for point in series)
    assert (before.p50_ms, before.p95_ms, before.p99_ms) == (bound_of(10), bound_of(10), bound_of(700))
    assert before.mean_ms == 44.5
    assert after.p50_ms == after.p99_ms == bound_of(80)
    by_route = await pipeline.reader.duration_series(
        workspace, Family.REQUEST, window, step_s=60, by="route", scope=WHOLE, limit=1
    )
    assert [(point.key, point.durations) for point in by_route] == [("/a", before)]
    whole = await pipeline.reader.quantiles(workspace, Family.REQUEST, window, scope=WHOLE)
    days = await pipeline.reader.duration_series(workspace, Family.REQUEST, window, step_s=86_400, scope=WHOLE)
    assert sum(point.durations.count for point in days) == whole[""].count == 23


async def test_all_families_at_once_are_what_each_is_alone(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    pipeline = Pipeline(database, engine)
    now = int(time.time()) // 60 * 60
    rows = [
        span_row(workspace, families=bits(*families), end_ns=(now - 300 + place * 7) * NANO, **changes)
        for place, (families, changes) in enumerate([
            (("request", "auth"), {"http_status": 200, "route": "/login", "duration_ns": 4_000_000, "tenant": "acme"}),
            (("request", "auth", "tenant"), {"http_status": 403, "route": "/login", "detail": "membership"}),
            (("tool_call",), {"object": "search", "outcome": "timeout", "duration_ns": 9_000_000_000}),
            (("retrieval", "evaluation"), {"object": "groundedness", "outcome": "ok", "amount_micro": 700_000}),
            (("usage",), {"object": "tokens", "outcome": "ok", "amount_micro": 5_000_000, "limit_micro": 90_000_000}),
            (("request",), {"http_status": 500, "distrusted": 1}),
        ])
    ]  # fmt: skip
    await pipeline.flush([*rows, *agent_rows(workspace, (now - 100) * NANO)])
    await pipeline.close()
    reader = pipeline.reader
    window = TimeRange(datetime.fromtimestamp(now - 3600, UTC), datetime.now(UTC) + timedelta(seconds=2))
    for scope in (WHOLE, SignalScope(tenant="acme"), SignalScope(service="nobody")):
        totals = await reader.every_total(workspace, window, scope=scope)
        series = await reader.every_series(workspace, window, step_s=60, scope=scope)
        for family, (found, durations) in totals.items():
            assert found == await reader.totals(workspace, family, window, scope=scope)
            assert durations == (await reader.quantiles(workspace, family, window, scope=scope)).get("")
            assert series[family] == await reader.series(workspace, family, window, step_s=60, scope=scope)
    assert totals.keys() == set(Family) - {Family.RUNTIME}
    assert (await reader.every_total(workspace, window, scope=WHOLE))[Family.REQUEST][0].distrusted_count == 1


async def test_there_are_none_by_tenant_and_none_where_nothing_happened(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    reader = Pipeline(database, engine).reader
    end = datetime.now(UTC).replace(microsecond=0)
    window = TimeRange(end - timedelta(minutes=5), end)
    for scope, by in ((WHOLE, None), (SignalScope(tenant="acme"), None), (WHOLE, "tenant"), (WHOLE, "route")):
        assert await reader.duration_series(workspace, Family.REQUEST, window, step_s=5, by=by, scope=scope) == []  # type: ignore[arg-type] # a dimension
