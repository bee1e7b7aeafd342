"""Alertmanagers in PostgreSQL, the alerts that they are sent, and the jobs that send."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import asyncpg

from tidegate.alerts.forwarding.errors import AlertmanagerChangedError, AlertmanagerLimitError
from tidegate.alerts.forwarding.model import MAX_TARGETS, OVER_FOR, Target
from tidegate.alerts.model import Alert, Change
from tidegate.alerts.paging.model import parse_matcher
from tidegate.alerts.rows import ALERT_COLUMNS, alert_of
from tidegate.audit import AuditTrail, Deed
from tidegate.jobs import NewJob, Outbox
from tidegate.kernel import Clock, WorkspaceId
from tidegate.kernel.canonical import JsonValue
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    Record = asyncpg.Record

__all__ = ["FORWARD", "PostgresTargets", "TargetListener"]

FORWARD: Final = "alerts.forward"
_ATTEMPTS: Final = 1_000  # a try that fails is written and tried again by the next job; this is for the state store
_PRIORITY: Final = 5
_COLUMNS: Final = """
    name, url, matchers, user_name, secret, revision, turn, created_at, changed_at, changed_by, sent_at, tried_at,
    problem, firing_count
"""


class PostgresTargets:
    """Keeps Alertmanagers; each write is committed together with what is recorded of it."""

    def __init__(self, database: Database, trail: AuditTrail, outbox: Outbox) -> None:
        self._database = database
        self._trail = trail
        self._outbox = outbox

    async def set_target(self, workspace: WorkspaceId, target: Target, *, before: str | None, deed: Deed) -> None:
        """Write it, its deed, and the job that sends to it.

        Raises:
            AlertmanagerChangedError: it is not of the revision `before` any more, or there is one (`None`) by now.
            AlertmanagerLimitError: there are too many.
        """
        try:
            async with self._database.transaction(workspace) as connection:
                await self._write(connection, workspace, target, before)
                await self.add_job_in(connection, workspace, target, at=target.changed_at)
                await self._trail.append(workspace, deed, within=connection)
        except asyncpg.UniqueViolationError as error:
            raise AlertmanagerChangedError from error

    async def delete_target(self, workspace: WorkspaceId, name: str, *, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                "DELETE FROM alertmanagers WHERE workspace = $1 AND name = $2 RETURNING true", workspace, name
            )
            if done:
                await self._trail.append(workspace, deed, within=connection)
        return bool(done)

    async def list_targets(self, workspace: WorkspaceId) -> Sequence[Target]:
        async with self._database.transaction(workspace) as connection:
            return await self.list_targets_in(connection, workspace)

    async def list_targets_in(self, connection: Connection, workspace: WorkspaceId) -> Sequence[Target]:
        rows = await connection.fetch(
            f"SELECT {_COLUMNS} FROM alertmanagers WHERE workspace = $1 ORDER BY name", workspace
        )
        return [_target_of(row) for row in rows]

    async def find_target(self, workspace: WorkspaceId, name: str) -> Target | None:
        async with self._database.transaction(workspace) as connection:
            return await self._find_in(connection, workspace, name)

    async def lock_target_in(self, connection: Connection, workspace: WorkspaceId, name: str) -> Target | None:
        return await self._find_in(connection, workspace, name, "FOR UPDATE")

    async def list_sent(self, workspace: WorkspaceId, *, now: datetime) -> list[Alert]:
        """Return alerts that fire, and those that are just over; none from outside."""
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {ALERT_COLUMNS} FROM alerts
                WHERE workspace = $1 AND origin <> 'outside'
                    AND (state = 'firing' OR (state = 'resolved' AND fired_at IS NOT NULL AND resolved_at > $2))
                """,
                workspace,
                now - OVER_FOR,
            )
        return [alert_of(row) for row in rows]

    async def set_tried_in(self, connection: Connection, workspace: WorkspaceId, target: Target) -> None:
        """Write what a turn came to, in the caller's transaction."""
        await connection.execute(
            """
            UPDATE alertmanagers SET turn = $3, sent_at = $4, tried_at = $5, problem = $6, firing_count = $7
            WHERE workspace = $1 AND name = $2
            """,
            workspace,
            target.name,
            target.turn,
            target.sent_at,
            target.tried_at,
            target.problem,
            target.firing_count,
        )

    async def add_job_in(self, connection: Connection, workspace: WorkspaceId, target: Target, *, at: datetime) -> None:
        """Let the next turn come at `at`, or earlier when it was to."""
        await self._outbox.add(connection, workspace, [_job(target, at)])

    async def _find_in(
        self, connection: Connection, workspace: WorkspaceId, name: str, lock: str = ""
    ) -> Target | None:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM alertmanagers WHERE workspace = $1 AND name = $2 {lock}", workspace, name
        )
        return None if row is None else _target_of(row)

    async def _write(self, connection: Connection, workspace: WorkspaceId, target: Target, before: str | None) -> None:
        values = (
            workspace, target.name, target.url, [str(each) for each in target.matchers], target.user, target.secret,
            target.revision, target.changed_at, target.changed_by,
        )  # fmt: skip
        if before is None:
            count = await connection.fetchval("SELECT count(*) FROM alertmanagers WHERE workspace = $1", workspace)
            if count >= MAX_TARGETS:
                raise AlertmanagerLimitError
            await connection.execute(
                """
                INSERT INTO alertmanagers (workspace, name, url, matchers, user_name, secret, revision, changed_at,
                    changed_by, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)
                """,
                *values,
            )
            return
        done = await connection.fetchval(
            """
            UPDATE alertmanagers SET url = $3, matchers = $4, user_name = $5, secret = $6, revision = $7,
                changed_at = $8, changed_by = $9, turn = 0, sent_at = NULL, tried_at = NULL, problem = '',
                firing_count = 0
            WHERE workspace = $1 AND name = $2 AND revision = $10 RETURNING true
            """,
            *values,
            before,
        )
        if not done:
            raise AlertmanagerChangedError


class TargetListener:
    """Keeps the promise of `AlertListener`: Alertmanagers are told at once, by a job of the same transaction."""

    def __init__(self, targets: PostgresTargets, clock: Clock) -> None:
        self._targets = targets
        self._clock = clock

    async def changed(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        if not any(change.alert.outside is None and change.alert.fired_at is not None for change in changes):
            return
        for target in await self._targets.list_targets_in(connection, workspace):
            await self._targets.add_job_in(connection, workspace, target, at=self._clock.now())


def _job(target: Target, at: datetime) -> NewJob:
    payload: dict[str, JsonValue] = {"target": target.name, "revision": target.revision, "turn": target.turn}
    key = f"{target.name}:{target.revision}:{target.turn}"
    return NewJob(FORWARD, payload, key=key, run_at=at, max_attempts=_ATTEMPTS, priority=_PRIORITY)


def _target_of(row: "Record") -> Target:
    return Target(
        name=row["name"],
        url=row["url"],
        revision=row["revision"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        matchers=tuple(parse_matcher(each) for each in row["matchers"]),
        user=row["user_name"],
        secret=row["secret"],
        turn=row["turn"],
        sent_at=row["sent_at"],
        tried_at=row["tried_at"],
        problem=row["problem"],
        firing_count=row["firing_count"],
    )
