"""Merges of the widest table fit into the engine's memory; one that does not fails, and is begun again for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conftest import EngineProcess

from tidegate.storage.migrations import migrate_telemetry
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine

PARTS = 20
ROWS = 8_192  # of one flush under load
_FILL = f"""
    INSERT INTO tidegate.raw_spans (workspace, trace_id, span_id, second, received_ns, name, service, model, span)
    SELECT 'default', hex(randomString(16)), hex(rand64()), toDateTime(1000000000 + number % 10, 'UTC'),
        1000000000000000000, concat('name ', toString(number % 20)), 'search', 'a-model', randomPrintableASCII(1000)
    FROM numbers({ROWS})
"""
_PARTS = """
    SELECT count() AS parts, sum(rows) AS stored, groupUniqArray(part_type) AS kinds FROM system.parts
    WHERE database = 'tidegate' AND table = 'raw_spans' AND active
"""
_OUT_OF_MEMORY = "SELECT sum(value) AS times FROM system.errors WHERE code = 241"


@pytest.fixture
async def small_engine(tmp_path: Path, state_dsns: PostgresDsns) -> AsyncIterator[TelemetryEngine]:
    """An engine of its own: its errors are counted."""
    process = EngineProcess(tmp_path)
    await process.start()
    opened = await TelemetryEngine.connect(process.url, secret=process.secret)
    await migrate_telemetry(state_dsns.owner, opened)
    yield opened
    await opened.close()
    process.stop()


async def test_twenty_parts_of_spans_are_merged_within_the_memory_of_the_engine(small_engine: TelemetryEngine) -> None:
    await fill(small_engine)
    assert await merge(small_engine) == (1, PARTS * ROWS, ["Compact"])
    assert (await small_engine.admin(_OUT_OF_MEMORY))[0]["times"] == 0


async def test_a_part_too_large_to_be_compact_is_merged_within_the_memory_of_the_engine(
    small_engine: TelemetryEngine,
) -> None:
    await small_engine.admin("ALTER TABLE tidegate.raw_spans MODIFY SETTING min_bytes_for_wide_part = 10485760")
    await fill(small_engine)
    assert await merge(small_engine) == (1, PARTS * ROWS, ["Wide"])
    assert (await small_engine.admin(_OUT_OF_MEMORY))[0]["times"] == 0


async def fill(engine: TelemetryEngine) -> None:
    await engine.admin("SYSTEM STOP MERGES tidegate.raw_spans")
    for _ in range(PARTS):
        await engine.admin(_FILL)
    assert (await engine.admin(_PARTS))[0]["parts"] == PARTS


async def merge(engine: TelemetryEngine) -> tuple[int, int, list[str]]:
    """Merge all, and return how many parts there are, their rows, and of which kinds they are."""
    await engine.admin("SYSTEM START MERGES tidegate.raw_spans")
    await engine.admin("OPTIMIZE TABLE tidegate.raw_spans FINAL")
    merged = (await engine.admin(_PARTS))[0]
    return merged["parts"], merged["stored"], list(merged["kinds"])
