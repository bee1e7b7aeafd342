"""Each wall taken away by itself, as honestly as it can be: the statements, the engines and the doors stay real.

- The code's scope: the predicates that compare a workspace are made true in every statement, on its way to the engine.
- The engines: a role with BYPASSRLS in PostgreSQL; claims that name every workspace in telemetry.
- The policies: an authorizer that allows everything.
"""

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
from tests.api.walls.world import Doors, Installation

from tidegate.edge.authority import NOTHING_NAMED, Ruling, Target
from tidegate.edge.caller import Caller
from tidegate.storage import Database
from tidegate.storage.database import _prepare
from tidegate.storage.engine.claims import Access
from tidegate.storage.scope import SCOPE, scoped
from tidegate.storage.telemetry import TelemetryEngine, _bound
from tidegate.storage.walls import ClaimWall

__all__ = [
    "AllowAll",
    "Predicate",
    "Rewrite",
    "open_database",
    "predicates_of",
    "unscoped",
    "unwalled_telemetry",
    "without",
]

Rewrite = Callable[[str], str]
BYPASSING_ROLE = "tidegate_without_wall"

_COLUMN = r"(?:[a-z_]+\.)?workspace"
_PREDICATE = re.compile(
    rf"\b(?:{_COLUMN}\s*=\s*(?P<column>[a-z_]+\.workspace)\b"
    rf"|{_COLUMN}\s*=\s*ANY\((?P<any>[^()]*)\)"
    rf"|{_COLUMN}\s*(?:=|IS\s+NOT\s+DISTINCT\s+FROM)\s*(?P<parameter>\$\d+)(?:::text)?"
    rf"|{_COLUMN}\s*(?:=|IN)\s*(?P<bound>\{{[a-z_]+:[A-Za-z()]+\}})"
    rf"|\bworkspaces?\.id\s*=\s*(?P<named>\$\d+)"
    r"|\bid\s*=\s*current_workspace\(\))"
)
_OF_WORKSPACES = re.compile(r"(\b(?:FROM|UPDATE)\s+workspaces\b[^;]*?\bWHERE\s+)id\s*=\s*(\$\d+)", re.DOTALL)


class Predicate:
    """One condition on a workspace in one statement."""

    def __init__(self, statement: str, match: "re.Match[str]") -> None:
        self.statement = statement
        self.start, self.end = match.span()
        self.text = " ".join(match[0].split())
        parameter = match["parameter"] or match["named"]
        # The parameter keeps its type, or the engine cannot say what it is.
        self.instead = f"({parameter}::text IS NOT NULL)" if parameter else "true"

    def without(self) -> str:
        """Return the statement with this condition true for every row."""
        return self.statement[: self.start] + self.instead + self.statement[self.end :]


def predicates_of(statement: str) -> list[Predicate]:
    """Return the conditions on a workspace in `statement`; what an UPDATE or INSERT sets is none."""
    return [Predicate(statement, match) for match in _PREDICATE.finditer(statement)]


def unscoped(statement: str) -> str:
    """Return `statement` with every condition on a workspace true."""
    for predicate in reversed(predicates_of(statement)):
        statement = statement[: predicate.start] + predicate.instead + statement[predicate.end :]
    return _OF_WORKSPACES.sub(r"\1(\2::text IS NOT NULL)", statement)


Note = Callable[[str, tuple[Any, ...]], None]


def _nothing_noted(_: str, _values: tuple[Any, ...]) -> None: ...


def connection_class(rewrite: Rewrite, note: Note = _nothing_noted) -> "type[asyncpg.Connection[asyncpg.Record]]":
    """Return a kind of connection on which every statement is rewritten before PostgreSQL sees it."""

    class Rewriting(asyncpg.Connection):  # type: ignore[type-arg]
        async def execute(self, query: str, *args: Any, **more: Any) -> Any:
            note(query, args)
            return await super().execute(rewrite(query), *args, **more)

        async def executemany(self, command: str, args: Any, **more: Any) -> Any:
            return await super().executemany(rewrite(command), args, **more)

        async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
            note(query, args)
            return await super().fetch(rewrite(query), *args, **more)

        async def fetchval(self, query: str, *args: Any, **more: Any) -> Any:
            note(query, args)
            return await super().fetchval(rewrite(query), *args, **more)

        async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
            note(query, args)
            return await super().fetchrow(rewrite(query), *args, **more)

        async def fetchmany(self, query: str, args: Any, **more: Any) -> Any:
            return await super().fetchmany(rewrite(query), args, **more)

        async def prepare(self, query: str, **more: Any) -> Any:
            return await super().prepare(rewrite(query), **more)

        def cursor(self, query: str, *args: Any, **more: Any) -> Any:
            return super().cursor(rewrite(query), *args, **more)

    return Rewriting


@asynccontextmanager
async def open_database(
    dsn: str,
    *,
    rewrite: Rewrite | None = None,
    note: Note | None = None,
    bypassing: "asyncpg.Connection[asyncpg.Record] | None" = None,
) -> AsyncIterator[Database]:
    """Open the state store with rewritten statements, or as a role that row-level security does not bind.

    For the second `bypassing` is the owner's connection; `Database.connect` would refuse such a role.
    """
    options: dict[str, Any] = {}
    if rewrite or note:
        options["connection_class"] = connection_class(rewrite or str, note or _nothing_noted)
    if bypassing is not None:
        await bypassing.execute(
            f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{BYPASSING_ROLE}') THEN
                    CREATE ROLE {BYPASSING_ROLE} LOGIN BYPASSRLS PASSWORD 'without' IN ROLE tidegate_serving;
                END IF;
            END $$
            """
        )
        options |= {"user": BYPASSING_ROLE, "password": "without"}
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=8, init=_prepare, **options)
    try:
        yield Database(pool)
    finally:
        await pool.close()


class EveryonesClaims(ClaimWall):
    """Claims for all workspaces, whoever a statement is for."""

    everyone: tuple[str, ...] = ()

    def headers(self, workspaces: Collection[str], access: Access, /) -> dict[str, str]:
        return super().headers(self.everyone if workspaces else workspaces, access)


class RewritingTelemetry(TelemetryEngine):
    """Statements are rewritten before the engine sees them."""

    rewrite: Rewrite = staticmethod(unscoped)

    async def select(self, workspaces: Any, sql: str, parameters: Any = None, **more: Any) -> Any:
        return await super().select(workspaces, type(self).rewrite(sql), parameters, **more)

    async def columns(self, workspaces: Any, sql: str, parameters: Any = None, **more: Any) -> Any:
        return await super().columns(workspaces, type(self).rewrite(sql), parameters, **more)

    async def insert_select(
        self, workspaces: Any, table: str, columns: Any, select_sql: str, parameters: Any = None, **more: Any
    ) -> None:
        rewritten = type(self).rewrite(select_sql)
        await super().insert_select(workspaces, table, columns, rewritten, parameters, **more)

    async def delete(self, workspaces: Any, table: str, condition: str, parameters: Any = None) -> None:
        """Delete whatever fits the condition, without the predicate that the method adds."""
        sql = type(self).rewrite(f"DELETE FROM tidegate.{table} WHERE {SCOPE} AND ({condition})")
        headers = self._wall.headers(workspaces, Access.ERASE)
        await self._client.raw_query(sql, _bound(scoped(workspaces, sql, parameters)), transport_settings=headers)


def unwalled_telemetry(engine: TelemetryEngine, everyone: Collection[str]) -> TelemetryEngine:
    """Return `engine` without its wall: over the same connections, each claim names `everyone`."""
    wall = engine._wall
    assert isinstance(wall, ClaimWall)
    claims = EveryonesClaims(wall._keys, wall._clock)
    claims.everyone = tuple(everyone)
    return TelemetryEngine(engine._client, claims)


def rewriting_telemetry(engine: TelemetryEngine, rewrite: Rewrite, *, wall: Any = None) -> TelemetryEngine:
    kind = type("Rewriting", (RewritingTelemetry,), {"rewrite": staticmethod(rewrite)})
    made: TelemetryEngine = kind(engine._client, wall or engine._wall)
    return made


def recording_telemetry(engine: TelemetryEngine, note: Callable[[str, Mapping[str, object]], None]) -> TelemetryEngine:
    """Return `engine`, which says of each SELECT what it was and with which values."""

    class Recording(TelemetryEngine):
        async def select(self, workspaces: Any, sql: str, parameters: Any = None, **more: Any) -> Any:
            note(sql, dict(parameters or {}))
            return await super().select(workspaces, sql, parameters, **more)

        async def columns(self, workspaces: Any, sql: str, parameters: Any = None, **more: Any) -> Any:
            note(sql, dict(parameters or {}))
            return await super().columns(workspaces, sql, parameters, **more)

    return Recording(engine._client, engine._wall)


class AllowAll:
    """An authorizer without policies."""

    async def authorize(
        self, caller: Caller, operation: str, on: Target = NOTHING_NAMED, *, request_id: str = ""
    ) -> Ruling:
        return self.decide(caller, operation, on)

    def decide(
        self, caller: Caller, operation: str, on: Target = NOTHING_NAMED, *, since_proof_s: int | None = None
    ) -> Ruling:
        return Ruling(is_allowed=True, action=operation, policy_ids=("everything",), reason="")

    def enough(self, action: str, *, kind: str = "Person") -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (), ()


WALLS = ("none", "code", "engines", "policies")


@asynccontextmanager
async def without(installation: Installation, wall: str) -> AsyncIterator[Doors]:
    """Open the application without one wall; `none` leaves all of them."""
    engine, dsn = installation.telemetry, installation.dsns.serving
    async with AsyncExitStack() as stack:
        parts: dict[str, Any] = {}
        if wall == "code":
            parts["database"] = await stack.enter_async_context(open_database(dsn, rewrite=unscoped))
            parts["telemetry"] = rewriting_telemetry(engine, unscoped)
        elif wall == "engines":
            database = open_database(dsn, bypassing=installation.owner)
            parts["database"] = await stack.enter_async_context(database)
            parts["telemetry"] = unwalled_telemetry(engine, [each.id for each in installation.workspaces])
        elif wall == "policies":
            parts["authorizer"] = lambda _: AllowAll()
        yield await stack.enter_async_context(installation.doors(**parts))
