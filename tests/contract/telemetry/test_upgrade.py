"""Spans of the table that was there before move into the one that is there now, once, however often it is tried."""

from tidegate.kernel import WorkspaceId
from tidegate.storage.migrations import read_migrations, statements_of
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.families import FAMILY_BITS


async def test_stored_spans_move_and_keep_what_they_mean(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    columns = "workspace, trace_id, span_id, second, start_ns, end_ns, received_ns, http_method, http_status, is_auth"
    values = f"'{workspace}', 'aa', 'bb', toDateTime(1700000000), 1700000000000000000, 1700000000500000000"
    await engine.admin(f"INSERT INTO tidegate.spans ({columns}) SELECT {values}, 1700000001000000000, 'POST', 401, 1")
    (migration,) = (one for one in read_migrations("telemetry") if one.name == "0002_raw_spans")
    for _ in range(2):
        for statement in statements_of(migration.sql):
            await engine.admin(statement)
    found = await engine.select(
        [workspace], "SELECT families, http_status, duration_ns, weight_milli FROM raw_spans LIMIT 1 BY span_id", {}
    )
    assert found == [
        {
            "families": FAMILY_BITS["request"] + FAMILY_BITS["auth"],
            "http_status": 401,
            "duration_ns": 500_000_000,
            "weight_milli": 1_000,
        }
    ]
    assert await engine.admin(f"SELECT 1 FROM tidegate.spans WHERE workspace = '{workspace}'") == []
