"""Forward-only migrations of both engines, one SQL file each, applied once, in order, under a lock.

A file that was applied is never edited: its digest is kept, and a difference stops the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

import asyncpg

from tidegate.kernel import ConflictError

__all__ = ["AdminEngine", "Migration", "migrate_state", "migrate_telemetry", "read_migrations"]

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
    async with _ledger(owner_dsn, "state", migrations) as (connection, waiting):
        for migration in waiting:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await _record(connection, "state", migration)
    return tuple(migration.name for migration in waiting)


async def migrate_telemetry(
    owner_dsn: str, engine: AdminEngine, migrations: Sequence[Migration] | None = None
) -> tuple[str, ...]:
    """Bring the telemetry engine up to date and return the names of what was applied.

    The engine has no transactions over DDL, so every statement is written to be run twice (`IF NOT EXISTS`), and the
    ledger of what was applied stands in PostgreSQL, under the same lock.

    Raises:
        MigrationDriftError: an applied file has changed since.
    """
    async with _ledger(owner_dsn, "telemetry", migrations) as (connection, waiting):
        for migration in waiting:
            for statement in _statements(migration.sql):
                await engine.admin(statement)
            await _record(connection, "telemetry", migration)
    return tuple(migration.name for migration in waiting)


@asynccontextmanager
async def _ledger(
    owner_dsn: str, engine: str, migrations: Sequence[Migration] | None
) -> AsyncIterator[tuple[asyncpg.Connection[asyncpg.Record], list[Migration]]]:
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        # One runner at a time: a second process waits here and then finds nothing to do.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                engine text NOT NULL, name text NOT NULL, digest text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (engine, name))
            """
        )
        rows = await connection.fetch("SELECT name, digest FROM schema_migrations WHERE engine = $1", engine)
        applied = {row["name"]: row["digest"] for row in rows}
        yield connection, _waiting(migrations or read_migrations(engine), applied)
    finally:
        await connection.close()


async def _record(connection: asyncpg.Connection[asyncpg.Record], engine: str, migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migrations (engine, name, digest) VALUES ($1, $2, $3)",
        engine,
        migration.name,
        migration.digest,
    )


def _waiting(migrations: Sequence[Migration], applied: dict[str, str]) -> list[Migration]:
    for migration in migrations:
        if applied.get(migration.name, migration.digest) != migration.digest:
            raise MigrationDriftError(
                f"Migration {migration.name} was applied with other contents. "
                "Restore the file; add a new one for changes."
            )
    return [migration for migration in migrations if migration.name not in applied]


def _statements(sql: str) -> list[str]:
    """Split our own files: statements end with a semicolon at the end of a line, and nothing else does."""
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" \n;")]
