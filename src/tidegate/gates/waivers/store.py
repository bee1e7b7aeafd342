"""Waivers in PostgreSQL, and who made what from the audit."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from asyncpg import Record

from tidegate.audit import AuditTrail, Doer
from tidegate.gates.model import Waiver
from tidegate.gates.waivers.errors import WaiverEndedError, WaiverNotFoundError
from tidegate.gates.waivers.model import WaiverFilter, WaiverState
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
from tidegate.storage import Database

__all__ = ["AuditedMakers", "PostgresWaiverStore"]

_COLUMNS = """
    id, seq, gate_id, check_id, question, release_id, release_name, tenant, owner, reason, outcome, given_by, given_at,
    expires_at, ended_at, ended_by, digest
"""


class PostgresWaiverStore:
    """Keeps the promises of `WaiverStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add(self, workspace: WorkspaceId, waiver: Waiver, *, by: Doer) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                INSERT INTO gate_waivers (workspace, id, gate_id, check_id, question, release_id, release_name, tenant,
                    owner, reason, outcome, given_by, given_at, expires_at, digest)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                """,
                workspace,
                waiver.id,
                waiver.gate_id,
                waiver.check_id,
                waiver.question,
                waiver.release_id,
                waiver.release_name,
                waiver.tenant,
                waiver.owner,
                waiver.reason,
                waiver.outcome,
                waiver.given_by,
                waiver.given_at,
                waiver.expires_at,
                waiver.digest,
            )
            deed = by.deed(
                "gates:waive",
                f"waiver/{waiver.id}",
                after=waiver.digest,
                gate=waiver.gate_id,
                check=waiver.check_id,
                release=waiver.release_name,
                tenant=waiver.tenant,
                expiresAt=format_utc(waiver.expires_at),
            )
            await self._trail.append(workspace, deed, within=connection)

    async def end(
        self, workspace: WorkspaceId, gate_id: GateId, waiver_id: str, *, ended_at: datetime, by: Doer
    ) -> Waiver:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM gate_waivers WHERE workspace = $1 AND gate_id = $2 AND id = $3 FOR UPDATE",
                workspace,
                gate_id,
                waiver_id,
            )
            if row is None:
                raise WaiverNotFoundError(waiver_id)
            if row["ended_at"] is not None:
                raise WaiverEndedError(waiver_id)
            ended_by = by.member or by.actor
            await connection.execute(
                "UPDATE gate_waivers SET ended_at = $3, ended_by = $4 WHERE workspace = $1 AND id = $2",
                workspace,
                waiver_id,
                ended_at,
                ended_by,
            )
            deed = by.deed(
                "gates:waive", f"waiver/{waiver_id}", before=row["digest"], gate=gate_id, check=row["check_id"],
                ended=True,
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)
        return replace(_waiver_of(row), ended_at=ended_at, ended_by=ended_by)

    async def find(self, workspace: WorkspaceId, gate_id: GateId, waiver_id: str) -> Waiver | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM gate_waivers WHERE workspace = $1 AND gate_id = $2 AND id = $3",
                workspace,
                gate_id,
                waiver_id,
            )
        return None if row is None else _waiver_of(row)

    async def list_in_force(self, workspace: WorkspaceId, gate_id: GateId, *, now: datetime) -> tuple[Waiver, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM gate_waivers
                WHERE workspace = $1 AND gate_id = $2 AND ended_at IS NULL AND expires_at > $3 ORDER BY seq
                """,
                workspace,
                gate_id,
                now,
            )
        return tuple(waiver for waiver in map(_waiver_of, rows) if waiver.is_in_force(now))

    async def page(
        self, workspace: WorkspaceId, chosen: WaiverFilter, *, now: datetime, limit: int, cursor: Cursor | None
    ) -> Page[Waiver]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM gate_waivers
                WHERE workspace = $1 AND ($2::text IS NULL OR gate_id = $2)
                  AND ($3::boolean IS NULL OR (ended_at IS NULL AND expires_at > $4) = $3)
                  AND ($5::bigint IS NULL OR seq < $5)
                ORDER BY seq DESC LIMIT $6
                """,
                workspace,
                chosen.gate_id,
                None if chosen.state is None else chosen.state is WaiverState.IN_FORCE,
                now,
                _sequence_of(cursor),
                limit + 1,
            )
        items = tuple(map(_waiver_of, rows[:limit]))
        return Page(items, encode_cursor(str(rows[limit - 1]["seq"])) if len(rows) > limit else None)


class AuditedMakers:
    """Keeps the promises of `Makers` with what the audit recorded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_makers(
        self, workspace: WorkspaceId, *, release_id: ReleaseId, evidence: Collection[str]
    ) -> frozenset[str]:
        targets = [f"release/{release_id}"]
        targets += [f"{noun}/{one}" for one in evidence for noun in ("report", "authz-run", "evidence")]
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                WITH RECURSIVE makers (id) AS (
                    SELECT unnest(ARRAY[actor, member]) FROM audit_records
                    WHERE workspace = $1 AND outcome = 'done' AND target = ANY ($2)
                      AND action IN ('releases:create', 'evidence:report', 'evidence:attach', 'isolation:report')
                    UNION
                    SELECT made.by FROM makers JOIN (
                        SELECT id, added_by AS by FROM members WHERE workspace = $1 AND kind = 'service-account'
                        UNION ALL SELECT id, created_by FROM tokens WHERE workspace = $1
                        UNION ALL SELECT id, member FROM tokens WHERE workspace = $1
                        UNION ALL SELECT id, member FROM sessions WHERE workspace = $1
                    ) AS made ON made.id = makers.id
                )
                SELECT id FROM makers WHERE id IS NOT NULL
                """,
                workspace,
                targets,
            )
        return frozenset(row["id"] for row in rows)


def _waiver_of(row: Record) -> Waiver:
    waiver = Waiver(
        id=row["id"],
        gate_id=GateId(row["gate_id"]),
        check_id=row["check_id"],
        question=row["question"],
        release_id=ReleaseId(row["release_id"]) if row["release_id"] else None,
        release_name=row["release_name"],
        tenant=row["tenant"],
        owner=row["owner"],
        reason=row["reason"],
        outcome=row["outcome"],
        given_by=row["given_by"],
        given_at=row["given_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
    )
    return replace(waiver, is_intact=waiver.digest == row["digest"])


def _sequence_of(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(key)
