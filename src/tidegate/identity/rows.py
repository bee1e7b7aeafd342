"""How credentials look as rows."""

import asyncpg

from tidegate.edge.proven import Role
from tidegate.identity.model import Holder, Session, Token
from tidegate.kernel import TokenId, WorkspaceId

__all__ = ["HOLDER", "SESSIONS", "TOKENS", "session_of", "token_of"]

# Of the member `m` and the person `p` behind a credential: a person without its own row may do nothing.
HOLDER = """
    m.id AS member, m.role, w.state <> 'active' AS is_suspended,
    m.removed_at IS NULL AND m.deactivated_at IS NULL
        AND (m.kind = 'service-account' OR (p.id IS NOT NULL AND p.deactivated_at IS NULL)) AS is_active
"""
TOKENS = f"""
    SELECT t.id, t.workspace, t.scope, t.hint, t.created_at, t.expires_at, t.revoked_at, t.name, t.services,
        t.environments, t.created_by, t.last_used_at, t.rotated_from, t.overlap_ends_at, {HOLDER}
    FROM tokens t
    JOIN workspaces w ON w.id = t.workspace AND w.state <> 'deleted'
    LEFT JOIN members m ON m.workspace = t.workspace AND m.id = t.member
    LEFT JOIN people p ON p.id = t.member
"""
SESSIONS = f"""
    SELECT s.id, s.workspace, s.created_at, s.expires_at, s.proven_at, s.user_agent, s.last_used_at, {HOLDER}
    FROM sessions s
    JOIN workspaces w ON w.id = s.workspace AND w.state <> 'deleted'
    LEFT JOIN members m ON m.workspace = s.workspace AND m.id = s.member
    LEFT JOIN people p ON p.id = s.member
"""


def token_of(row: asyncpg.Record) -> Token:
    return Token(
        id=TokenId(row["id"]),
        workspace=WorkspaceId(row["workspace"]),
        scope=row["scope"],
        hint=row["hint"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        name=row["name"],
        holder=_holder_of(row),
        services=_names_of(row["services"]),
        environments=_names_of(row["environments"]),
        created_by=row["created_by"],
        last_used_at=row["last_used_at"],
        rotated_from=None if row["rotated_from"] is None else TokenId(row["rotated_from"]),
        overlap_ends_at=row["overlap_ends_at"],
        is_suspended=row["is_suspended"],
    )


def session_of(row: asyncpg.Record) -> Session:
    return Session(
        id=row["id"],
        workspace=WorkspaceId(row["workspace"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        proven_at=row["proven_at"],
        holder=_holder_of(row),
        user_agent=row["user_agent"],
        last_used_at=row["last_used_at"],
        is_suspended=row["is_suspended"],
    )


def _holder_of(row: asyncpg.Record) -> Holder | None:
    if row["member"] is None:
        return None
    return Holder(id=row["member"], role=Role(row["role"]), is_active=row["is_active"])


def _names_of(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
