"""Whose a credential is: the look-ups across workspaces that are by hash, and answer with an id only."""

from typing import Literal

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["workspace_of"]


async def workspace_of(
    database: Database, kind: Literal["invitation", "passkey", "session", "sign_in_link", "token"], proof: bytes
) -> WorkspaceId | None:
    """Return the workspace of what `proof` stands for, if there is one."""
    async with database.across_workspaces() as connection:
        found = await connection.fetchval(f"SELECT workspace_of_{kind}($1)", proof)
    return None if found is None else WorkspaceId(found)
