"""Chains in PostgreSQL. Rows are inserted and read, never changed; only the end of a chain moves on.

Who writes holds the row of its workspace in `audit_heads` until it commits, so sequence numbers have no gaps and a
chain has no fork: what is rolled back gives its number back with the row.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from asyncpg import Record

from tidegate.audit.canonical import hash_of
from tidegate.audit.model import (
    ActorKind,
    AuditRecord,
    ChainPlace,
    Deed,
    Entry,
    Outcome,
    SignedHead,
    canonical_of,
    recordable,
)
from tidegate.audit.ports import AuditFilter
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["PostgresAuditStore", "append_deed", "append_entries"]

if TYPE_CHECKING:
    _AnyConnection = Connection | asyncpg.Connection[Record]
else:
    _AnyConnection = asyncpg.Connection  # at run time it has no parameters

_COLUMNS: Final = (
    "seq, recorded_at, actor_kind, actor, member, action, target, outcome, count, policy_ids, request_id, "
    "before, after, details, prev_hash, hash"
)
_LOCK_HEAD: Final = "SELECT seq, hash FROM audit_heads WHERE workspace = $1 FOR NO KEY UPDATE"
# One statement: the records, and the end of the chain behind them.
_APPEND: Final = """
    WITH added AS (
        INSERT INTO audit_records (
            workspace, seq, recorded_at, actor_kind, actor, member, action, target, outcome, count, policy_ids,
            request_id, before, after, details, prev_hash, hash)
        SELECT $1, r.seq, r."recordedAt", r."actorKind", r.actor, r.member, r.action, r.target, r.outcome, r.count,
            r."policyIds", r."requestId", r.before, r.after, r.details, decode(r.prev, 'hex'), decode(r.hash, 'hex')
        FROM jsonb_to_recordset($2::text::jsonb) AS r (
            seq bigint, "recordedAt" timestamptz, "actorKind" text, actor text, member text, action text, target text,
            outcome text, count bigint, "policyIds" text[], "requestId" text, before text, after text, details jsonb,
            prev text, hash text)
        ORDER BY r.seq)
    UPDATE audit_heads SET seq = $3, hash = $4 WHERE workspace = $1
"""


async def append_deed(workspace: WorkspaceId, deed: Deed, *, within: _AnyConnection, recorded_at: datetime) -> None:
    """Record one deed in an open transaction, of a workspace or of the owner: what the operator does is recorded so."""
    await append_entries(workspace, [Entry(recordable(deed))], within=within, recorded_at=recorded_at)


async def append_entries(
    workspace: WorkspaceId, entries: Sequence[Entry], *, within: _AnyConnection, recorded_at: datetime
) -> None:
    """Record `entries` in an open transaction of `workspace`; waits for its chain, and begins it when there is none."""
    row = await within.fetchrow(_LOCK_HEAD, workspace)
    if row is None:
        genesis = ChainPlace.genesis(workspace)
        await within.execute(
            "INSERT INTO audit_heads (workspace, seq, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
            workspace,
            genesis.hash,
        )
        row = await within.fetchrow(_LOCK_HEAD, workspace)
        assert row is not None  # noqa: S101 - inserted above, by us or by somebody else, and never removed
    await _append(workspace, entries, after=ChainPlace(row["seq"], row["hash"]), within=within, recorded_at=recorded_at)


async def _append(
    workspace: WorkspaceId,
    entries: Sequence[Entry],
    *,
    after: ChainPlace,
    within: _AnyConnection,
    recorded_at: datetime,
) -> None:
    rows: list[dict[str, Any]] = []
    for entry in entries:
        canonical = canonical_of(workspace, after.seq + 1, recorded_at, entry)
        digest = hash_of(after.hash, canonical)
        rows.append(canonical | {"prev": after.hash.hex(), "hash": digest.hex()})
        after = ChainPlace(after.seq + 1, digest)
    await within.execute(_APPEND, workspace, json.dumps(rows), after.seq, after.hash)


class PostgresAuditStore:
    """Keeps the promises of `AuditStore` and `ChainStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(
        self, waiting: Sequence[tuple[WorkspaceId, Sequence[Entry]]], *, recorded_at: datetime
    ) -> list[WorkspaceId]:
        entries_of = dict(waiting)
        left_out: list[WorkspaceId] = []
        # In the order of names, and never waiting: two processes that do this cannot hold each other up.
        async with self._database.transaction_over(sorted(entries_of)) as visits:
            async for workspace, connection in visits:
                row = await connection.fetchrow(f"{_LOCK_HEAD} SKIP LOCKED", workspace)
                if row is None:
                    left_out.append(workspace)
                    continue
                place = ChainPlace(row["seq"], row["hash"])
                await _append(workspace, entries_of[workspace], after=place, within=connection, recorded_at=recorded_at)
        return left_out

    async def write_one(self, workspace: WorkspaceId, entries: Sequence[Entry], *, recorded_at: datetime) -> None:
        async with self._database.transaction(workspace) as connection:
            await append_entries(workspace, entries, within=connection, recorded_at=recorded_at)

    async def list_records(
        self, workspace: WorkspaceId, asked: AuditFilter, *, below: int | None, limit: int
    ) -> list[AuditRecord]:
        conditions, values = _conditions_of(asked, below)
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM audit_records WHERE workspace = $1 {conditions} ORDER BY seq DESC LIMIT $2
                """,
                workspace,
                limit,
                *values,
            )
        return [_record_of(workspace, row) for row in rows]

    async def read_chain(self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int) -> list[AuditRecord]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM audit_records
                WHERE workspace = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4
                """,
                workspace,
                after,
                up_to,
                limit,
            )
        return [_record_of(workspace, row) for row in rows]

    async def find_head(self, workspace: WorkspaceId) -> ChainPlace | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                "SELECT seq, hash FROM audit_heads WHERE workspace = $1 AND seq > 0", workspace
            )
        return ChainPlace(row["seq"], row["hash"]) if row is not None else None

    async def count_up_to(self, workspace: WorkspaceId, seq: int) -> int:
        async with self._database.transaction(workspace) as connection:
            # From the last signed head on: a chain of years is not counted every minute.
            return int(
                await connection.fetchval(
                    """
                    WITH signed AS (
                        SELECT seq, count FROM audit_signed_heads
                        WHERE workspace = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1)
                    SELECT coalesce((SELECT count FROM signed), 0) + (
                        SELECT count(*) FROM audit_records
                        WHERE workspace = $1 AND seq <= $2 AND seq > coalesce((SELECT seq FROM signed), 0))
                    """,
                    workspace,
                    seq,
                )
            )

    async def list_signed_heads(
        self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int
    ) -> list[SignedHead]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT seq, hash, count, signed_at, key_name, signature FROM audit_signed_heads
                WHERE workspace = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4
                """,
                workspace,
                after,
                up_to,
                limit,
            )
        return [SignedHead(workspace=workspace, **row) for row in rows]

    async def find_last_signed(self, workspace: WorkspaceId) -> SignedHead | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT seq, hash, count, signed_at, key_name, signature FROM audit_signed_heads
                WHERE workspace = $1 ORDER BY seq DESC LIMIT 1
                """,
                workspace,
            )
        return SignedHead(workspace=workspace, **row) if row is not None else None

    async def add_signed_head(self, workspace: WorkspaceId, head: SignedHead) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                INSERT INTO audit_signed_heads (workspace, seq, hash, count, signed_at, key_name, signature)
                VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
                """,
                workspace,
                head.seq,
                head.hash,
                head.count,
                head.signed_at,
                head.key_name,
                head.signature,
            )

    async def list_unsigned(self) -> list[WorkspaceId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_unsigned_audit() AS workspace")
        return [WorkspaceId(row["workspace"]) for row in rows]


def _conditions_of(asked: AuditFilter, below: int | None) -> tuple[str, list[object]]:
    """Return what follows `workspace = $1 … LIMIT $2`, and its values."""
    wanted: tuple[tuple[str, object], ...] = (
        ("actor = {}", asked.actor),
        ("member = {}", asked.member),
        ("actor_kind = {}", asked.actor_kind and str(asked.actor_kind)),
        ("action LIKE {}", asked.action and f"{_unlike(asked.action)}%"),
        ("target = {}", asked.target),
        ("outcome = {}", asked.outcome and str(asked.outcome)),
        ("recorded_at >= {}", asked.start),
        ("recorded_at < {}", asked.end),
        ("seq < {}", below),
    )
    given = [(condition, value) for condition, value in wanted if value is not None and value != ""]
    conditions = [f"AND {condition.format(f'${number}')}" for number, (condition, _) in enumerate(given, start=3)]
    return " ".join(conditions), [value for _, value in given]


def _unlike(text: str) -> str:
    """Return `text` for LIKE, where it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _record_of(workspace: WorkspaceId, row: Record) -> AuditRecord:
    deed = Deed(
        actor_kind=ActorKind(row["actor_kind"]),
        actor=row["actor"],
        action=row["action"],
        target=row["target"],
        outcome=Outcome(row["outcome"]),
        member=row["member"],
        policy_ids=tuple(row["policy_ids"]),
        request_id=row["request_id"],
        before=row["before"],
        after=row["after"],
        details=row["details"],
    )
    return AuditRecord(workspace, row["seq"], row["recorded_at"], deed, row["count"], row["prev_hash"], row["hash"])
