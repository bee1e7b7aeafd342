"""Freezes and exceptions in PostgreSQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from tidegate.audit import ITSELF, AuditTrail, Deed
from tidegate.kernel import WorkspaceId
from tidegate.slos.model import Freeze, FreezeException, FreezeMove
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    Record = asyncpg.Record

__all__ = ["PostgresFreezeStore", "lift_in"]

_FREEZE = "name, frozen_at, reason, left_at_freeze, lifted_at, lift_reason, left_at_lift"
_EXCEPTION = "id, name, member, role, reason, granted_at, until, ended_at, ended_by"


class PostgresFreezeStore:
    """Keeps the promises of `FreezeStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_freezes(self, workspace: WorkspaceId) -> Mapping[str, Freeze]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT {_FREEZE} FROM objective_freezes WHERE workspace = $1 AND lifted_at IS NULL", workspace
            )
        return {row["name"]: _freeze_of(row) for row in rows}

    async def find_exceptions(
        self, workspace: WorkspaceId, *, now: datetime
    ) -> Mapping[str, Sequence[FreezeException]]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_EXCEPTION} FROM objective_exceptions
                WHERE workspace = $1 AND until > $2 AND ended_at IS NULL ORDER BY until DESC, id
                """,
                workspace,
                now,
            )
        found: defaultdict[str, list[FreezeException]] = defaultdict(list)
        for row in rows:
            found[row["name"]].append(FreezeException(*row))
        return found

    async def find_history(
        self, workspace: WorkspaceId, name: str, *, limit: int
    ) -> tuple[Sequence[Freeze], Sequence[FreezeException]]:
        async with self._database.transaction(workspace) as connection:
            freezes = await connection.fetch(
                f"""
                SELECT {_FREEZE} FROM objective_freezes
                WHERE workspace = $1 AND name = $2 ORDER BY frozen_at DESC LIMIT $3
                """,
                workspace,
                name,
                limit,
            )
            exceptions = await connection.fetch(
                f"""
                SELECT {_EXCEPTION} FROM objective_exceptions
                WHERE workspace = $1 AND name = $2 ORDER BY until DESC, id LIMIT $3
                """,
                workspace,
                name,
                limit,
            )
        return [_freeze_of(row) for row in freezes], [FreezeException(*row) for row in exceptions]

    async def move_freezes(
        self,
        workspace: WorkspaceId,
        *,
        begun: Mapping[str, FreezeMove],
        lifted: Mapping[str, FreezeMove],
        at: datetime,
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            for name, move in sorted(begun.items()):
                is_new = await connection.fetchval(
                    """
                    INSERT INTO objective_freezes (workspace, name, frozen_at, reason, left_at_freeze)
                    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true
                    """,
                    workspace,
                    name,
                    at,
                    move.reason,
                    move.left_share,
                )
                if is_new:
                    await self._trail.append(workspace, _deed("objectives:freeze", name, move), within=connection)
            await lift_in(connection, self._trail, workspace, lifted, at=at)

    async def add_exception(self, workspace: WorkspaceId, exception: FreezeException, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            # Held until this is committed: a freeze that is lifted meanwhile takes no exception after it.
            frozen = await connection.fetchval(
                """
                SELECT true FROM objective_freezes
                WHERE workspace = $1 AND name = $2 AND lifted_at IS NULL AND frozen_at <= $3 FOR SHARE
                """,
                workspace,
                exception.objective,
                exception.granted_at,
            )
            if not frozen:
                return False
            await connection.execute(
                """
                INSERT INTO objective_exceptions (workspace, id, name, member, role, reason, granted_at, until)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                workspace,
                exception.id,
                exception.objective,
                exception.member,
                exception.role,
                exception.reason,
                exception.granted_at,
                exception.until,
            )
            await self._trail.append(workspace, deed, within=connection)
        return True

    async def end_exception(
        self, workspace: WorkspaceId, which: tuple[str, str], *, at: datetime, who: str, deed: Deed
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            ended = await connection.fetchval(
                """
                UPDATE objective_exceptions SET ended_at = $4, ended_by = $5
                WHERE workspace = $1 AND name = $2 AND id = $3 AND ended_at IS NULL AND until > $4 RETURNING true
                """,
                workspace,
                *which,
                at,
                who,
            )
            if ended:
                await self._trail.append(workspace, deed, within=connection)
                return True
            return bool(
                await connection.fetchval(
                    "SELECT true FROM objective_exceptions WHERE workspace = $1 AND name = $2 AND id = $3",
                    workspace,
                    *which,
                )
            )


async def lift_in(
    connection: Connection, trail: AuditTrail, workspace: WorkspaceId, moves: Mapping[str, FreezeMove], *, at: datetime
) -> None:
    """Lift what is frozen among `moves`, and record it."""
    for name, move in sorted(moves.items()):
        is_lifted = await connection.fetchval(
            """
            UPDATE objective_freezes SET lifted_at = greatest($3, frozen_at), lift_reason = $4, left_at_lift = $5
            WHERE workspace = $1 AND name = $2 AND lifted_at IS NULL RETURNING true
            """,
            workspace,
            name,
            at,
            move.reason,
            move.left_share,
        )
        if is_lifted:
            await trail.append(workspace, _deed("objectives:lift", name, move), within=connection)


def _deed(action: str, name: str, move: FreezeMove) -> Deed:
    return ITSELF.deed(action, f"objective/{name}", reason=move.reason)


def _freeze_of(row: "Record") -> Freeze:
    lifted = None if row["lifted_at"] is None else FreezeMove(row["lift_reason"], row["left_at_lift"])
    begun = FreezeMove(row["reason"], row["left_at_freeze"])
    return Freeze(row["name"], row["frozen_at"], begun, row["lifted_at"], lifted)
