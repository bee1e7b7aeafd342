"""Forward-only migrations of both engines, one SQL file each, applied once, in order, under a lock.

A file that was applied is never edited: its digest is kept, and a difference stops the start.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

import asyncpg

from tidegate.kernel import ConflictError
from tidegate.storage.migrations.rendering import render_statement

__all__ = ["AdminEngine", "Migration", "migrate_state", "migrate_telemetry", "read_migrations"]

_TELEMETRY_LEDGER = (
    "CREATE DATABASE IF NOT EXISTS tidegate",
    """
    CREATE TABLE IF NOT EXISTS tidegate.schema_migrations (name String, digest String, applied_at DateTime('UTC'))
    ENGINE = MergeTree ORDER BY name SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
    """,
)
_GUARDED = re.compile(r"IF EXISTS \((?P<query>.+?)\) THEN\n(?P<statement>.+)", re.DOTALL)
_LOCK_KEY = 8_420_001  # any number that nobody else in this database uses for an advisory lock


class MigrationDriftError(ConflictError):
    code = "migration_drift"


class AdminEngine(Protocol):
    """The telemetry engine as the migrations need it."""

    async def admin(self, sql: str) -> list[dict[str, object]]:
        """Run one statement with all rights."""
        ...


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    """File name without its ending, `0001_identity`; the order is the order of names."""
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(engine: str) -> tuple[Migration, ...]:
    """Return the migrations of `state` or `telemetry` in order."""
    folder = resources.files(__package__) / engine
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files)


async def migrate_state(owner_dsn: str, migrations: Sequence[Migration] | None = None) -> tuple[str, ...]:
    """Bring PostgreSQL up to date and return the names of what was applied; each file is one transaction.

    Raises:
        MigrationDriftError: an applied file has changed since.
    """
    async with _locked(owner_dsn) as connection:
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
            """
        )
        rows = await connection.fetch("SELECT name, digest FROM schema_migrations")
        waiting = _waiting(migrations or read_migrations("state"), {row["name"]: row["digest"] for row in rows})
        for migration in waiting:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, digest) VALUES ($1, $2)", migration.name, migration.digest
                )
    return tuple(migration.name for migration in waiting)


async def migrate_telemetry(
    owner_dsn: str, engine: AdminEngine, migrations: Sequence[Migration] | None = None, *, cluster: str | None = None
) -> tuple[str, ...]:
    """Bring the telemetry engine up to date and return the names of what was applied.

    The engine has no transactions over DDL, so every statement is written to be run twice (`IF NOT EXISTS`). One that
    cannot be begins with `IF EXISTS (query) THEN`, which is ours, and runs while the query finds something. The ledger
    stands in the engine itself, so that a new engine beside an old database gets its tables; the lock is PostgreSQL's.
    A `cluster` of the telemetry server gets the same tables, rendered for it.

    Raises:
        MigrationDriftError: an applied file has changed since.
    """
    async with _locked(owner_dsn):
        for statement in _TELEMETRY_LEDGER:
            await engine.admin(render_statement(statement, cluster=cluster))
        rows = await engine.admin("SELECT name, digest FROM tidegate.schema_migrations")
        applied = {str(row["name"]): str(row["digest"]) for row in rows}
        waiting = _waiting(migrations or read_migrations("telemetry"), applied)
        for migration in waiting:
            for statement in statements_of(migration.sql):
                await _apply(engine, statement, cluster=cluster)
            # Both are of our own making: a file name and a hexadecimal digest.
            row = f"'{migration.name}', '{migration.digest}', now()"
            await engine.admin(f"INSERT INTO tidegate.schema_migrations (name, digest, applied_at) SELECT {row}")
    return tuple(migration.name for migration in waiting)


async def _apply(engine: AdminEngine, statement: str, *, cluster: str | None) -> None:
    query, change = guard_of(statement)
    if query is None or await engine.admin(query):
        await engine.admin(render_statement(change, cluster=cluster))


@asynccontextmanager
async def _locked(owner_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        # One runner at a time: a second process waits here and then finds nothing to do.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        yield connection
    finally:
        await connection.close()


def _waiting(migrations: Sequence[Migration], applied: dict[str, str]) -> list[Migration]:
    for migration in migrations:
        if applied.get(migration.name, migration.digest) != migration.digest:
            raise MigrationDriftError(
                f"Migration {migration.name} was applied with other contents. "
                "Restore the file; add a new one for changes."
            )
    return [migration for migration in migrations if migration.name not in applied]


def guard_of(statement: str) -> tuple[str | None, str]:
    """Return the query that must find something, if there is one, and what is run then."""
    guarded = _GUARDED.fullmatch(statement)
    return (None, statement) if guarded is None else (guarded["query"], guarded["statement"])


def statements_of(sql: str) -> list[str]:
    """Split our own files: statements end with a semicolon at the end of a line, and nothing else does."""
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" \n;")]
