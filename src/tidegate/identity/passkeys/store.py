"""Passkeys and challenges in PostgreSQL."""

from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.identity.lookups import workspace_of
from tidegate.identity.passkeys.errors import PasskeyExistsError
from tidegate.identity.passkeys.model import Challenge, Passkey, Purpose
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

# Of active members alone: whoever is removed, deactivated or no person any more proves nothing.
_PASSKEYS = """
    SELECT k.workspace, k.id, k.member, k.name, k.credential, k.public_key, k.sign_count, k.created_at, k.last_used_at
    FROM passkeys k
    JOIN members m ON m.workspace = k.workspace AND m.id = k.member
        AND m.removed_at IS NULL AND m.deactivated_at IS NULL
    JOIN people p ON p.id = k.member AND p.deactivated_at IS NULL
    WHERE k.removed_at IS NULL
"""


class PostgresPasskeys:
    """Keeps the promises of `PasskeyStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_challenge(self, secret_hash: bytes, challenge: Challenge, *, now: datetime) -> None:
        async with self._database.across_workspaces() as connection:
            await connection.execute("DELETE FROM passkey_challenges WHERE expires_at <= $1", now)
            await connection.execute(
                "INSERT INTO passkey_challenges (hash, challenge, purpose, session, expires_at) "
                "VALUES ($1, $2, $3, $4, $5)",
                secret_hash,
                challenge.value,
                challenge.purpose,
                challenge.session,
                challenge.expires_at,
            )

    async def take_challenge(
        self, secret_hash: bytes, purpose: Purpose, *, session: str, now: datetime
    ) -> Challenge | None:
        async with self._database.across_workspaces() as connection:
            row = await connection.fetchrow(
                "DELETE FROM passkey_challenges WHERE hash = $1 RETURNING challenge, purpose, session, expires_at",
                secret_hash,
            )
        if row is None:
            return None
        found = Challenge(row["challenge"], Purpose(row["purpose"]), row["session"], row["expires_at"])
        is_right = found.purpose is purpose and found.session == session and now < found.expires_at
        return found if is_right else None

    async def find_by_credential(self, credential: bytes) -> Passkey | None:
        workspace = await workspace_of(self._database, "passkey", credential)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"{_PASSKEYS} AND k.workspace = $1 AND k.credential = $2", workspace, credential
            )
        return None if row is None else _passkey_of(row)

    async def list_passkeys(self, workspace: WorkspaceId, member: str) -> list[Passkey]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"{_PASSKEYS} AND k.workspace = $1 AND k.member = $2 ORDER BY k.created_at, k.id", workspace, member
            )
        return [_passkey_of(row) for row in rows]

    async def find_account_name(self, workspace: WorkspaceId, member: str) -> tuple[str, str] | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow("SELECT email, name FROM people WHERE id = $1", member)
        return None if row is None else (row["email"], row["name"])

    async def add_passkey(self, workspace: WorkspaceId, passkey: Passkey, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            try:
                await connection.execute(
                    """
                    INSERT INTO passkeys
                        (workspace, id, member, name, credential, public_key, sign_count, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    """,
                    workspace,
                    passkey.id,
                    passkey.member,
                    passkey.name,
                    passkey.credential,
                    passkey.public_key,
                    passkey.sign_count,
                    passkey.created_at,
                )
            except asyncpg.UniqueViolationError as error:
                raise PasskeyExistsError from error
            await self._trail.append(workspace, deed, within=connection)

    async def note_use(self, workspace: WorkspaceId, passkey: Passkey, *, sign_count: int, now: datetime) -> bool:
        async with self._database.transaction(workspace) as connection:
            # Of two answers with one count, one is a copy: the row lock lets exactly one through.
            noted = await connection.fetchval(
                """
                UPDATE passkeys SET sign_count = $4, last_used_at = $5
                WHERE workspace = $1 AND id = $2 AND sign_count = $3 AND removed_at IS NULL
                RETURNING true
                """,
                workspace,
                passkey.id,
                passkey.sign_count,
                sign_count,
                now,
            )
        return bool(noted)

    async def remove_passkey(
        self, workspace: WorkspaceId, member: str, passkey_id: str, *, now: datetime, deed: Deed
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            removed = await connection.fetchval(
                """
                UPDATE passkeys SET removed_at = $4
                WHERE workspace = $1 AND member = $2 AND id = $3 AND removed_at IS NULL
                RETURNING true
                """,
                workspace,
                member,
                passkey_id,
                now,
            )
            if removed:
                await self._trail.append(workspace, deed, within=connection)
        return bool(removed)


def _passkey_of(row: asyncpg.Record) -> Passkey:
    return Passkey(
        id=row["id"],
        workspace=WorkspaceId(row["workspace"]),
        member=row["member"],
        name=row["name"],
        credential=row["credential"],
        public_key=row["public_key"],
        sign_count=row["sign_count"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
    )
