"""Decisions, gate files and waivers as they stand recorded, for whoever hands them out whole.

A decision comes as its row says, whatever columns and fields there are: what a later kind of check records comes along.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from tidegate.gates.model import TEMPLATE_VERSION
from tidegate.gates.reading import body_of
from tidegate.gates.shipped import template_files
from tidegate.kernel import DecisionId, GateId, WorkspaceId, format_utc
from tidegate.storage import Database

__all__ = ["RecordedDecisions", "decision_json"]

# `sequence` on the wire; the fingerprint says nothing that the rest does not, and the workspace is the caller's.
_RENAMED = {"seq": "sequence"}
_LEFT_OUT = frozenset({"workspace", "fingerprint"})
_CHECKS, _INPUTS = "checks", "inputs"
# A later version adds columns, and decisions of before it stay as they were: empty ones are left out.
_ALWAYS = frozenset({"release_name"})


class RecordedDecisions:
    """Reads what was recorded, and judges nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_decision(
        self, workspace: WorkspaceId, gate_id: GateId, decision_id: DecisionId
    ) -> Mapping[str, Any] | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                "SELECT * FROM decisions WHERE workspace = $1 AND gate_id = $2 AND id = $3",
                workspace,
                gate_id,
                decision_id,
            )
        return None if row is None else decision_json(dict(row))

    async def find_policy(self, workspace: WorkspaceId, gate_id: GateId, version: int) -> bytes | None:
        if version == TEMPLATE_VERSION:
            return next((body_of(file) for file in template_files() if file.id == gate_id), None)
        async with self._database.transaction(workspace) as connection:
            body: bytes | None = await connection.fetchval(
                "SELECT body FROM gates WHERE workspace = $1 AND id = $2 AND version = $3", workspace, gate_id, version
            )
        return body

    async def find_waivers(
        self, workspace: WorkspaceId, gate_id: GateId, ids: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT id, gate_id, check_id, question, release_id, tenant, owner, reason, outcome, given_by, given_at,
                    expires_at
                FROM gate_waivers WHERE workspace = $1 AND gate_id = $2 AND id = ANY ($3) ORDER BY id
                """,
                workspace,
                gate_id,
                list(ids),
            )
        return [_waiver_of(row) for row in rows]


def decision_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision as it is handed out, from all that its row says."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name in _LEFT_OUT or (not value and value != 0 and name not in _ALWAYS and not isinstance(value, list)):
            continue
        found[_wire(_RENAMED.get(name, name))] = format_utc(value) if isinstance(value, datetime) else _named(value)
    found["checks"] = [_check_of(check) for check in row[_CHECKS]]
    found.setdefault("releaseId", None)
    return found


def _check_of(check: Mapping[str, Any]) -> dict[str, Any]:
    """Return a check; its inputs are what was digested, whose names are nobody's to change."""
    named: dict[str, Any] = _named({name: value for name, value in check.items() if name != _INPUTS})
    return named | ({_INPUTS: json.loads(check[_INPUTS])} if _INPUTS in check else {})


def _waiver_of(row: Record) -> dict[str, Any]:
    """Return a waiver as its digest is made of."""
    return {
        "id": row["id"],
        "gate": row["gate_id"],
        "check": row["check_id"],
        "question": row["question"],
        "release": row["release_id"] or None,
        "tenant": row["tenant"],
        "owner": row["owner"],
        "reason": row["reason"],
        "outcome": row["outcome"],
        "givenBy": row["given_by"],
        "givenAt": format_utc(row["given_at"]),
        "expiresAt": format_utc(row["expires_at"]),
    }


def _named(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {_wire(name): _named(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_named(each) for each in value]
    return value


def _wire(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)
