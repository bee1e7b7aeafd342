"""Known keys in PostgreSQL. A removed key stays as a row: what it signed can still be named."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from tidegate.attestations import read_public_key
from tidegate.audit import AuditTrail, Deed
from tidegate.evidence.keys.errors import EvidenceKeyExistsError, EvidenceKeyLimitError
from tidegate.evidence.keys.model import MAX_KEYS, EvidenceKey
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database


class PostgresKeyStore:
    """Keeps the promises of `KeyStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_key(self, workspace: WorkspaceId, key: EvidenceKey, *, deed: Deed) -> None:
        try:
            async with self._database.transaction(workspace) as connection:
                # The record of the audit is written first: its chain lets one writer of a workspace in at a time.
                await self._trail.append(workspace, deed, within=connection)
                count = await connection.fetchval(
                    "SELECT count(*) FROM evidence_keys WHERE workspace = $1 AND removed_at IS NULL", workspace
                )
                if count >= MAX_KEYS:
                    raise EvidenceKeyLimitError
                await connection.execute(
                    """
                    INSERT INTO evidence_keys (workspace, id, name, pem, fingerprint, added_at, added_by, expires_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    """,
                    workspace,
                    key.id,
                    key.name,
                    key.public.pem,
                    key.public.fingerprint,
                    key.added_at,
                    key.added_by,
                    key.expires_at,
                )
        except asyncpg.UniqueViolationError as error:
            raise EvidenceKeyExistsError from error

    async def remove_key(self, workspace: WorkspaceId, key_id: str, *, at: datetime, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            removed = await connection.fetchval(
                """
                UPDATE evidence_keys SET removed_at = $3
                WHERE workspace = $1 AND id = $2 AND removed_at IS NULL RETURNING id
                """,
                workspace,
                key_id,
                at,
            )
            if removed is not None:
                await self._trail.append(workspace, deed, within=connection)
        return removed is not None

    async def list_keys(self, workspace: WorkspaceId) -> Sequence[EvidenceKey]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT id, name, pem, added_at, added_by, expires_at FROM evidence_keys
                WHERE workspace = $1 AND removed_at IS NULL ORDER BY name
                """,
                workspace,
            )
        return [
            EvidenceKey(
                row["id"], row["name"], read_public_key(row["pem"]), row["added_at"], row["added_by"], row["expires_at"]
            )
            for row in rows
        ]
