"""Approvals, and for whom people speak, in PostgreSQL."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from asyncpg import Record

from tidegate.audit import AuditTrail, Doer
from tidegate.gates.approvals.errors import (
    AlreadyApprovedError,
    ApprovalNotFoundError,
    ApprovalOutdatedError,
    ApprovalWithdrawnError,
    FunctionInvalidError,
    NotYoursError,
)
from tidegate.gates.approvals.model import FunctionHolders
from tidegate.gates.model import Approval
from tidegate.kernel import GateId, ReleaseId, WorkspaceId, digest_of
from tidegate.storage import Connection, Database

__all__ = ["APPROVALS", "ENTITLED", "LAPSED", "PostgresApprovals", "PostgresFunctions", "approval_of", "lock_decisions"]

APPROVALS: Final = """
    said.id, said.gate_id, said.check_id, said.release_id, said.role, said.person, said.name, said.note, said.binding,
    said.given_at, said.digest, said.withdrawn_at
"""
ENTITLED: Final = """
    EXISTS (
        SELECT FROM members JOIN people ON people.id = members.id
        WHERE members.workspace = $1 AND members.id = said.person AND members.kind = 'person'
            AND members.removed_at IS NULL AND members.deactivated_at IS NULL AND people.deactivated_at IS NULL
            AND members.role IN ('owner', 'admin', 'approver')
            AND (members.role = said.role OR EXISTS (
                SELECT FROM function_holders AS held
                WHERE held.workspace = $1 AND held.function = said.role AND held.member = members.id)))
"""
"""Whether the person of a row `said` still speaks for its role; the policies say the same roles may approve."""
LAPSED: Final = """
    EXISTS (
        SELECT FROM decisions
        WHERE decisions.workspace = $1 AND decisions.gate_id = said.gate_id
            AND decisions.release_id = said.release_id AND decisions.seq > said.decision_seq
            AND decisions.binding <> said.binding)
"""
"""Whether a decision after a row `said` was about something else."""


class PostgresApprovals:
    """Keeps the promises of `ApprovalStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add(self, workspace: WorkspaceId, approval: Approval, *, by: Doer) -> None:
        async with self._database.transaction(workspace) as connection:
            newest = await lock_decisions(connection, workspace, approval.gate_id, approval.release_id)
            if newest is None or newest["binding"] not in {None, approval.binding}:
                raise ApprovalOutdatedError
            standing = await connection.fetchval(
                f"""
                SELECT EXISTS (
                    SELECT FROM gate_approvals AS said
                    WHERE said.workspace = $1 AND gate_id = $2 AND release_id = $3 AND check_id = $4 AND person = $5
                        AND binding = $6 AND withdrawn_at IS NULL AND NOT {LAPSED} AND {ENTITLED})
                """,
                workspace,
                approval.gate_id,
                approval.release_id,
                approval.check_id,
                approval.person,
                approval.binding,
            )
            if standing:
                raise AlreadyApprovedError
            await _insert(connection, workspace, approval, newest["seq"])
            deed = by.deed(
                "gates:approve",
                f"approval/{approval.id}",
                after=approval.digest,
                gate=approval.gate_id,
                check=approval.check_id,
                release=approval.release_id,
                role=approval.role,
            )
            await self._trail.append(workspace, deed, within=connection)

    async def withdraw(
        self, workspace: WorkspaceId, gate_id: GateId, approval_id: str, *, at: datetime, by: Doer
    ) -> Approval:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                SELECT {APPROVALS} FROM gate_approvals AS said
                WHERE workspace = $1 AND gate_id = $2 AND id = $3 FOR UPDATE
                """,
                workspace,
                gate_id,
                approval_id,
            )
            if row is None:
                raise ApprovalNotFoundError(approval_id)
            if row["person"] != by.member:
                raise NotYoursError
            if row["withdrawn_at"] is not None:
                raise ApprovalWithdrawnError(approval_id)
            await connection.execute(
                "UPDATE gate_approvals SET withdrawn_at = $3 WHERE workspace = $1 AND id = $2",
                workspace,
                approval_id,
                at,
            )
            deed = by.deed(
                "gates:approve", f"approval/{approval_id}", before=row["digest"], gate=gate_id, check=row["check_id"],
                withdrawn=True,
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)
        return replace(approval_of(row), withdrawn_at=at)


class PostgresFunctions:
    """Keeps the promises of `Functions`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def list_functions(self, workspace: WorkspaceId) -> tuple[FunctionHolders, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT function, array_agg(member ORDER BY member) AS members FROM function_holders
                WHERE workspace = $1 GROUP BY function ORDER BY function
                """,
                workspace,
            )
        return tuple(FunctionHolders(row["function"], tuple(row["members"])) for row in rows)

    async def set_holders(
        self, workspace: WorkspaceId, holders: FunctionHolders, *, named_at: datetime, by: Doer
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 35))", f"{workspace} function {holders.function}"
            )
            known = await connection.fetch(
                """
                SELECT id FROM members
                WHERE workspace = $1 AND id = ANY ($2) AND kind = 'person' AND removed_at IS NULL
                """,
                workspace,
                list(holders.members),
            )
            strangers = sorted(set(holders.members) - {row["id"] for row in known})
            if strangers:
                raise FunctionInvalidError(f"{strangers[0]!r} is no person of this workspace.", field="members")
            before = await connection.fetch(
                "DELETE FROM function_holders WHERE workspace = $1 AND function = $2 RETURNING member",
                workspace,
                holders.function,
            )
            await connection.executemany(
                "INSERT INTO function_holders (workspace, function, member, named_by, named_at)"
                " VALUES ($1, $2, $3, $4, $5)",
                [(workspace, holders.function, member, by.member or by.actor, named_at) for member in holders.members],
            )
            deed = by.deed(
                "members:change",
                f"function/{holders.function}",
                before=digest_of(sorted(row["member"] for row in before)),
                after=digest_of(list(holders.members)),
                function=holders.function,
                members=list(holders.members),
            )
            await self._trail.append(workspace, deed, within=connection)

    async def find_name(self, workspace: WorkspaceId, member: str | None) -> str | None:
        async with self._database.transaction(workspace) as connection:
            name: str | None = await connection.fetchval(
                """
                SELECT people.name FROM members JOIN people ON people.id = members.id
                WHERE members.workspace = $1 AND members.id = $2 AND members.kind = 'person'
                    AND members.removed_at IS NULL AND members.deactivated_at IS NULL
                    AND people.deactivated_at IS NULL
                """,
                workspace,
                member,
            )
        return name

    async def speaks_for(self, workspace: WorkspaceId, member: str, role: str) -> bool:
        async with self._database.transaction(workspace) as connection:
            speaks: bool = await connection.fetchval(
                f"SELECT {ENTITLED} FROM (SELECT $2::text AS person, $3::text AS role) AS said", workspace, member, role
            )
        return speaks


async def lock_decisions(
    connection: Connection, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId
) -> Record | None:
    """Return the newest decision of a gate about a release; until the transaction ends there comes no newer one.

    The lock is the one that `gates.store` records decisions under.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{workspace} decision {gate_id} {release_id}"
    )
    return await connection.fetchrow(
        """
        SELECT seq, binding FROM decisions
        WHERE workspace = $1 AND gate_id = $2 AND release_id = $3 ORDER BY seq DESC LIMIT 1
        """,
        workspace,
        gate_id,
        release_id,
    )


async def _insert(connection: Connection, workspace: WorkspaceId, approval: Approval, decision_seq: int) -> None:
    await connection.execute(
        """
        INSERT INTO gate_approvals (workspace, id, gate_id, check_id, release_id, role, person, name, note, binding,
            decision_seq, given_at, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        workspace,
        approval.id,
        approval.gate_id,
        approval.check_id,
        approval.release_id,
        approval.role,
        approval.person,
        approval.name,
        approval.note,
        approval.binding,
        decision_seq,
        approval.given_at,
        approval.digest,
    )


def approval_of(row: Record) -> Approval:
    approval = Approval(
        id=row["id"],
        gate_id=GateId(row["gate_id"]),
        check_id=row["check_id"],
        release_id=ReleaseId(row["release_id"]),
        role=row["role"],
        person=row["person"],
        name=row["name"],
        note=row["note"],
        binding=row["binding"],
        given_at=row["given_at"],
        withdrawn_at=row["withdrawn_at"],
    )
    return replace(approval, is_intact=approval.digest == row["digest"])
