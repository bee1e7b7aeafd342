"""Alerts, their transitions and the evaluator's watch in PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import asyncpg

from tidegate.alerts.asked_rules import AskedAnswer
from tidegate.alerts.errors import AlertOutOfStepError, WatchLostError
from tidegate.alerts.model import Alert, AlertDetail, AlertKey, Change, Origin
from tidegate.alerts.ports import AlertFilter, AlertListener, Watch
from tidegate.alerts.rows import ALERT_COLUMNS, alert_of, append, insert, transition_of, update
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.slos import BurnCode
from tidegate.storage import Database

_GAP = timedelta(seconds=60)  # an evaluator that was away for longer may have missed what came and went
_PATIENCE = "5s"  # as long as the lease of the watch; between two statements of ours lie microseconds
_WATCHES = {Origin.RULES: "alert_watch", Origin.OBJECTIVES: "burn_watch"}
BURN_CODES = frozenset(map(str, BurnCode))
_FILTER = """
    ($2::text[] IS NULL OR state = ANY ($2)) AND ($3::text IS NULL OR service = $3)
    AND ($4::text IS NULL OR tenant = $4) AND ($5::text IS NULL OR (family = $5 AND origin <> 'outside'))
    AND ($6::text[] IS NULL OR code = ANY ($6)) AND ($7::text[] IS NULL OR service = ANY ($7))
"""


class PostgresAlertStore:
    """Keeps the promises of `AlertStore`; a `listener` writes in the transaction that moves alerts."""

    def __init__(
        self, database: Database, *, listener: AlertListener | None = None, origin: Origin = Origin.RULES
    ) -> None:
        self._database = database
        self._listener = listener
        self._watch = _WATCHES[origin]

    async def add_changes(self, workspace: WorkspaceId, changes: Sequence[Change], *, fence: int) -> None:
        async with self._database.transaction(workspace) as connection:
            # Shared: a claim has to wait until this is committed, so that its holder reads what was written here.
            # It waits for a bounded time: a process that was stopped in here must not hold the others up.
            locked = await connection.fetchval(
                f"""
                SELECT set_config('idle_in_transaction_session_timeout', $2, true)
                FROM {self._watch} WHERE fence = $1 FOR SHARE
                """,
                fence,
                _PATIENCE,
            )
            if locked is None:
                raise WatchLostError
            try:
                await insert(connection, workspace, [change for change in changes if change.is_new])
            except asyncpg.UniqueViolationError as error:
                raise AlertOutOfStepError from error
            await update(connection, workspace, [change for change in changes if not change.is_new])
            await append(connection, workspace, changes)
            if self._listener is not None:
                await self._listener.changed(connection, workspace, changes)

    async def find_alert(self, workspace: WorkspaceId, alert_id: AlertId) -> AlertDetail | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {ALERT_COLUMNS} FROM alerts WHERE workspace = $1 AND id = $2", workspace, alert_id
            )
            if row is None:
                return None
            transitions = await connection.fetch(
                """
                SELECT sequence, from_state, to_state, at, cause FROM alert_transitions
                WHERE workspace = $1 AND alert_id = $2 AND sequence <= $3 ORDER BY sequence
                """,
                workspace,
                alert_id,
                row["transition_count"],
            )
        return AlertDetail(alert_of(row), tuple(transition_of(found) for found in transitions))

    async def list_alerts(
        self, workspace: WorkspaceId, which: AlertFilter, *, limit: int, after: tuple[datetime, AlertId] | None
    ) -> list[Alert]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {ALERT_COLUMNS} FROM alerts
                WHERE workspace = $1 AND {_FILTER} AND ($8::timestamptz IS NULL OR (since, id) < ($8, $9))
                ORDER BY since DESC, id DESC LIMIT $10
                """,
                workspace,
                *_filter(which),
                *(after or (None, None)),
                limit,
            )
        return [alert_of(row) for row in rows]

    async def find_last_closed_at(
        self, workspace: WorkspaceId, which: AlertFilter, *, since: datetime
    ) -> datetime | None:
        async with self._database.transaction(workspace) as connection:
            found: datetime | None = await connection.fetchval(
                f"""
                SELECT max(resolved_at) FROM alerts
                WHERE workspace = $1 AND {_FILTER} AND state = 'resolved' AND resolved_at >= $8
                """,
                workspace,
                *_filter(which),
                since,
            )
        return found

    async def find_rules_changed_at(self, workspace: WorkspaceId, codes: Collection[str] | None) -> datetime | None:
        async with self._database.transaction(workspace) as connection:
            found: datetime | None = await connection.fetchval(
                """
                SELECT max(changed_at) FROM alert_rule_changes
                WHERE workspace = $1 AND ($2::text[] IS NULL OR code = ANY ($2))
                """,
                workspace,
                None if codes is None else list(codes),
            )
        return found

    async def find_watch(self, workspace: WorkspaceId, codes: Collection[str] | None = None) -> Watch:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT least(CASE WHEN burns.evaluated_at < moved.evaluated_at - $3::interval THEN burns.evaluated_at
                    ELSE moved.evaluated_at END, asked.evaluated_at) AS evaluated_at,
                    greatest(rules.watched_since, burns.watched_since, held.watched_since, asked.watched_since,
                        workspaces.created_at) AS watched_since
                FROM workspaces CROSS JOIN alert_watch AS rules
                    LEFT JOIN alert_watch_held AS held ON held.workspace = workspaces.id
                    CROSS JOIN LATERAL (SELECT CASE WHEN held.is_held THEN held.evaluated_at ELSE rules.evaluated_at END
                        AS evaluated_at) AS moved
                    LEFT JOIN burn_watch AS burns ON $2 AND EXISTS (SELECT FROM objectives WHERE workspace = $1)
                    CROSS JOIN LATERAL (SELECT bool_or(answered_at IS NULL) AS is_unheard,
                            max(answered_since) AS watched_since,
                            min(answered_at) FILTER (WHERE problem <> '' OR good_until < moved.evaluated_at)
                                AS evaluated_at
                        FROM prom_rule_answers
                        WHERE workspace = $1 AND ($4::text[] IS NULL OR code = ANY ($4))) AS asked
                WHERE workspaces.id = $1 AND moved.evaluated_at >= workspaces.created_at
                    AND asked.is_unheard IS NOT TRUE
                    AND (burns.is_only IS NULL OR burns.evaluated_at >= workspaces.created_at)
                """,
                workspace,
                codes is None or not BURN_CODES.isdisjoint(codes),
                _GAP,
                None if codes is None else list(codes),
            )
        return Watch(row["evaluated_at"], row["watched_since"]) if row else Watch(None, None)


class PostgresWatchStore:
    """Keeps the promises of `WatchStore`. Leases run by the clock of PostgreSQL, which all processes share."""

    def __init__(self, database: Database, *, origin: Origin = Origin.RULES) -> None:
        self._database = database
        self._origin = origin
        self._watch = _WATCHES[origin]

    async def claim_watch(self, holder: str, *, lease: timedelta) -> int | None:
        async with self._database.across_workspaces() as connection:
            fence: int | None = await connection.fetchval(
                f"""
                UPDATE {self._watch} SET holder = $1, fence = fence + 1, expires_at = clock_timestamp() + $2
                WHERE holder = $1 OR expires_at < clock_timestamp() RETURNING fence
                """,
                holder,
                lease,
            )
        return fence

    async def renew_watch(self, fence: int, *, lease: timedelta) -> None:
        await self._write(
            f"UPDATE {self._watch} SET expires_at = clock_timestamp() + $2 WHERE fence = $1 RETURNING true",
            fence,
            lease,
        )

    async def release_watch(self, fence: int) -> None:
        async with self._database.across_workspaces() as connection:
            await connection.execute(f"UPDATE {self._watch} SET expires_at = '-infinity' WHERE fence = $1", fence)

    async def set_evaluated(self, fence: int, *, at: datetime, rules_digest: str, lease: timedelta) -> None:
        await self._write(
            f"""
            UPDATE {self._watch} SET
                expires_at = clock_timestamp() + $2,
                evaluated_at = $3,
                watched_since = CASE
                    -- A clock that was set back by much makes a gap as well: nobody knows what it hid.
                    WHEN rules_digest = $4 AND $3 BETWEEN evaluated_at - $5::interval AND evaluated_at + $5::interval
                    THEN least(watched_since, $3) ELSE $3 END,
                rules_digest = $4
            WHERE fence = $1 RETURNING true
            """,
            fence,
            lease,
            at,
            rules_digest,
            _GAP,
        )

    async def hold(self, workspace: WorkspaceId, *, fence: int) -> None:
        await self._write_of(
            workspace,
            """
            INSERT INTO alert_watch_held (workspace, is_held, evaluated_at)
            SELECT $2, true, evaluated_at FROM alert_watch WHERE fence = $1
            ON CONFLICT (workspace) DO UPDATE SET is_held = true,
                evaluated_at = CASE WHEN alert_watch_held.is_held THEN alert_watch_held.evaluated_at
                    ELSE excluded.evaluated_at END
            RETURNING true
            """,
            fence,
        )

    async def let_go(self, workspace: WorkspaceId, *, fence: int, at: datetime) -> None:
        await self._write_of(
            workspace,
            """
            UPDATE alert_watch_held SET is_held = false, watched_since = CASE
                WHEN $3 BETWEEN evaluated_at - $4::interval AND evaluated_at + $4::interval
                THEN watched_since ELSE $3 END
            WHERE workspace = $2 AND EXISTS (SELECT FROM alert_watch WHERE fence = $1)
            RETURNING true
            """,
            fence,
            at,
            _GAP,
        )

    async def set_answers(self, workspace: WorkspaceId, answers: Sequence[AskedAnswer], *, fence: int) -> None:
        async with self._database.transaction(workspace) as connection:
            if not await connection.fetchval(f"SELECT true FROM {self._watch} WHERE fence = $1 FOR SHARE", fence):
                raise WatchLostError
            await connection.executemany(
                """
                UPDATE prom_rule_answers SET
                    answered_at = CASE WHEN $6 THEN $3 ELSE answered_at END,
                    answered_since = CASE WHEN NOT $6 THEN answered_since
                        WHEN problem = '' AND $3 BETWEEN answered_at AND good_until THEN answered_since ELSE $3 END,
                    good_until = CASE WHEN $6 THEN $4 ELSE good_until END,
                    series_count = $5, problem = $7
                WHERE workspace = $1 AND code = $2 AND set_at <= $3
                """,
                [
                    (workspace, one.code, one.asked_at, one.good_until, one.series_count, one.is_answered, one.problem)
                    for one in answers
                ],
            )

    async def list_held(self) -> list[WorkspaceId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_that_are_held() AS id")
        return [WorkspaceId(row["id"]) for row in rows]

    async def list_workspaces(self) -> list[WorkspaceId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_active_workspace_ids() AS id")
        return [WorkspaceId(row["id"]) for row in rows]

    async def list_open_alerts(self) -> list[Alert]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_open_alerts() AS id")
        alerts: list[Alert] = []
        for row in rows:
            workspace = WorkspaceId(row["id"])
            async with self._database.transaction(workspace) as connection:
                found = await connection.fetch(
                    f"""
                    SELECT {ALERT_COLUMNS} FROM alerts
                    WHERE workspace = $1 AND state <> 'resolved' AND origin = $2
                    """,
                    workspace,
                    self._origin,
                )
            alerts.extend(alert_of(alert) for alert in found)
        return alerts

    async def list_flaps(self, since: datetime) -> dict[AlertKey, tuple[datetime, ...]]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_flaps($1) AS id", since)
        found: dict[AlertKey, tuple[datetime, ...]] = {}
        for row in rows:
            workspace = WorkspaceId(row["id"])
            async with self._database.transaction(workspace) as connection:
                closed = await connection.fetch(
                    f"""
                    SELECT {ALERT_COLUMNS} FROM alerts
                    WHERE workspace = $1 AND state = 'resolved' AND resolved_at >= $2 AND flaps <> '[]'
                        AND origin = $3
                    ORDER BY resolved_at, since
                    """,
                    workspace,
                    since,
                    self._origin,
                )
            found |= {alert.key: alert.flaps for alert in map(alert_of, closed)}
        return found

    async def _write_of(self, workspace: WorkspaceId, sql: str, fence: int, *values: object) -> None:
        async with self._database.transaction(workspace) as connection:
            if not await connection.fetchval(sql, fence, workspace, *values):
                raise WatchLostError

    async def _write(self, sql: str, *values: object) -> None:
        async with self._database.across_workspaces() as connection:
            if not await connection.fetchval(sql, *values):
                raise WatchLostError


def _filter(which: AlertFilter) -> tuple[object, ...]:
    return (
        None if which.states is None else list(which.states),
        which.service,
        which.tenant,
        which.family,
        None if which.codes is None else list(which.codes),
        None if which.services is None else list(which.services),
    )
