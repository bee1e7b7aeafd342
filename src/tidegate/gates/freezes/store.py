"""Freeze windows and their exceptions in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from asyncpg import Record

from tidegate.audit import AuditTrail, Doer
from tidegate.gates.approvals.override_store import sequence_of
from tidegate.gates.freezes.errors import FreezeExceptionNotOpenError, FreezeNotFoundError, FreezeOverError
from tidegate.gates.model import BudgetFreeze, FreezeException, FreezeWindow
from tidegate.kernel import Cursor, Page, ReleaseId, WorkspaceId, encode_cursor, format_utc
from tidegate.slos.freezes import PostgresFreezes
from tidegate.storage import Connection, Database

__all__ = ["BudgetFreezes", "PostgresFreezeWindows"]

_WINDOWS: Final = """
    id, seq, title, reason, starts_at, ends_at, zone, set_by, set_at, digest, lifted_at, lifted_by
"""
_EXCEPTIONS: Final = """
    id, window_id, release_id, release_name, reason, requested_by, requested_name, requested_at, expires_at,
    accepted_by, accepted_name, accepted_at, digest
"""


class BudgetFreezes:
    """Keeps the promises of `kinds.freeze.FreezeReader` with what objectives froze."""

    def __init__(self, freezes: PostgresFreezes) -> None:
        self._freezes = freezes

    async def list_open(
        self, workspace: WorkspaceId, services: Collection[str], *, now: datetime
    ) -> tuple[BudgetFreeze, ...]:
        found = await self._freezes.list_open(workspace, services, now=now)
        return tuple(BudgetFreeze(one.objective, one.service, one.frozen_at, one.is_excepted) for one in found)


class PostgresFreezeWindows:
    """Keeps the promises of `FreezeStore` and, for the judgement, of `kinds.freeze.FreezeCalendar`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def list_coming(self, workspace: WorkspaceId, *, now: datetime) -> tuple[FreezeWindow, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT {_WINDOWS} FROM freeze_windows WHERE workspace = $1 AND lifted_at IS NULL ORDER BY seq",
                workspace,
            )
            windows = await _with_exceptions(connection, workspace, rows)
        # One whose end was altered is still a freeze: whether it is over is asked of what was set.
        return tuple(one for one in windows if one.ends_at > now or not one.is_intact)

    async def add(self, workspace: WorkspaceId, window: FreezeWindow, *, by: Doer) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                INSERT INTO freeze_windows (workspace, id, title, reason, starts_at, ends_at, zone, set_by, set_at,
                    digest)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                workspace,
                window.id,
                window.title,
                window.reason,
                window.starts_at,
                window.ends_at,
                window.zone,
                window.set_by,
                window.set_at,
                window.digest,
            )
            deed = by.deed(
                "releases:freeze",
                f"freeze/{window.id}",
                after=window.digest,
                startsAt=format_utc(window.starts_at),
                endsAt=format_utc(window.ends_at),
            )
            await self._trail.append(workspace, deed, within=connection)

    async def lift(self, workspace: WorkspaceId, freeze_id: str, *, at: datetime, by: Doer) -> FreezeWindow:
        async with self._database.transaction(workspace) as connection:
            window = await _find(connection, workspace, freeze_id, lock=True)
            if window is None:
                raise FreezeNotFoundError(freeze_id)
            if window.lifted_at is not None or (window.ends_at <= at and window.is_intact):
                raise FreezeOverError(freeze_id)
            lifted_by = by.member or by.actor
            await connection.execute(
                "UPDATE freeze_windows SET lifted_at = $3, lifted_by = $4 WHERE workspace = $1 AND id = $2",
                workspace,
                freeze_id,
                at,
                lifted_by,
            )
            deed = by.deed("releases:freeze", f"freeze/{freeze_id}", before=window.digest, lifted=True)
            await self._trail.append(workspace, deed, within=connection)
        return replace(window, lifted_at=at, lifted_by=lifted_by)

    async def find(self, workspace: WorkspaceId, freeze_id: str) -> FreezeWindow | None:
        async with self._database.transaction(workspace) as connection:
            return await _find(connection, workspace, freeze_id)

    async def page(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[FreezeWindow]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_WINDOWS} FROM freeze_windows
                WHERE workspace = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3
                """,
                workspace,
                sequence_of(cursor),
                limit + 1,
            )
            items = await _with_exceptions(connection, workspace, rows[:limit])
        return Page(items, encode_cursor(str(rows[limit - 1]["seq"])) if len(rows) > limit else None)

    async def add_exception(
        self, workspace: WorkspaceId, freeze_id: str, exception: FreezeException, *, by: Doer
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            digest = exception.digest_within(freeze_id)
            await connection.execute(
                """
                INSERT INTO freeze_exceptions (workspace, id, window_id, release_id, release_name, reason, requested_by,
                    requested_name, requested_at, expires_at, digest)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                """,
                workspace,
                exception.id,
                freeze_id,
                exception.release_id,
                exception.release_name,
                exception.reason,
                exception.requested_by,
                exception.requested_name,
                exception.requested_at,
                exception.expires_at,
                digest,
            )
            deed = by.deed(
                "releases:freeze", f"freeze-exception/{exception.id}", after=digest, freeze=freeze_id,
                release=exception.release_name, expiresAt=format_utc(exception.expires_at),
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)

    async def accept(self, workspace: WorkspaceId, freeze_id: str, exception: FreezeException, *, by: Doer) -> None:
        asked = replace(exception, accepted_by=None, accepted_name=None, accepted_at=None).digest_within(freeze_id)
        digest = exception.digest_within(freeze_id)
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                """
                UPDATE freeze_exceptions SET accepted_by = $4, accepted_name = $5, accepted_at = $6, digest = $7
                WHERE workspace = $1 AND id = $2 AND window_id = $3 AND accepted_at IS NULL AND expires_at > $6
                    AND digest = $8
                RETURNING true
                """,
                workspace,
                exception.id,
                freeze_id,
                exception.accepted_by,
                exception.accepted_name,
                exception.accepted_at,
                digest,
                asked,
            )
            if not done:
                raise FreezeExceptionNotOpenError(exception.id)
            deed = by.deed(
                "overrides:approve", f"freeze-exception/{exception.id}", before=asked, after=digest, freeze=freeze_id,
                release=exception.release_name, expiresAt=format_utc(exception.expires_at),
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)


async def _find(
    connection: Connection, workspace: WorkspaceId, freeze_id: str, *, lock: bool = False
) -> FreezeWindow | None:
    row = await connection.fetchrow(
        f"SELECT {_WINDOWS} FROM freeze_windows WHERE workspace = $1 AND id = $2{' FOR UPDATE' if lock else ''}",
        workspace,
        freeze_id,
    )
    return None if row is None else (await _with_exceptions(connection, workspace, [row]))[0]


async def _with_exceptions(
    connection: Connection, workspace: WorkspaceId, rows: Sequence[Record]
) -> tuple[FreezeWindow, ...]:
    if not rows:
        return ()
    found = await connection.fetch(
        f"""
        SELECT {_EXCEPTIONS} FROM freeze_exceptions WHERE workspace = $1 AND window_id = ANY ($2)
        ORDER BY requested_at, id
        """,
        workspace,
        [row["id"] for row in rows],
    )
    return tuple(_window_of(row, [one for one in found if one["window_id"] == row["id"]]) for row in rows)


def _window_of(row: Record, exceptions: Sequence[Record]) -> FreezeWindow:
    window = FreezeWindow(
        id=row["id"],
        title=row["title"],
        reason=row["reason"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        zone=row["zone"],
        set_by=row["set_by"],
        set_at=row["set_at"],
        lifted_at=row["lifted_at"],
        lifted_by=row["lifted_by"],
        exceptions=tuple(map(_exception_of, exceptions)),
    )
    return replace(window, is_intact=window.digest == row["digest"])


def _exception_of(row: Record) -> FreezeException:
    exception = FreezeException(
        id=row["id"],
        release_id=ReleaseId(row["release_id"]),
        release_name=row["release_name"],
        reason=row["reason"],
        requested_by=row["requested_by"],
        requested_name=row["requested_name"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        accepted_by=row["accepted_by"],
        accepted_name=row["accepted_name"],
        accepted_at=row["accepted_at"],
    )
    return replace(exception, is_intact=exception.digest_within(row["window_id"]) == row["digest"])
