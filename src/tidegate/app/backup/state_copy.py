"""PostgreSQL as rows: every table as COPY writes it, all of one snapshot."""

import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from tidegate.app.backup.errors import BackupAlteredError, ErasureUnderWayError
from tidegate.app.backup.manifest import TableCopy

__all__ = ["OwnerConnection", "Say", "StateCopy", "copy_state", "fill_state", "list_erasures", "migrations_of"]

OwnerConnection = asyncpg.Connection
Say = Callable[[str], None]

LEDGER: Final = "schema_migrations"
"""Made by the migrations themselves."""
_CHUNK: Final = 256 * 1024
_TABLES: Final = """
    SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' AND c.relname <> $1
    GROUP BY c.relname ORDER BY c.relname
"""
_SEQUENCES: Final = """
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' ORDER BY relname
"""


@dataclass(frozen=True, slots=True)
class StateCopy:
    """What was copied."""

    snapshot_at: float
    migrations: Mapping[str, str]
    tables: Mapping[str, TableCopy]
    sequences: Mapping[str, int]
    erasures: list[tuple[str, ...]]
    """Those that were not over."""


async def copy_state(connection: OwnerConnection, folder: Path, *, say: Say) -> StateCopy:
    """Write one file a table into `folder`, as of one moment.

    Raises:
        ErasureUnderWayError: telemetry is being erased.
    """
    make_folder(folder)
    tables: dict[str, TableCopy] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # The moment in which the transaction began: the snapshot is of then or a little later.
        snapshot_at = float(await connection.fetchval("SELECT extract(epoch FROM now())"))
        migrations = await migrations_of(connection)
        erasures = await list_erasures(connection)
        if any(state == "running" for _, _, state, _ in erasures):
            raise ErasureUnderWayError
        for row in await connection.fetch(_TABLES, LEDGER):
            file = folder / f"{row['name']}.copy.gz"
            say(f"state: {row['name']}")
            rows = await _copy_out(connection, row["name"], row["columns"], file)
            tables[row["name"]] = TableCopy(file=f"{folder.name}/{file.name}", columns=row["columns"], rows=rows)
        # Not part of the snapshot: numbers that were given meanwhile are skipped, none is given twice.
        sequences = {row["name"]: await _last_of(connection, row["name"]) for row in await connection.fetch(_SEQUENCES)}
    return StateCopy(snapshot_at, migrations, tables, sequences, erasures)


def make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700)


async def migrations_of(connection: OwnerConnection) -> dict[str, str]:
    rows = await connection.fetch(f"SELECT name, digest FROM {LEDGER} ORDER BY name")
    return {row["name"]: row["digest"] for row in rows}


async def list_erasures(connection: OwnerConnection) -> list[tuple[str, ...]]:
    """Return the erasures that are not over, and how far each is."""
    if await connection.fetchval("SELECT to_regclass('public.erasures')") is None:
        return []  # the state of an earlier version
    rows = await connection.fetch(
        "SELECT workspace, id, state, batch::text FROM erasures WHERE state <> 'over' ORDER BY workspace, id"
    )
    return [tuple(row) for row in rows]


async def fill_state(
    connection: OwnerConnection,
    backup: Path,
    tables: Mapping[str, TableCopy],
    sequences: Mapping[str, int],
    *,
    say: Say,
) -> None:
    """Put the rows of a backup into the tables that the migrations made, in one transaction.

    Raises:
        BackupAlteredError: the rows do not fit the tables.
    """
    known = {row["name"]: row["columns"] for row in await connection.fetch(_TABLES, LEDGER)}
    for name, copy in tables.items():
        if sorted(copy.columns) != sorted(known.get(name, [])):
            raise BackupAlteredError(copy.file, "its columns are not those of the table")
    numbered = {row["name"] for row in await connection.fetch(_SEQUENCES)}
    if set(known) != set(tables) or numbered != set(sequences):
        raise BackupAlteredError("manifest.json", "it does not name all tables of its version")
    async with connection.transaction():
        # Triggers keep rows as they came in, and the audit's refuse everybody else; the copy is of one whole snapshot.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(f"TRUNCATE {', '.join(map(_quoted, known))}")
        for name, copy in tables.items():
            say(f"state: {name}")
            await _copy_in(connection, name, copy, backup)
        for name, last in sequences.items():
            await connection.execute("SELECT setval($1::text::regclass, $2)", f"public.{_quoted(name)}", last)
    await connection.execute("ANALYZE")


async def _copy_out(connection: OwnerConnection, table: str, columns: list[str], file: Path) -> int:
    wanted = ", ".join(map(_quoted, columns))
    with gzip.GzipFile(file, "wb", compresslevel=1, mtime=0) as packed:

        async def write(data: bytes) -> None:
            packed.write(data)

        done = await connection.copy_from_query(f"SELECT {wanted} FROM {_quoted(table)}", output=write)
    return int(done.rpartition(" ")[2])


async def _copy_in(connection: OwnerConnection, table: str, copy: TableCopy, backup: Path) -> None:
    try:
        done = await connection.copy_to_table(table, source=_chunks(backup / copy.file), columns=copy.columns)
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, gzip.BadGzipFile, EOFError) as error:
        raise BackupAlteredError(copy.file, f"its rows do not fit the table {table}") from error
    if int(done.rpartition(" ")[2]) != copy.rows:
        raise BackupAlteredError(copy.file, f"it holds other than {copy.rows:,} rows")


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with gzip.open(file, "rb") as packed:
        while chunk := packed.read(_CHUNK):
            yield chunk


async def _last_of(connection: OwnerConnection, sequence: str) -> int:
    return int(await connection.fetchval(f"SELECT last_value FROM {_quoted(sequence)}"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
