"""Whether credentials still stand as they did: for streams that go on, and for jobs that wait.

A stream is told within a second that its credential changed, by one question a workspace, not one a stream. A job is
done in the name of who asked for it: the credential, or for a session its member, must still be permitted to when the
job begins.
"""

from collections.abc import Collection, Mapping

from tidegate.edge.authority import NOTHING_NAMED, PolicyWall
from tidegate.edge.proven import Caller
from tidegate.identity.errors import CredentialInvalidError, WorkspaceSuspendedError
from tidegate.identity.policy.actions import operations_of
from tidegate.identity.rows import HOLDER, SESSIONS, TOKENS, session_of, token_of
from tidegate.identity.service import caller_of_found_session, caller_of_found_token
from tidegate.kernel import Clock, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["PostgresAskers", "PostgresStandings"]

_STANDINGS = f"""
    SELECT id, concat_ws(' ', role, is_suspended, is_active) AS standing
    FROM (
        SELECT s.id, {HOLDER}
        FROM sessions s
        JOIN workspaces w ON w.id = s.workspace AND w.state <> 'deleted'
        LEFT JOIN members m ON m.workspace = s.workspace AND m.id = s.member
        LEFT JOIN people p ON p.id = s.member
        WHERE s.workspace = $1 AND s.id = ANY($2) AND s.ended_at IS NULL AND s.expires_at > $3
    ) AS of_sessions
    UNION ALL
    SELECT id, concat_ws(' ', role, is_suspended, is_active) AS standing
    FROM (
        SELECT t.id, {HOLDER}
        FROM tokens t
        JOIN workspaces w ON w.id = t.workspace AND w.state <> 'deleted'
        LEFT JOIN members m ON m.workspace = t.workspace AND m.id = t.member
        LEFT JOIN people p ON p.id = t.member
        WHERE t.workspace = $1 AND t.id = ANY($2) AND t.revoked_at IS NULL
            AND (t.expires_at IS NULL OR t.expires_at > $3) AND (t.overlap_ends_at IS NULL OR t.overlap_ends_at > $3)
    ) AS of_tokens
"""


class PostgresStandings:
    """Keeps the promises of `Standings`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def standings(
        self, listeners: Mapping[WorkspaceId, Collection[str]]
    ) -> Mapping[WorkspaceId, Mapping[str, str]]:
        found: dict[WorkspaceId, dict[str, str]] = {}
        now = self._clock.now()
        async with self._database.transaction_over(listeners) as each:
            async for workspace, connection in each:
                rows = await connection.fetch(_STANDINGS, workspace, list(listeners[workspace]), now)
                found[workspace] = {row["id"]: row["standing"] for row in rows}
        return found


class PostgresAskers:
    """Keeps the promises of `Askers`."""

    def __init__(self, database: Database, authorizer: PolicyWall, clock: Clock) -> None:
        self._database = database
        self._authorizer = authorizer
        self._clock = clock

    async def why_not(self, workspace: WorkspaceId, asker: str, action: str) -> str:
        async with self._database.transaction(workspace) as connection:
            if not asker:
                state = await connection.fetchval("SELECT state FROM workspaces WHERE id = $1", workspace)
                return "" if state == "active" else "The workspace is not active."
            try:
                caller = await self._caller(connection, workspace, asker)
            except (CredentialInvalidError, WorkspaceSuspendedError) as error:
                return error.message
        if caller is None:
            return "Who asked for it has no credential any more, or is no member any more."
        # It was asked for before; whether the proof was fresh then, was decided then.
        # By the operations that it is asked for with: of these the policies know what a narrowed credential must name.
        rulings = [
            self._authorizer.decide(caller, operation, NOTHING_NAMED, since_proof_s=0)
            for operation in operations_of(action) or (action,)
        ]
        return next((ruling.reason for ruling in rulings if not ruling.is_allowed), "")

    async def _caller(self, connection: Connection, workspace: WorkspaceId, asker: str) -> Caller | None:
        now = self._clock.now()
        if asker.startswith("tok_"):
            row = await connection.fetchrow(f"{TOKENS} WHERE t.workspace = $1 AND t.id = $2", workspace, asker)
            token = None if row is None else token_of(row)
            return caller_of_found_token(token) if token is not None and token.is_valid_at(now) else None
        row = await connection.fetchrow(f"{SESSIONS} WHERE s.workspace = $1 AND s.id = $2", workspace, asker)
        session = None if row is None else session_of(row)
        # Who signed out, or whose session is over, still wants it; who was removed or deactivated has no say.
        if session is None or (session.holder is not None and not session.holder.is_active):
            return None
        return caller_of_found_session(session)
