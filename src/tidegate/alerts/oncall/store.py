"""Schedules in PostgreSQL, and the jobs that read them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from tidegate.alerts.oncall.errors import ScheduleChangedError, ScheduleInUseError, ScheduleLimitError
from tidegate.alerts.oncall.model import MAX_SCHEDULES, Reading, Schedule
from tidegate.alerts.oncall.ports import Farewell, Uses
from tidegate.alerts.oncall.rows import COLUMNS, roster_json, schedule_of, settings_json
from tidegate.audit import AuditTrail, Deed
from tidegate.jobs import NewJob, Outbox
from tidegate.kernel import WorkspaceId
from tidegate.kernel.canonical import JsonValue
from tidegate.storage import Connection, Database

__all__ = ["READ", "PostgresSchedules"]

READ: Final = "alerts.read_schedule"
_ATTEMPTS: Final = 1_000  # a try that fails is written and tried again by the next job; this is for the state store


class PostgresSchedules:
    """Keeps the promises of `ScheduleStore`."""

    def __init__(self, database: Database, trail: AuditTrail, outbox: Outbox) -> None:
        self._database = database
        self._trail = trail
        self._outbox = outbox

    async def set_schedule(self, workspace: WorkspaceId, schedule: Schedule, *, before: str | None, deed: Deed) -> None:
        try:
            async with self._database.transaction(workspace) as connection:
                await self._write(connection, workspace, schedule, before)
                await self._outbox.add(connection, workspace, [_job(schedule, 0, schedule.changed_at)])
                await self._trail.append(workspace, deed, within=connection)
        except asyncpg.UniqueViolationError as error:
            raise ScheduleChangedError from error

    async def delete_schedule(
        self, workspace: WorkspaceId, name: str, *, uses: Uses, deed: Deed, farewell: Farewell
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"DELETE FROM oncall_schedules WHERE workspace = $1 AND name = $2 RETURNING {COLUMNS}", workspace, name
            )
            if row is None:
                return False
            if await uses.is_used_in(connection, workspace, name):
                raise ScheduleInUseError(name)
            await farewell(connection, schedule_of(row))
            await self._trail.append(workspace, deed, within=connection)
        return True

    async def find_schedule(self, workspace: WorkspaceId, name: str) -> Schedule | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {COLUMNS}, body FROM oncall_schedules WHERE workspace = $1 AND name = $2", workspace, name
            )
        return None if row is None else schedule_of(row, row["body"])

    async def list_schedules(self, workspace: WorkspaceId) -> Sequence[Schedule]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM oncall_schedules WHERE workspace = $1 ORDER BY name", workspace
            )
        return [schedule_of(row) for row in rows]

    async def list_named_in(
        self, connection: Connection, workspace: WorkspaceId, names: Collection[str]
    ) -> Sequence[Schedule]:
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM oncall_schedules WHERE workspace = $1 AND name = ANY ($2)", workspace, sorted(names)
        )
        return [schedule_of(row) for row in rows]

    async def lock_schedule_in(self, connection: Connection, workspace: WorkspaceId, name: str) -> Schedule | None:
        row = await connection.fetchrow(
            f"SELECT {COLUMNS} FROM oncall_schedules WHERE workspace = $1 AND name = $2 FOR UPDATE", workspace, name
        )
        return None if row is None else schedule_of(row)

    async def set_reading_in(
        self, connection: Connection, workspace: WorkspaceId, schedule: Schedule, reading: Reading, *, next_at: datetime
    ) -> None:
        await connection.execute(
            """
            UPDATE oncall_schedules SET sequence = $3, read_at = $4, tried_at = $5, problem = $6, roster = $7,
                told_stale_at = $8, told_channels = $9
            WHERE workspace = $1 AND name = $2
            """,
            workspace,
            schedule.name,
            reading.sequence,
            reading.read_at,
            reading.tried_at,
            reading.problem,
            None if reading.roster is None else roster_json(reading.roster),
            reading.told_stale_at,
            list(reading.told_channels),
        )
        await self._outbox.add(connection, workspace, [_job(schedule, reading.sequence, next_at)])

    async def _write(
        self, connection: Connection, workspace: WorkspaceId, schedule: Schedule, before: str | None
    ) -> None:
        values = (
            workspace, schedule.name, str(schedule.kind), schedule.revision, settings_json(schedule), schedule.secret,
            schedule.secret_hint, schedule.body, schedule.changed_at, schedule.changed_by,
        )  # fmt: skip
        if before is None:
            count = await connection.fetchval("SELECT count(*) FROM oncall_schedules WHERE workspace = $1", workspace)
            if count >= MAX_SCHEDULES:
                raise ScheduleLimitError
            await connection.execute(
                """
                INSERT INTO oncall_schedules (workspace, name, kind, revision, settings, secret, secret_hint, body,
                    changed_at, changed_by, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)
                """,
                *values,
            )
            return
        done = await connection.fetchval(
            """
            UPDATE oncall_schedules SET kind = $3, revision = $4, settings = $5, secret = $6, secret_hint = $7,
                body = $8, changed_at = $9, changed_by = $10, sequence = 0, tried_at = NULL, problem = '',
                read_at = $12, roster = $13
            WHERE workspace = $1 AND name = $2 AND revision = $11
            RETURNING true
            """,
            *values,
            before,
            schedule.reading.read_at,
            None if schedule.reading.roster is None else roster_json(schedule.reading.roster),
        )
        if not done:
            raise ScheduleChangedError


def _job(schedule: Schedule, sequence: int, at: datetime) -> NewJob:
    payload: dict[str, JsonValue] = {"schedule": schedule.name, "revision": schedule.revision, "sequence": sequence}
    key = f"{schedule.name}:{schedule.revision}:{sequence}"
    return NewJob(READ, payload, key=key, run_at=at, max_attempts=_ATTEMPTS)
