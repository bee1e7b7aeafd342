"""Spans of the table that was there before move into the one that is there now, once, however often it is tried."""

from pathlib import Path

import pytest
from tests.conftest import EngineProcess

from tidegate.kernel import WorkspaceId
from tidegate.storage.migrations import Migration, migrate_telemetry, read_migrations, statements_of
from tidegate.storage.postgres.layout import PostgresDsns
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


MIGRATIONS = read_migrations("telemetry")
PLAIN = next(place for place, migration in enumerate(MIGRATIONS) if migration.name == "0006_plain_spans")
FILL = """
    INSERT INTO tidegate.raw_spans (workspace, trace_id, span_id, second, received_ns, tenant, span)
    SELECT 'w', toString(number), 'a', toDateTime(1700000000 + number % 90, 'UTC'),
        (1700000000 + 3600 * (number % 72)) * 1000000000, concat('t-', toString(number)), randomPrintableASCII(100)
    FROM numbers(20000)
"""
FOUND = """
    SELECT count() AS stored, uniqExact(trace_id) AS traces, sum(cityHash64(* EXCEPT (families))) AS everything
    FROM tidegate.raw_spans
"""
ENGINE = "SELECT engine, sorting_key FROM system.tables WHERE database = 'tidegate' AND name LIKE 'raw_spans%'"


@pytest.mark.parametrize("steps_before_the_crash", range(1 + len(statements_of(MIGRATIONS[PLAIN].sql))))
async def test_spans_stay_when_their_order_becomes_that_of_their_coming(
    tmp_path: Path, state_dsns: PostgresDsns, steps_before_the_crash: int
) -> None:
    process = EngineProcess(tmp_path)
    await process.start()
    opened = await TelemetryEngine.connect(process.url, secret=process.secret)
    try:
        await migrate_telemetry(state_dsns.owner, opened, MIGRATIONS[:PLAIN])
        await opened.admin(FILL)
        before = await opened.admin(FOUND)
        some = ";\n".join(statements_of(MIGRATIONS[PLAIN].sql)[:steps_before_the_crash])
        if some:  # applied, and the engine was killed before the ledger knew
            await migrate_telemetry(state_dsns.owner, opened, [Migration("cut_short", some)])
        assert await migrate_telemetry(state_dsns.owner, opened) == ("0006_plain_spans",)
        after = await opened.admin(FOUND)
        assert after[0]["traces"] == before[0]["traces"] == 20_000
        if steps_before_the_crash != 2:  # copied twice: each identity counts once
            assert after == before
        sorting_key = "toStartOfInterval(second, toIntervalSecond(10)), workspace"
        assert await opened.admin(ENGINE) == [{"engine": "MergeTree", "sorting_key": sorting_key}]
    finally:
        await opened.close()
        process.stop()
