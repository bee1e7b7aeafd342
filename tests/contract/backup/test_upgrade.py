"""Stored data of an earlier version: migrated where they lie, or backed up and restored; everything is still there."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.api.identity.people import KEY
from tests.conftest import EngineProcess
from tests.contract.backup import old_installation as old
from tests.unit.identity.fakes import RecordingTrail

from tidegate.app.backup.manifest import archived_rows
from tidegate.app.backup.reconciling import reconcile
from tidegate.app.backup.state_copy import copy_state, fill_state
from tidegate.app.backup.telemetry_copy import copy_telemetry, fill_telemetry
from tidegate.identity import IdentityService, PostgresCredentialStore
from tidegate.kernel import SystemClock
from tidegate.storage import Database
from tidegate.storage.engine.library import BACKUP_FOLDER
from tidegate.storage.migrations import migrate_state, migrate_telemetry
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine


@dataclass
class Stored:
    """Two engines, with all rights."""

    owner_dsn: str
    serving_dsn: str
    state: "asyncpg.Connection[asyncpg.Record]"
    telemetry: TelemetryEngine
    process: EngineProcess

    @property
    def folder(self) -> Path:
        return self.process.folder / "data"

    async def migrate(self) -> None:
        await migrate_state(self.owner_dsn)
        await migrate_telemetry(self.owner_dsn, self.telemetry)


@pytest.fixture
async def new_stored(
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
    state_dsns: PostgresDsns,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Callable[[], Awaitable[Stored]]]:
    """Make two engines with the tables of an earlier version at each call."""
    made: list[Stored] = []

    async def make() -> Stored:
        name = f"earlier_{secrets.token_hex(4)}"
        await owner_connection.execute(f"CREATE DATABASE {name}")
        owner, serving = (
            urlsplit(dsn)._replace(path=f"/{name}").geturl() for dsn in (state_dsns.owner, state_dsns.serving)
        )
        process = EngineProcess(tmp_path_factory.mktemp("engine"))
        await process.start()
        telemetry = await TelemetryEngine.connect(process.url, secret=process.secret)
        made.append(Stored(owner, serving, await asyncpg.connect(owner), telemetry, process))
        await migrate_state(owner, old.STATE)
        await migrate_telemetry(owner, telemetry, old.TELEMETRY)
        return made[-1]

    yield make
    for each in made:
        await each.state.close()
        await each.telemetry.close()
        each.process.stop()


async def holds(stored: Stored, counts: dict[str, int], sums: dict[str, object]) -> None:
    after = await old.counts_of_state(stored.state)
    assert {name: after[name] for name in counts if name != "schema_migrations"} == {
        name: count for name, count in counts.items() if name != "schema_migrations"
    }
    assert await old.sums_of_telemetry(stored.telemetry) == sums
    assert await stored.state.fetchval("SELECT sentence FROM decisions WHERE id = 'dec_1'") == "2 checks are missing."
    database = await Database.connect(stored.serving_dsn)
    try:
        store = PostgresCredentialStore(database, RecordingTrail())
        identity = IdentityService(store=store, key=KEY, clock=SystemClock())
        assert (await identity.caller_of_session("session")).workspace == "default"
    finally:
        await database.close()


def quiet(_: str) -> None:
    """Say nothing."""


async def test_an_earlier_version_is_upgraded_where_it_lies_and_restored_from_a_backup(
    new_stored: Callable[[], Awaitable[Stored]], tmp_path: Path
) -> None:
    earlier, restored = await new_stored(), await new_stored()
    await old.fill_state(earlier.state)
    await old.fill_telemetry(earlier.telemetry)
    counts, sums = await old.counts_of_state(earlier.state), await old.sums_of_telemetry(earlier.telemetry)
    assert {name for name, count in counts.items() if not count} <= {"live_versions"}
    walls = await old.walls_of(earlier.state)

    copied = await copy_state(earlier.state, tmp_path / "state", say=quiet)
    archives = await copy_telemetry(earlier.telemetry, earlier.folder, tmp_path / "telemetry", say=quiet)
    assert archives == {name: archived_rows(tmp_path / name) for name in archives}
    assert list((earlier.folder / BACKUP_FOLDER).iterdir()) == []

    await earlier.migrate()
    await holds(earlier, counts, sums)
    after = await old.walls_of(earlier.state)
    assert walls <= after
    assert [wall for wall in after if wall.endswith("false, false]")] == ['["schema_migrations", false, false]']

    await fill_state(restored.state, tmp_path, copied.tables, copied.sequences, say=quiet)
    await fill_telemetry(restored.telemetry, restored.folder, tmp_path, archives, say=quiet)
    await reconcile(restored.state, restored.telemetry, snapshot_at=copied.snapshot_at)
    await restored.migrate()
    await holds(restored, counts, sums)
    assert await old.walls_of(restored.state) == after
    # A decision that is made now comes behind those of before.
    assert await restored.state.fetchval("SELECT nextval(pg_get_serial_sequence('decisions', 'seq'))") > 1


async def test_what_telemetry_holds_beyond_the_state_is_counted_again_and_strangers_go(
    new_stored: Callable[[], Awaitable[Stored]],
) -> None:
    stored = await new_stored()
    await old.fill_state(stored.state)
    await old.fill_telemetry(stored.telemetry)
    columns = "workspace, family, resolution, second, version, written, count"
    for workspace, version in (("default", 90), ("stranger", 4)):
        await stored.telemetry.admin(
            f"INSERT INTO tidegate.counts ({columns}) "
            f"SELECT '{workspace}', 'span', 1, toDateTime({old.SECOND}), {version}, toDateTime({old.SECOND}), 1"
        )
    await stored.telemetry.admin(
        "INSERT INTO tidegate.raw_spans (workspace, trace_id, span_id, second, received_ns) "
        f"SELECT 'stranger', 'x', 'y', toDateTime({old.SECOND}), {old.SECOND} * 1000000000"
    )
    # Two minutes before it, where rows may still be under way, the last 30 of 300 rows had not come.
    await reconcile(stored.state, stored.telemetry, snapshot_at=old.SECOND + 390)
    assert await stored.state.fetchval("SELECT version FROM rollup_watermark") == 90
    assert await stored.state.fetchval("SELECT nextval('rollup_version')") == 91
    touched = await stored.state.fetch("SELECT seconds, state FROM telemetry_touches WHERE writer = 'restored'")
    assert [(set(row["seconds"]), row["state"]) for row in touched] == [
        ({old.SECOND + second for second in range(30, 60)}, "stored")
    ]
    for table in ("counts", "raw_spans"):
        rows = await stored.telemetry.admin(f"SELECT DISTINCT workspace FROM tidegate.{table}")
        assert rows == [{"workspace": "default"}], table
