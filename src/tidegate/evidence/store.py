"""Test reports in PostgreSQL."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from asyncpg import Record

from tidegate.audit import AuditTrail, Deed
from tidegate.evidence.model import CiReport, CiStanding, CiSubject, ReadReport, body_of, report_of
from tidegate.kernel import Remembered, WorkspaceId, canonical_json, digest_of
from tidegate.storage import Connection, Database

# Gates ask every second, and 16 MB take 0.5 s to read and digest. A case takes some 600 bytes in memory.
_MAX_REMEMBERED_CASES = 120_000  # the largest report has 100,000
_COLUMNS = "id, suite, commit, service, run_id, source_digest, body, digest, received_at, seq"


class PostgresCiReportStore:
    """Keeps the promises of `CiReportStore`. Bodies are kept as canonical JSON, so that digests can be checked."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail
        self._reports: Remembered[tuple[WorkspaceId, tuple[object, ...]], CiReport] = Remembered(
            max_weight=_MAX_REMEMBERED_CASES
        )

    async def add_report(  # noqa: PLR0913 - one argument a column
        self,
        workspace: WorkspaceId,
        report_id: str,
        *,
        run_id: str,
        subject: CiSubject,
        read: ReadReport,
        source_digest: str,
        received_at: datetime,
        deed: Deed,
    ) -> bool:
        body = canonical_json(body_of(subject, read))
        async with self._database.transaction(workspace) as connection:
            sequence = await connection.fetchval(
                """
                INSERT INTO ci_reports
                    (workspace, id, suite, commit, service, run_id, source_digest, body, digest, received_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                ON CONFLICT (workspace, suite, commit, service, run_id) DO NOTHING RETURNING seq
                """,
                workspace,
                report_id,
                subject.suite,
                subject.commit,
                subject.service or "",
                run_id,
                source_digest,
                body,
                digest_of(body),
                received_at,
            )
            if sequence is None:
                return False
            await _move_head(connection, workspace, subject, sequence)
            await self._trail.append(workspace, replace(deed, after=digest_of(body)), within=connection)
        return True

    async def find_report(self, workspace: WorkspaceId, report_id: str) -> CiReport | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM ci_reports WHERE workspace = $1 AND id = $2", workspace, report_id
            )
        return None if row is None else _report_of(row)

    async def find_reports(self, workspace: WorkspaceId, report_ids: Collection[str]) -> tuple[CiReport, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM ci_reports WHERE workspace = $1 AND id = ANY ($2)", workspace, list(report_ids)
            )
        return tuple(map(_report_of, rows))

    async def find_run(self, workspace: WorkspaceId, subject: CiSubject, run_id: str) -> CiReport | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                SELECT {_COLUMNS} FROM ci_reports
                WHERE workspace = $1 AND suite = $2 AND commit = $3 AND service = $4 AND run_id = $5
                """,
                workspace,
                subject.suite,
                subject.commit,
                subject.service or "",
                run_id,
            )
        return None if row is None else _report_of(row)

    async def list_standings(
        self, workspace: WorkspaceId, *, commit: str, service: str | None, suite: str | None
    ) -> tuple[CiStanding, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT s.suite, s.commit, s.service, s.latest_seq, r.id, r.run_id, r.source_digest, r.digest,
                       r.received_at, r.seq, encode(sha256(r.body), 'hex') AS body_hash
                FROM ci_subjects s
                LEFT JOIN ci_reports r ON r.workspace = s.workspace AND r.commit = s.commit
                    AND r.suite = s.suite AND r.service = s.service AND r.seq = s.latest_seq
                WHERE s.workspace = $1 AND s.commit = $2 AND s.service IN ('', $3)
                  AND ($4::text IS NULL OR s.suite = $4)
                ORDER BY s.suite, s.service
                """,
                workspace,
                commit,
                service or "",
                suite,
            )
            return tuple([await self._standing_of(connection, workspace, row) for row in rows])

    async def _standing_of(self, connection: Connection, workspace: WorkspaceId, row: Record) -> CiStanding:
        if row["seq"] is None:
            return CiStanding(_subject_of(row), row["latest_seq"], None)
        # All of the row is in the key, its body by a hash of what it is now: one that was altered is read again.
        key = (workspace, tuple(row.values()))
        report = self._reports.find(key)
        if report is None:
            found = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM ci_reports WHERE workspace = $1 AND id = $2", workspace, row["id"]
            )
            report = None if found is None else await asyncio.to_thread(_report_of, found)
            if report is not None:
                self._reports.add(key, report, weight=len(report.cases) + 1)
        return CiStanding(_subject_of(row), row["latest_seq"], report)


async def _move_head(connection: Connection, workspace: WorkspaceId, subject: CiSubject, sequence: int) -> None:
    await connection.execute(
        """
        INSERT INTO ci_subjects (workspace, commit, suite, service, latest_seq) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace, commit, suite, service)
        DO UPDATE SET latest_seq = greatest(ci_subjects.latest_seq, excluded.latest_seq)
        """,
        workspace,
        subject.commit,
        subject.suite,
        subject.service or "",
        sequence,
    )


def _subject_of(row: Record) -> CiSubject:
    return CiSubject(row["suite"], row["commit"], row["service"] or None)


def _report_of(row: Record) -> CiReport:
    return report_of(
        json.loads(row["body"]),
        report_id=row["id"],
        run_id=row["run_id"],
        subject=_subject_of(row),
        source_digest=row["source_digest"],
        digest=row["digest"],
        received_at=row["received_at"],
        sequence=row["seq"],
    )
