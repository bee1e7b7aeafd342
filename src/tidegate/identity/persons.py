"""Which persons stand behind a credential: whoever separates duties asks for people, not for tokens."""

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["PostgresPersons"]


class PostgresPersons:
    """Follows credentials to the people who made them.

    A person stands behind a session and a token of their own, behind each token that they made, whosever it is, behind
    those that they rotated, and behind each service account that they added; through any number of steps. Nobody is
    behind a credential that the operator made without being a member.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def persons_behind(self, workspace: WorkspaceId, actor: str, member: str | None) -> frozenset[str]:
        """Return the ids of the persons behind the credential `actor`, which acts as `member`."""
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                WITH RECURSIVE behind (name) AS (
                    SELECT unnest($2::text[])
                    UNION
                    SELECT further.name FROM behind CROSS JOIN LATERAL (
                        SELECT unnest(ARRAY[t.member, t.created_by, t.rotated_from]) AS name
                        FROM tokens t WHERE t.workspace = $1 AND t.id = behind.name
                        UNION ALL
                        SELECT s.member FROM sessions s WHERE s.workspace = $1 AND s.id = behind.name
                        UNION ALL
                        SELECT m.added_by FROM members m
                        WHERE m.workspace = $1 AND m.id = behind.name AND m.kind = 'service-account'
                    ) AS further WHERE further.name IS NOT NULL
                )
                SELECT name FROM behind WHERE name LIKE 'usr\\_%'
                """,
                workspace,
                [name for name in (actor, member) if name],
            )
        return frozenset(row["name"] for row in rows)
