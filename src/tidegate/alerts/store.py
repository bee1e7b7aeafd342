"""Alerts, their transitions and the evaluator's watch in PostgreSQL."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from tidegate.alerts.errors import AlertOutOfStepError, WatchLostError
from tidegate.alerts.model import (
    Alert,
    AlertDetail,
    AlertKey,
    AlertState,
    Cause,
    CauseKind,
    Change,
    Severity,
    Transition,
)
from tidegate.alerts.ports import AlertFilter, AlertListener, Watch
from tidegate.kernel import AlertId, WorkspaceId, canonical_json, format_utc
from tidegate.signals import Family
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    Record = asyncpg.Record

_GAP = timedelta(seconds=60)  # an evaluator that was away for longer may have missed what came and went
_PATIENCE = "5s"  # as long as the lease of the watch; between two statements of ours lie microseconds
_COLUMNS = """
    workspace, id, code, family, severity, service, tenant, state, value, threshold, count, sentence, runbook, since,
    fired_at, resolved_at, held_since, transition_count
"""
_CHANGED = """
    id text, code text, family text, severity text, service text, tenant text, subject text, state text,
    value double precision, threshold double precision, count bigint, sentence text, runbook text, since timestamptz,
    fired_at timestamptz, resolved_at timestamptz, held_since timestamptz, transition_count integer, expected integer
"""
_FILTER = """
    ($2::text[] IS NULL OR state = ANY ($2)) AND ($3::text IS NULL OR service = $3)
    AND ($4::text IS NULL OR tenant = $4) AND ($5::text IS NULL OR family = $5)
    AND ($6::text[] IS NULL OR code = ANY ($6)) AND ($7::text[] IS NULL OR service = ANY ($7))
"""


class PostgresAlertStore:
    """Keeps the promises of `AlertStore`; a `listener` writes in the transaction that moves alerts."""

    def __init__(self, database: Database, *, listener: AlertListener | None = None) -> None:
        self._database = database
        self._listener = listener

    async def add_changes(self, workspace: WorkspaceId, changes: Sequence[Change], *, fence: int) -> None:
        async with self._database.transaction(workspace) as connection:
            # Shared: a claim has to wait until this is committed, so that its holder reads what was written here.
            # It waits for a bounded time: a process that was stopped in here must not hold the others up.
            locked = await connection.fetchval(
                """
                SELECT set_config('idle_in_transaction_session_timeout', $2, true)
                FROM alert_watch WHERE fence = $1 FOR SHARE
                """,
                fence,
                _PATIENCE,
            )
            if locked is None:
                raise WatchLostError
            try:
                await _insert(connection, workspace, [change for change in changes if change.is_new])
            except asyncpg.UniqueViolationError as error:
                raise AlertOutOfStepError from error
            await _update(connection, workspace, [change for change in changes if not change.is_new])
            await _append(connection, workspace, changes)
            if self._listener is not None:
                await self._listener.changed(connection, workspace, changes)

    async def find_alert(self, workspace: WorkspaceId, alert_id: AlertId) -> AlertDetail | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM alerts WHERE workspace = $1 AND id = $2", workspace, alert_id
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
        return AlertDetail(_alert(row), tuple(_transition(found) for found in transitions))

    async def list_alerts(
        self, workspace: WorkspaceId, which: AlertFilter, *, limit: int, after: tuple[datetime, AlertId] | None
    ) -> list[Alert]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM alerts
                WHERE workspace = $1 AND {_FILTER} AND ($8::timestamptz IS NULL OR (since, id) < ($8, $9))
                ORDER BY since DESC, id DESC LIMIT $10
                """,
                workspace,
                *_filter(which),
                *(after or (None, None)),
                limit,
            )
        return [_alert(row) for row in rows]

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

    async def find_watch(self, workspace: WorkspaceId) -> Watch:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT evaluated_at, greatest(watched_since, workspaces.created_at) AS watched_since
                FROM alert_watch, workspaces WHERE workspaces.id = $1 AND evaluated_at >= workspaces.created_at
                """,
                workspace,
            )
        return Watch(row["evaluated_at"], row["watched_since"]) if row else Watch(None, None)


class PostgresWatchStore:
    """Keeps the promises of `WatchStore`. Leases run by the clock of PostgreSQL, which all processes share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_watch(self, holder: str, *, lease: timedelta) -> int | None:
        async with self._database.across_workspaces() as connection:
            fence: int | None = await connection.fetchval(
                """
                UPDATE alert_watch SET holder = $1, fence = fence + 1, expires_at = clock_timestamp() + $2
                WHERE holder = $1 OR expires_at < clock_timestamp() RETURNING fence
                """,
                holder,
                lease,
            )
        return fence

    async def renew_watch(self, fence: int, *, lease: timedelta) -> None:
        await self._write(
            "UPDATE alert_watch SET expires_at = clock_timestamp() + $2 WHERE fence = $1 RETURNING true", fence, lease
        )

    async def release_watch(self, fence: int) -> None:
        async with self._database.across_workspaces() as connection:
            await connection.execute("UPDATE alert_watch SET expires_at = '-infinity' WHERE fence = $1", fence)

    async def set_evaluated(self, fence: int, *, at: datetime, rules_digest: str, lease: timedelta) -> None:
        await self._write(
            """
            UPDATE alert_watch SET
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
                    f"SELECT {_COLUMNS} FROM alerts WHERE workspace = $1 AND state <> 'resolved'", workspace
                )
            alerts.extend(_alert(alert) for alert in found)
        return alerts

    async def _write(self, sql: str, *values: object) -> None:
        async with self._database.across_workspaces() as connection:
            if not await connection.fetchval(sql, *values):
                raise WatchLostError


async def _insert(connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
    if not changes:
        return
    await connection.execute(
        f"""
        INSERT INTO alerts ({_COLUMNS}, subject)
        SELECT $1, id, code, family, severity, service, tenant, state, value, threshold, count, sentence, runbook,
            since, fired_at, resolved_at, held_since, transition_count, decode(subject, 'hex')
        FROM jsonb_to_recordset($2) AS changed ({_CHANGED})
        """,
        workspace,
        [_row(change) for change in changes],
    )


async def _update(connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
    if not changes:
        return
    updated = await connection.fetch(
        f"""
        UPDATE alerts SET
            state = changed.state, value = changed.value, threshold = changed.threshold, count = changed.count,
            sentence = changed.sentence, fired_at = changed.fired_at, resolved_at = changed.resolved_at,
            held_since = changed.held_since, transition_count = changed.transition_count
        FROM jsonb_to_recordset($2) AS changed ({_CHANGED})
        WHERE alerts.workspace = $1 AND alerts.id = changed.id AND alerts.transition_count = changed.expected
        RETURNING true
        """,
        workspace,
        [_row(change) for change in changes],
    )
    if len(updated) != len(changes):
        raise AlertOutOfStepError


async def _append(connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
    await connection.execute(
        """
        INSERT INTO alert_transitions (workspace, alert_id, sequence, from_state, to_state, at, cause)
        SELECT $1, alert_id, sequence, from_state, to_state, at, cause
        FROM jsonb_to_recordset($2) AS added (
            alert_id text, sequence integer, from_state text, to_state text, at timestamptz, cause jsonb)
        """,
        workspace,
        [
            {
                "alert_id": change.alert.id,
                "sequence": transition.sequence,
                "from_state": transition.from_state,
                "to_state": transition.to_state,
                "at": format_utc(transition.at),
                "cause": _cause_row(transition.cause),
            }
            for change in changes
            for transition in change.transitions
        ],
    )


def _row(change: Change) -> dict[str, Any]:
    alert = change.alert
    return {
        "id": alert.id,
        "code": alert.code,
        "family": alert.family,
        "severity": alert.severity,
        "service": alert.service,
        "tenant": alert.tenant,
        "subject": hashlib.sha256(canonical_json([alert.service, alert.tenant])).hexdigest(),
        "state": alert.state,
        "value": alert.value,
        "threshold": alert.threshold,
        "count": alert.count,
        "sentence": alert.sentence,
        "runbook": alert.runbook,
        "since": format_utc(alert.since),
        "fired_at": alert.fired_at and format_utc(alert.fired_at),
        "resolved_at": alert.resolved_at and format_utc(alert.resolved_at),
        "held_since": alert.held_since and format_utc(alert.held_since),
        "transition_count": alert.transition_count,
        "expected": change.transitions[0].sequence - 1,
    }


def _cause_row(cause: Cause) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "value": cause.value,
        "threshold": cause.threshold,
        "count": cause.count,
        "minCount": cause.min_count,
        "windowSeconds": cause.window.total_seconds(),
        "words": cause.words,
    }


def _filter(which: AlertFilter) -> tuple[object, ...]:
    return (
        None if which.states is None else list(which.states),
        which.service,
        which.tenant,
        which.family,
        None if which.codes is None else list(which.codes),
        None if which.services is None else list(which.services),
    )


def _alert(row: "Record") -> Alert:
    return Alert(
        id=AlertId(row["id"]),
        key=AlertKey(WorkspaceId(row["workspace"]), row["code"], row["service"], row["tenant"]),
        family=Family(row["family"]),
        severity=Severity(row["severity"]),
        runbook=row["runbook"],
        state=AlertState(row["state"]),
        value=row["value"],
        threshold=row["threshold"],
        count=row["count"],
        sentence=row["sentence"],
        since=row["since"],
        transition_count=row["transition_count"],
        fired_at=row["fired_at"],
        resolved_at=row["resolved_at"],
        held_since=row["held_since"],
    )


def _transition(row: "Record") -> Transition:
    cause = row["cause"]
    return Transition(
        sequence=row["sequence"],
        from_state=AlertState(row["from_state"]),
        to_state=AlertState(row["to_state"]),
        at=row["at"],
        cause=Cause(
            kind=CauseKind(cause["kind"]),
            value=cause["value"],
            threshold=cause["threshold"],
            count=cause["count"],
            min_count=cause["minCount"],
            window=timedelta(seconds=cause["windowSeconds"]),
            words=cause["words"],
        ),
    )


ALERT_COLUMNS = _COLUMNS
"""What `alert_of` reads of a row, for who joins alerts with rows of its own."""
alert_of = _alert
