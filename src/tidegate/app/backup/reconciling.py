"""Makes two engines of a backup agree: telemetry is a little younger than the state that counts it.

What telemetry holds and the state does not know of are counts under versions that the state has not given yet, rows
that nobody announced to it, and rows of workspaces that it has never heard of. So versions go on above the highest that
is stored: otherwise a new count would get the number of an old one, and both would be read. Seconds in which something
arrived since the snapshot are touched: they are counted again, and what their counts said before is superseded. All
other counts were made of rows that the backup holds, for they were copied before the rows. Rows of unknown workspaces
go: one that is made later under the same id must not find them.
"""

import secrets
from typing import Final

from tidegate.app.backup.state_copy import OwnerConnection
from tidegate.app.backup.telemetry_copy import tables_of
from tidegate.storage.engine.quoting import identifier, string_list
from tidegate.storage.telemetry import TelemetryEngine

__all__ = ["reconcile"]

# Rows are stored at most 50 s after they are stamped as received: a flush may take 20 s, an insert 30 s.
_SETTLED_S: Final = 120
_SECONDS_A_TOUCH: Final = 5_000  # counting takes what it can of each
_ARRIVED: Final = """
    SELECT workspace, arraySort(groupUniqArray(toUInt32(second))) AS seconds FROM (
        SELECT workspace, second FROM tidegate.raw_spans WHERE received_ns >= {since}
        UNION ALL SELECT workspace, second FROM tidegate.raw_logs WHERE received_ns >= {since})
    GROUP BY workspace
"""


async def reconcile(connection: OwnerConnection, engine: TelemetryEngine, *, snapshot_at: float) -> None:
    """Have everything counted again that may differ, and nothing counted twice, while nobody serves yet."""
    tables = set(await tables_of(engine))
    known = [row["id"] for row in await connection.fetch("SELECT id FROM workspaces")]
    await _forget_strangers(engine, tables, known)
    newest = 0
    for table in {"counts", "ai_runs"} & tables:
        rows = await engine.admin(f"SELECT max(version) AS newest FROM tidegate.{table}")
        newest = max(newest, int(rows[0]["newest"]))
    async with connection.transaction():
        await connection.execute(
            "UPDATE rollup_watermark SET version = greatest(version, $1), closed_at = NULL", newest
        )
        await connection.execute(
            "SELECT setval('rollup_version', greatest((SELECT last_value FROM rollup_version), $1, 1))", newest
        )
        if {"raw_spans", "raw_logs"} <= tables:
            since = int((snapshot_at - _SETTLED_S) * 1e9)
            for row in await engine.admin(_ARRIVED.format(since=since)):
                await _touch(connection, str(row["workspace"]), [int(second) for second in row["seconds"]])


async def _touch(connection: OwnerConnection, workspace: str, seconds: list[int]) -> None:
    for first in range(0, len(seconds), _SECONDS_A_TOUCH):
        await connection.execute(
            """
            INSERT INTO telemetry_touches (workspace, flush_id, writer, state, seconds)
            VALUES ($1, $2, 'restored', 'stored', $3)
            """,
            workspace,
            f"restored-{secrets.token_hex(8)}",  # another one may still wait, restored from a backup itself
            seconds[first : first + _SECONDS_A_TOUCH],
        )


async def _forget_strangers(engine: TelemetryEngine, tables: set[str], known: list[str]) -> None:
    for table in sorted(tables):
        rows = await engine.admin(f"SELECT DISTINCT workspace FROM tidegate.{identifier(table)}")
        strangers = {str(row["workspace"]) for row in rows} - set(known)
        if strangers:
            condition = f"workspace IN ({string_list(sorted(strangers))})"
            await engine.admin(
                f"ALTER TABLE tidegate.{identifier(table)} DELETE WHERE {condition} SETTINGS mutations_sync = 2"
            )
