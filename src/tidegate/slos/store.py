"""Objectives of workspaces in PostgreSQL."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import WorkspaceId, digest_of
from tidegate.slos.errors import ObjectivesChangedError
from tidegate.slos.freeze_rows import lift_in
from tidegate.slos.model import FreezeMove, Objective, StoredObjective
from tidegate.slos.objective_files import body_of, objective_of_body
from tidegate.storage import Database

__all__ = ["PostgresObjectiveStore"]

_REMOVED = "The objective was removed."


class PostgresObjectiveStore:
    """Keeps the promises of `ObjectiveStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_all(self, workspace: WorkspaceId) -> Sequence[StoredObjective]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT * FROM (
                    SELECT DISTINCT ON (name) name, version, body, digest, applied_at, applied_by FROM objectives
                    WHERE workspace = $1 ORDER BY name, version DESC) AS newest
                WHERE body IS NOT NULL ORDER BY name
                """,
                workspace,
            )
        return [
            StoredObjective(
                objective_of_body(json.loads(row["body"])),
                row["version"],
                row["digest"],
                row["applied_at"],
                row["applied_by"],
            )
            for row in rows
        ]

    async def find_versions(self, workspace: WorkspaceId) -> Mapping[str, int]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                "SELECT name, max(version) AS newest FROM objectives WHERE workspace = $1 GROUP BY name", workspace
            )
        return {row["name"]: row["newest"] for row in rows}

    async def add_versions(
        self,
        workspace: WorkspaceId,
        changes: Sequence[tuple[str, int, Objective | None, Deed]],
        *,
        applied_at: datetime,
        applied_by: str,
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            for name, version, objective, deed in changes:
                body = None if objective is None else body_of(objective)
                try:
                    await connection.execute(
                        """
                        INSERT INTO objectives (workspace, name, version, body, digest, applied_at, applied_by)
                        VALUES ($1, $2, $3, $4, $5, $6, $7)
                        """,
                        workspace,
                        name,
                        version,
                        body,
                        "" if body is None else digest_of(body),
                        applied_at,
                        applied_by,
                    )
                except asyncpg.UniqueViolationError as error:
                    raise ObjectivesChangedError from error
                await self._trail.append(workspace, deed, within=connection)
            gone = {name: FreezeMove(_REMOVED, None) for name, _, objective, _ in changes if objective is None}
            await lift_in(connection, self._trail, workspace, gone, at=applied_at)
            await connection.execute("UPDATE objective_changes SET change_count = change_count + 1")

    async def workspaces(self) -> Sequence[WorkspaceId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_objectives() AS id")
        return [WorkspaceId(row["id"]) for row in rows]

    async def change_count(self) -> int:
        async with self._database.across_workspaces() as connection:
            return int(await connection.fetchval("SELECT change_count FROM objective_changes"))
