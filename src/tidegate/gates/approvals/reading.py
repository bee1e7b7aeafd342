"""What people said about a release at a gate, read at once for the judgement."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from tidegate.gates.approvals.override_store import OVERRIDES, override_of
from tidegate.gates.approvals.store import APPROVALS, ENTITLED, LAPSED, approval_of
from tidegate.gates.model import Poll, Said
from tidegate.kernel import GateId, ReleaseId, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["PollReader", "PostgresSayings"]

_MAX_APPROVALS = 1_000  # of one gate and release; twenty roles of twenty people are 400


class PollReader(Protocol):
    async def list_in(
        self, connection: Connection, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId
    ) -> tuple[Poll, ...]:
        """Return the newest poll of each check."""
        ...


class PostgresSayings:
    """Keeps the promises of `gates.ports.SaidReader`."""

    def __init__(self, database: Database, *, polls: PollReader) -> None:
        self._database = database
        self._polls = polls

    async def read_said(self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId, *, now: datetime) -> Said:
        async with self._database.transaction(workspace) as connection:
            approvals = await connection.fetch(
                f"""
                SELECT {APPROVALS}, {ENTITLED} AS is_entitled, {LAPSED} AS is_lapsed FROM gate_approvals AS said
                WHERE said.workspace = $1 AND said.gate_id = $2 AND said.release_id = $3 AND said.withdrawn_at IS NULL
                ORDER BY said.seq DESC LIMIT {_MAX_APPROVALS}
                """,
                workspace,
                gate_id,
                release_id,
            )
            overrides = await connection.fetch(
                f"""
                SELECT {OVERRIDES} FROM gate_overrides
                WHERE workspace = $1 AND gate_id = $2 AND release_id = $3 AND expires_at > $4
                    AND confirmed_at IS NOT NULL AND ended_at IS NULL
                """,
                workspace,
                gate_id,
                release_id,
                now,
            )
            polls = await self._polls.list_in(connection, workspace, gate_id, release_id)
        found = (
            replace(approval_of(row), is_entitled=row["is_entitled"], is_lapsed=row["is_lapsed"])
            for row in reversed(approvals)
        )
        return Said(tuple(found), polls, tuple(map(override_of, overrides)))
