"""PostgreSQL: a pool that cannot read without naming a workspace."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from tidegate.kernel import InvalidInputError, TidegateError, UnavailableError, WorkspaceId

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

__all__ = ["Connection", "Database", "UnsafeRoleError"]

_POOL_SIZE = 8  # an edge holds a connection for 1 ms a request; eight serve thousands of requests a second
_COMMAND_TIMEOUT_S = 30.0
_GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a server that is killed in the middle of an answer: "cannot switch to state …"
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, no connection left
    asyncpg.DeadlockDetectedError,  # one of two was rolled back whole; the same request may succeed
    asyncpg.LockNotAvailableError,  # the same, of one that was told to give way
    TimeoutError,
)


class UnsafeRoleError(TidegateError):
    """The role that serves requests could read past row-level security."""

    code = "unsafe_role"


class TextUnstorableError(InvalidInputError):
    code = "text_unstorable"

    def __init__(self) -> None:
        super().__init__("A text holds the character NUL, which cannot be stored. Leave it out.")


class Database:
    """The state store of one process.

    Every read and write happens in a transaction that names its workspace; row-level security refuses the rest.
    Raises `UnavailableError` while PostgreSQL is away; nothing is retried here, because only callers know what is safe.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, size: int = _POOL_SIZE) -> "Database":
        """Open the pool, and refuse a role that row-level security does not bind.

        Raises:
            UnsafeRoleError: the role is a superuser, bypasses row-level security, or owns a table.
        """
        pool = await asyncpg.create_pool(
            dsn, min_size=1, max_size=size, command_timeout=_COMMAND_TIMEOUT_S, init=_prepare
        )
        database = cls(pool)
        await database._refuse_unsafe_role()
        return database

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self, workspace: WorkspaceId) -> AsyncIterator[Connection]:
        """Open a transaction that sees and writes rows of `workspace` only; it commits when the block ends well."""
        async with self._acquired() as connection, connection.transaction():
            await _enter(connection, workspace)
            yield connection

    @asynccontextmanager
    async def transaction_over(
        self, workspaces: Iterable[WorkspaceId]
    ) -> AsyncIterator[AsyncIterator[tuple[WorkspaceId, Connection]]]:
        """Open one transaction that visits `workspaces` one after the other, each with its own rows only."""
        async with self._acquired() as connection, connection.transaction():
            yield _visit(connection, workspaces)

    @asynccontextmanager
    async def across_workspaces(self) -> AsyncIterator[Connection]:
        """Open a transaction without a workspace: tables look empty, only the look-up functions answer, with ids."""
        async with self._acquired() as connection, connection.transaction():
            yield connection

    async def ping(self) -> bool:
        """Return whether PostgreSQL answers now."""
        try:
            async with self._acquired() as connection:
                return bool(await connection.fetchval("SELECT true", timeout=2))
        except UnavailableError:
            return False

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield connection
        except _GONE as error:
            raise UnavailableError("The state store does not answer for the moment. Try again.") from error
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
            raise TextUnstorableError from error

    async def _refuse_unsafe_role(self) -> None:
        async with self._acquired() as connection:
            unsafe = await connection.fetchval(
                """
                SELECT rolsuper OR rolbypassrls OR EXISTS (
                    SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relnamespace = 'public'::regnamespace)
                FROM pg_roles WHERE rolname = current_user
                """
            )
        if unsafe:
            raise UnsafeRoleError(
                "The database role could read past row-level security: it is a superuser, bypasses it, or owns tables. "
                "Connect as a role with none of these."
            )


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def _enter(connection: Connection, workspace: WorkspaceId) -> None:
    await connection.execute("SELECT set_config('tidegate.workspace', $1, true)", workspace)


async def _visit(
    connection: Connection, workspaces: Iterable[WorkspaceId]
) -> AsyncIterator[tuple[WorkspaceId, Connection]]:
    for workspace in workspaces:
        await _enter(connection, workspace)
        yield workspace, connection
