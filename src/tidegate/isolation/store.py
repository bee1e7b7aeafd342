"""Authorization regression runs in PostgreSQL."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asyncpg import Record

from tidegate.audit import AuditTrail, Deed
from tidegate.isolation.model import AuthzRun, AuthzStanding, AuthzSubject, read_run
from tidegate.kernel import Remembered, WorkspaceId, canonical_json
from tidegate.storage import Connection, Database

# Gates ask every second, and 14 MB take 0.5 s to read and digest. A case takes some 600 bytes in memory.
_MAX_REMEMBERED_CASES = 120_000  # the largest run has 50,000
_COLUMNS = "service, commit, suite, body, digest, received_at, seq"


class PostgresAuthzRunStore:
    """Keeps the promises of `AuthzRunStore`. Bodies are kept as canonical JSON, so that digests can be checked."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail
        self._runs: Remembered[tuple[WorkspaceId, tuple[object, ...]], AuthzRun] = Remembered(
            max_weight=_MAX_REMEMBERED_CASES
        )

    async def add_run(  # noqa: PLR0913 - one argument a column, and who did it
        self,
        workspace: WorkspaceId,
        run_id: str,
        *,
        subject: AuthzSubject,
        body: Mapping[str, Any],
        digest: str,
        received_at: datetime,
        deed: Deed,
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            sequence = await connection.fetchval(
                """
                INSERT INTO authz_runs (workspace, run_id, service, commit, suite, body, digest, received_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workspace, run_id) DO NOTHING RETURNING seq
                """,
                workspace,
                run_id,
                subject.service,
                subject.commit,
                subject.suite,
                canonical_json(body),
                digest,
                received_at,
            )
            if sequence is None:
                return False
            await connection.execute(
                """
                INSERT INTO authz_subjects (workspace, service, commit, suite, latest_seq) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (workspace, service, commit, suite)
                DO UPDATE SET latest_seq = greatest(authz_subjects.latest_seq, excluded.latest_seq)
                """,
                workspace,
                subject.service,
                subject.commit,
                subject.suite,
                sequence,
            )
            await self._trail.append(workspace, deed, within=connection)
        return True

    async def find_run(self, workspace: WorkspaceId, run_id: str) -> AuthzRun | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM authz_runs WHERE workspace = $1 AND run_id = $2", workspace, run_id
            )
        return None if row is None else _run_of(row)

    async def find_latest_run(
        self, workspace: WorkspaceId, service: str, *, commit: str | None, suite: str | None
    ) -> AuthzRun | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                SELECT {_COLUMNS} FROM authz_runs
                WHERE workspace = $1 AND service = $2
                  AND ($3::text IS NULL OR commit = $3) AND ($4::text IS NULL OR suite = $4)
                ORDER BY seq DESC LIMIT 1
                """,
                workspace,
                service,
                commit,
                suite,
            )
        return None if row is None else _run_of(row)

    async def list_standings(
        self, workspace: WorkspaceId, service: str, *, commit: str, suite: str | None
    ) -> tuple[AuthzStanding, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT s.service, s.commit, s.suite, s.latest_seq, r.run_id, r.digest, r.received_at, r.seq,
                    encode(sha256(r.body), 'hex') AS body_hash
                FROM authz_subjects s
                LEFT JOIN authz_runs r ON r.workspace = s.workspace AND r.service = s.service
                    AND r.commit = s.commit AND r.suite = s.suite AND r.seq = s.latest_seq
                WHERE s.workspace = $1 AND s.service = $2 AND s.commit = $3 AND ($4::text IS NULL OR s.suite = $4)
                ORDER BY s.suite
                """,
                workspace,
                service,
                commit,
                suite,
            )
            return tuple([await self._standing_of(connection, workspace, row) for row in rows])

    async def _standing_of(self, connection: Connection, workspace: WorkspaceId, row: Record) -> AuthzStanding:
        subject = AuthzSubject(row["service"], row["commit"], row["suite"])
        if row["seq"] is None:
            return AuthzStanding(subject, row["latest_seq"], None)
        # All of the row is in the key, its body by a hash of what it is now: one that was altered is read again.
        key = (workspace, tuple(row.values()))
        run = self._runs.find(key)
        if run is None:
            found = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM authz_runs WHERE workspace = $1 AND run_id = $2", workspace, row["run_id"]
            )
            run = None if found is None else await asyncio.to_thread(_run_of, found)
            if run is not None:
                self._runs.add(key, run, weight=len(run.cases) + 1)
        return AuthzStanding(subject, row["latest_seq"], run)


def _run_of(row: Record) -> AuthzRun:
    return read_run(
        json.loads(row["body"]),
        digest=row["digest"],
        subject=AuthzSubject(row["service"], row["commit"], row["suite"]),
        received_at=row["received_at"],
        sequence=row["seq"],
    )
