"""Overrides in PostgreSQL."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from asyncpg import Record

from tidegate.alerts import OverrideAlerts, OverrideNews
from tidegate.audit import AuditTrail, Doer
from tidegate.gates.approvals.errors import (
    GateOverrideEndedError,
    GateOverrideNotFoundError,
    GateOverrideNotOpenError,
)
from tidegate.gates.model import Overridden, Override
from tidegate.jobs import NewJob, Outbox
from tidegate.kernel import (
    Cursor,
    GateId,
    InvalidInputError,
    Page,
    ReleaseId,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
    format_utc,
)
from tidegate.storage import Connection, Database

__all__ = ["END_JOB", "OVERRIDES", "PostgresOverrides", "override_of"]

END_JOB: Final = "gates.end_override"
OVERRIDES: Final = """
    id, seq, gate_id, policy_digest, release_id, release_name, reason, checks, requested_by, requested_name,
    requested_at, expires_at, digest, confirmed_by, confirmed_name, confirmed_at, confirmed_digest, ended_at, ended_by
"""


class PostgresOverrides:
    """Keeps the promises of `OverrideStore`."""

    def __init__(self, database: Database, trail: AuditTrail, *, alerts: OverrideAlerts, outbox: Outbox) -> None:
        self._database = database
        self._trail = trail
        self._alerts = alerts
        self._outbox = outbox

    async def add(self, workspace: WorkspaceId, override: Override, *, by: Doer) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                INSERT INTO gate_overrides (workspace, id, gate_id, policy_digest, release_id, release_name, reason,
                    checks, requested_by, requested_name, requested_at, expires_at, digest)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                """,
                workspace,
                override.id,
                override.gate_id,
                override.policy_digest,
                override.release_id,
                override.release_name,
                override.reason,
                [[one.check, one.outcome] for one in override.checks],
                override.requested_by,
                override.requested_name,
                override.requested_at,
                override.expires_at,
                override.digest,
            )
            deed = by.deed("overrides:request", f"override/{override.id}", after=override.digest, **_about(override))
            await self._trail.append(workspace, deed, within=connection)

    async def confirm(self, workspace: WorkspaceId, override: Override, *, service: str, by: Doer) -> None:
        now = override.confirmed_at
        assert now is not None  # noqa: S101 - what is confirmed here was confirmed
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                """
                UPDATE gate_overrides
                SET confirmed_by = $3, confirmed_name = $4, confirmed_at = $5, confirmed_digest = $6
                WHERE workspace = $1 AND id = $2 AND confirmed_at IS NULL AND ended_at IS NULL AND expires_at > $5
                    AND digest = $7
                RETURNING true
                """,
                workspace,
                override.id,
                override.confirmed_by,
                override.confirmed_name,
                now,
                override.confirmed_digest,
                override.digest,
            )
            if not done:
                raise GateOverrideNotOpenError(override.id)
            sentence = (
                f"The gate {override.gate_id} is overridden for release {override.release_name} by {override.people} "
                f"until {format_utc(override.expires_at)}: {override.reason}"
            )
            news = OverrideNews(override.id, override.gate_id, service, sentence)
            await self._alerts.open_in(connection, workspace, news, now=now)
            end = NewJob(END_JOB, {"override": override.id}, key=override.id, run_at=override.expires_at)
            await self._outbox.add(connection, workspace, [end])
            deed = by.deed(
                "overrides:approve", f"override/{override.id}", before=override.digest,
                after=override.confirmed_digest, **_about(override),
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)

    async def end(
        self, workspace: WorkspaceId, gate_id: GateId, override_id: str, *, at: datetime, by: Doer
    ) -> Override:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {OVERRIDES} FROM gate_overrides WHERE workspace = $1 AND gate_id = $2 AND id = $3 FOR UPDATE",
                workspace,
                gate_id,
                override_id,
            )
            if row is None:
                raise GateOverrideNotFoundError(override_id)
            if row["ended_at"] is not None or row["expires_at"] <= at:
                raise GateOverrideEndedError(override_id)
            ended_by = by.member or by.actor
            await connection.execute(
                "UPDATE gate_overrides SET ended_at = $3, ended_by = $4 WHERE workspace = $1 AND id = $2",
                workspace,
                override_id,
                at,
                ended_by,
            )
            await self._alerts.close_in(connection, workspace, override_id, now=at, words="Ended before its time.")
            override = override_of(row)
            deed = by.deed(
                "gates:decide", f"override/{override_id}", before=row["confirmed_digest"] or row["digest"], ended=True,
                **_about(override),
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)
        return replace(override, ended_at=at, ended_by=ended_by)

    async def expire_in(self, connection: Connection, workspace: WorkspaceId, override_id: str, now: datetime) -> None:
        """Close the alert of an override whose time is over; no error when that was done."""
        await self._alerts.close_in(connection, workspace, override_id, now=now, words="It ended by itself.")

    async def find(self, workspace: WorkspaceId, gate_id: GateId, override_id: str) -> Override | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {OVERRIDES} FROM gate_overrides WHERE workspace = $1 AND gate_id = $2 AND id = $3",
                workspace,
                gate_id,
                override_id,
            )
        return None if row is None else override_of(row)

    async def page(
        self, workspace: WorkspaceId, gate_id: GateId | None, *, limit: int, cursor: Cursor | None
    ) -> Page[Override]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {OVERRIDES} FROM gate_overrides
                WHERE workspace = $1 AND ($2::text IS NULL OR gate_id = $2) AND ($3::bigint IS NULL OR seq < $3)
                ORDER BY seq DESC LIMIT $4
                """,
                workspace,
                gate_id,
                sequence_of(cursor),
                limit + 1,
            )
        items = tuple(map(override_of, rows[:limit]))
        return Page(items, encode_cursor(str(rows[limit - 1]["seq"])) if len(rows) > limit else None)


def override_of(row: Record) -> Override:
    override = Override(
        id=row["id"],
        gate_id=GateId(row["gate_id"]),
        policy_digest=row["policy_digest"],
        release_id=ReleaseId(row["release_id"]),
        release_name=row["release_name"],
        reason=row["reason"],
        checks=tuple(Overridden(check, outcome) for check, outcome in row["checks"]),
        requested_by=row["requested_by"],
        requested_name=row["requested_name"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        confirmed_by=row["confirmed_by"],
        confirmed_name=row["confirmed_name"],
        confirmed_at=row["confirmed_at"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
    )
    is_confirmed_as_stored = row["confirmed_at"] is None or override.confirmed_digest == row["confirmed_digest"]
    return replace(override, is_intact=override.digest == row["digest"] and is_confirmed_as_stored)


def sequence_of(cursor: Cursor | None) -> int | None:
    """Return the place that a cursor of ours names.

    Raises:
        InvalidInputError: it is none of ours.
    """
    if cursor is None:
        return None
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(key)


def _about(override: Override) -> dict[str, Any]:
    return {
        "gate": override.gate_id,
        "release": override.release_name,
        "expiresAt": format_utc(override.expires_at),
        "checks": [one.check for one in override.checks],
    }
