"""Rule files in PostgreSQL, and the rules of all workspaces for the one who evaluates them."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from tidegate.alerts.model import Rule
from tidegate.alerts.ports import ReadRules
from tidegate.alerts.rule_sets.errors import RulesChangedError
from tidegate.alerts.rule_sets.model import LastAnswer, RuleSet
from tidegate.alerts.rule_sets.ports import NewRuleSet
from tidegate.alerts.rule_sets.reading import rules_in
from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import UnavailableError, WorkspaceId, digest_of
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    import asyncpg

__all__ = ["PostgresRuleSets"]

_NEWEST = """
    SELECT DISTINCT ON (name) name, version, body, digest, applied_at, applied_by FROM alert_rule_sets
    WHERE workspace = $1 ORDER BY name, version DESC
"""
_log = structlog.get_logger("tidegate.alerts")


class PostgresRuleSets:
    """Keeps the promises of `RuleSetStore` and of `OwnRules`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def list_sets(self, workspace: WorkspaceId) -> list[RuleSet]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(_NEWEST, workspace)
        return [_set_of(workspace, row) for row in rows]

    async def add_set(self, workspace: WorkspaceId, new: NewRuleSet, *, seen: Collection[RuleSet], deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            # First: whoever applies at the same moment waits here, and then sees what was applied.
            await connection.execute("UPDATE alert_rules_set SET change_count = change_count + 1")
            if await _versions(connection, workspace) != {one.name: one.version for one in seen}:
                raise RulesChangedError
            await connection.execute(
                """
                INSERT INTO alert_rule_sets
                    (workspace, name, version, body, digest, rule_count, applied_at, applied_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                workspace,
                new.name,
                new.version,
                new.body,
                digest_of(new.body),
                new.rule_count,
                new.applied_at,
                new.applied_by,
            )
            await connection.execute(
                """
                INSERT INTO alert_rule_changes (workspace, code, changed_at) SELECT $1, unnest($2::text[]), $3
                ON CONFLICT (workspace, code) DO UPDATE SET changed_at = excluded.changed_at
                """,
                workspace,
                list(new.changed_codes),
                new.applied_at,
            )
            # What was answered to a rule says nothing of what it is now.
            await connection.execute(
                "DELETE FROM prom_rule_answers WHERE workspace = $1 AND code = ANY ($2)", workspace,
                list(new.changed_codes),
            )  # fmt: skip
            await connection.execute(
                """
                INSERT INTO prom_rule_answers (workspace, code, set_at)
                SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING
                """,
                workspace,
                list(new.asked_codes),
                new.applied_at,
            )
            await self._trail.append(workspace, deed, within=connection)

    async def find_answer(self, workspace: WorkspaceId, code: str) -> LastAnswer | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                "SELECT answered_at, series_count, problem FROM prom_rule_answers WHERE workspace = $1 AND code = $2",
                workspace,
                code,
            )
        return None if row is None else LastAnswer(row["answered_at"], row["series_count"], row["problem"])

    async def change_count(self) -> int:
        async with self._database.across_workspaces() as connection:
            return int(await connection.fetchval("SELECT change_count FROM alert_rules_set"))

    async def read_rules(self) -> ReadRules:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_rules() AS id")
        found: list[Rule] = []
        unread: dict[WorkspaceId, Exception] = {}
        for workspace in (WorkspaceId(row["id"]) for row in rows):
            try:
                found += [rule for one in await self.list_sets(workspace) for rule in one.rules]
            except UnavailableError:
                raise  # it would go wrong with all of them
            except Exception as error:  # noqa: BLE001 - a newer version may have written what this one cannot read
                unread[workspace] = error
        return ReadRules(found, unread)


async def _versions(connection: Connection, workspace: WorkspaceId) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT name, max(version) AS version FROM alert_rule_sets WHERE workspace = $1 GROUP BY name", workspace
    )
    return {row["name"]: row["version"] for row in rows}


def _set_of(workspace: WorkspaceId, row: "asyncpg.Record") -> RuleSet:
    rules, problems = rules_in(row["body"])
    if problems:
        # It was fine when it was set: a runbook or a figure is gone since. The others go on.
        _log.error("rules do not count any more", workspace=workspace, rule_set=row["name"], problems=problems[:10])
    return RuleSet(
        name=row["name"],
        version=row["version"],
        digest=row["digest"],
        rules=tuple(replace(rule, workspace=workspace, rule_set=row["name"]) for rule in rules),
        applied_at=row["applied_at"],
        applied_by=row["applied_by"],
    )
