"""Gates and decisions in PostgreSQL."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from asyncpg import Record

from tidegate.audit import ITSELF, AuditTrail, Deed, Doer
from tidegate.gates.model import (
    CheckOutcome,
    CheckResult,
    Decision,
    EvidenceRef,
    Gate,
    Judgement,
    Override,
    RecordedCheck,
    RecordedOverride,
    RecordedWaiver,
    Step,
    Verdict,
    Waived,
)
from tidegate.gates.ports import InForce, StoredGate
from tidegate.kernel import (
    Cursor,
    DecisionId,
    GateId,
    InvalidInputError,
    Page,
    ReleaseId,
    WorkspaceId,
    canonical_json,
    decode_cursor,
    encode_cursor,
    format_utc,
    parse_utc,
)
from tidegate.storage import Connection, Database

_GATE = "id, version, body, policy_digest, applied_at"
_DECISION = """
    id, seq, gate_id, gate_version, policy_digest, release_id, release_name, verdict, sentence, checks, steps,
    decided_at, digest, override
"""


class PostgresGateStore:
    """Keeps the promises of `GateStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_gate(
        self, workspace: WorkspaceId, gate: Gate, *, body: bytes, applied_at: datetime, by: Doer
    ) -> StoredGate:
        async with self._database.transaction(workspace) as connection:
            await _take_turn(connection, workspace, f"gate {gate.id}")
            newest = await connection.fetchrow(
                f"SELECT {_GATE} FROM gates WHERE workspace = $1 AND id = $2 ORDER BY version DESC LIMIT 1",
                workspace,
                gate.id,
            )
            if newest is not None and newest["body"] == body and newest["policy_digest"] == gate.policy_digest:
                return _stored_of(newest)
            row = await connection.fetchrow(
                f"""
                INSERT INTO gates (workspace, id, version, body, policy_digest, applied_at)
                VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_GATE}
                """,
                workspace,
                gate.id,
                newest["version"] + 1 if newest is not None else 1,
                body,
                gate.policy_digest,
                applied_at,
            )
            assert row is not None  # noqa: S101 - an INSERT without a conflict clause returns its row
            deed = by.deed(
                "gates:define",
                f"gate/{gate.id}",
                before=None if newest is None else newest["policy_digest"],
                after=gate.policy_digest,
                version=row["version"],
            )
            await self._trail.append(workspace, deed, within=connection)
        return _stored_of(row)

    async def list_gates(self, workspace: WorkspaceId) -> tuple[StoredGate, ...]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT DISTINCT ON (id) {_GATE} FROM gates WHERE workspace = $1 ORDER BY id, version DESC", workspace
            )
        return tuple(map(_stored_of, rows))

    async def record(
        self, workspace: WorkspaceId, judgement: Judgement, decision_id: DecisionId, *, asked_by: Doer | None
    ) -> InForce:
        release_id = judgement.release_id or ""
        async with self._database.transaction(workspace) as connection:
            await _take_turn(connection, workspace, f"decision {judgement.gate_id} {release_id}")
            current = await connection.fetchrow(
                """
                SELECT f.decision_id, f.fingerprint, f.decided_at, f.verified_at, d.verdict, d.digest
                FROM decisions_in_force f
                LEFT JOIN decisions d ON d.workspace = f.workspace AND d.id = f.decision_id
                WHERE f.workspace = $1 AND f.gate_id = $2 AND f.release_id = $3
                """,
                workspace,
                judgement.gate_id,
                release_id,
            )
            if asked_by is None and current is not None:
                if current["verified_at"] > judgement.decided_at:
                    return _in_force_of(current)
                if current["fingerprint"] == judgement.fingerprint:
                    return await _verify(connection, workspace, judgement, current)
            await _add_decision(connection, workspace, judgement, decision_id)
            in_force = await _put_in_force(connection, workspace, judgement, decision_id)
            if asked_by is not None or current is None or current["verdict"] != judgement.verdict:
                deed = _deed_of(asked_by or ITSELF, judgement, decision_id, before=current)
                await self._trail.append(workspace, deed, within=connection)
            return in_force

    async def find_in_force(
        self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId | None
    ) -> InForce | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT decision_id, decided_at, verified_at FROM decisions_in_force
                WHERE workspace = $1 AND gate_id = $2 AND release_id = $3
                """,
                workspace,
                gate_id,
                release_id or "",
            )
        return None if row is None else _in_force_of(row)

    async def find_decision(self, workspace: WorkspaceId, decision_id: DecisionId) -> Decision | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_DECISION} FROM decisions WHERE workspace = $1 AND id = $2", workspace, decision_id
            )
        return None if row is None else _decision_of(row)

    async def find_before(self, workspace: WorkspaceId, decision: Decision) -> Decision | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                SELECT {_DECISION} FROM decisions
                WHERE workspace = $1 AND gate_id = $2 AND release_id = $3 AND seq < $4 ORDER BY seq DESC LIMIT 1
                """,
                workspace,
                decision.gate_id,
                decision.release_id or "",
                decision.sequence,
            )
        return None if row is None else _decision_of(row)

    async def list_decisions(
        self,
        workspace: WorkspaceId,
        gate_id: GateId,
        release_id: ReleaseId | None,
        *,
        limit: int,
        cursor: Cursor | None,
    ) -> Page[Decision]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_DECISION} FROM decisions
                WHERE workspace = $1 AND gate_id = $2 AND ($3::text IS NULL OR release_id = $3)
                  AND ($4::bigint IS NULL OR seq < $4)
                ORDER BY seq DESC LIMIT $5
                """,
                workspace,
                gate_id,
                release_id,
                _sequence_of(cursor),
                limit + 1,
            )
        items = tuple(map(_decision_of, rows[:limit]))
        return Page(items, encode_cursor(str(rows[limit - 1]["seq"])) if len(rows) > limit else None)


async def _take_turn(connection: Connection, workspace: WorkspaceId, what: str) -> None:
    """Wait until nobody else writes `what` of this workspace; the turn ends with the transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{workspace} {what}")


def _deed_of(by: Doer, judgement: Judgement, decision_id: DecisionId, *, before: Record | None) -> Deed:
    return by.deed(
        "gates:evaluate",
        f"gate/{judgement.gate_id}",
        before=None if before is None else before["digest"],
        after=judgement.digest,
        decision=decision_id,
        verdict=judgement.verdict,
        release=judgement.release_name,
        version=judgement.gate_version,
    )


async def _add_decision(
    connection: Connection, workspace: WorkspaceId, judgement: Judgement, decision_id: DecisionId
) -> None:
    await connection.execute(
        """
        INSERT INTO decisions (workspace, id, gate_id, gate_version, policy_digest, release_id, release_name, verdict,
            sentence, checks, steps, fingerprint, digest, decided_at, binding, override)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        workspace,
        decision_id,
        judgement.gate_id,
        judgement.gate_version,
        judgement.policy_digest,
        judgement.release_id or "",
        judgement.release_name,
        judgement.verdict,
        judgement.sentence,
        [_row_of(result) for result in judgement.results],
        [asdict(step) for step in judgement.steps],
        judgement.fingerprint,
        judgement.digest,
        judgement.decided_at,
        judgement.binding,
        _override_row(judgement.override) if judgement.override else None,
    )


async def _put_in_force(
    connection: Connection, workspace: WorkspaceId, judgement: Judgement, decision_id: DecisionId
) -> InForce:
    row = await connection.fetchrow(
        """
        INSERT INTO decisions_in_force
            (workspace, gate_id, release_id, decision_id, fingerprint, decided_at, verified_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (workspace, gate_id, release_id) DO UPDATE SET
            decision_id = excluded.decision_id, fingerprint = excluded.fingerprint,
            decided_at = excluded.decided_at, verified_at = excluded.verified_at
        RETURNING decision_id, decided_at, verified_at
        """,
        workspace,
        judgement.gate_id,
        judgement.release_id or "",
        decision_id,
        judgement.fingerprint,
        judgement.decided_at,
    )
    assert row is not None  # noqa: S101 - the statement always returns its row
    return _in_force_of(row)


async def _verify(connection: Connection, workspace: WorkspaceId, judgement: Judgement, current: Record) -> InForce:
    await connection.execute(
        """
        UPDATE decisions_in_force SET verified_at = $4 WHERE workspace = $1 AND gate_id = $2 AND release_id = $3
        """,
        workspace,
        judgement.gate_id,
        judgement.release_id or "",
        judgement.decided_at,
    )
    return InForce(DecisionId(current["decision_id"]), current["decided_at"], judgement.decided_at)


def _row_of(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.check.id,
        "title": result.check.title,
        "kind": result.check.kind,
        "owner": result.check.owner,
        "is_required": result.check.required,
        "outcome": result.outcome,
        "reason": result.reason,
        "value": result.value,
        "bound": result.bound,
        "measured_at": format_utc(result.measured_at),
        "stale_after": format_utc(result.stale_after) if result.stale_after else None,
        "evidence": [asdict(ref) for ref in result.evidence],
        "inputs_digest": result.inputs_digest,
        # As text: jsonb writes some numbers in another way, and a digest would not be the same again.
        "inputs": canonical_json(result.inputs).decode(),
        "runbook": result.check.runbook,
        "waiver": _waiver_row(result.waived) if result.waived else None,
    }


def _override_row(override: Override) -> dict[str, str | None]:
    return {
        "id": override.id,
        "reason": override.reason,
        "requested_by": override.requested_by,
        "confirmed_by": override.confirmed_by,
        "words": override.words,
        "expires_at": format_utc(override.expires_at),
        "digest": override.confirmed_digest,
    }


def _override_of(row: Mapping[str, Any] | None) -> RecordedOverride | None:
    return RecordedOverride(**{**row, "expires_at": parse_utc(row["expires_at"])}) if row else None


def _waiver_row(waived: Waived) -> dict[str, str]:
    waiver = waived.waiver
    return {
        "id": waiver.id,
        "outcome": waived.outcome,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "given_by": waiver.given_by,
        "expires_at": format_utc(waiver.expires_at),
        "digest": waiver.digest,
    }


def _waiver_of(row: Mapping[str, Any] | None) -> RecordedWaiver | None:
    if row is None:
        return None
    return RecordedWaiver(
        **{**row, "outcome": CheckOutcome(row["outcome"]), "expires_at": parse_utc(row["expires_at"])}
    )


def _recorded_of(row: Mapping[str, Any]) -> RecordedCheck:
    return RecordedCheck(
        **{
            **{name: value for name, value in row.items() if name != "inputs"},
            "measured_at": parse_utc(row["measured_at"]),
            "stale_after": parse_utc(row["stale_after"]) if row["stale_after"] else None,
            "evidence": tuple(EvidenceRef(**ref) for ref in row["evidence"]),
            "waiver": _waiver_of(row.get("waiver")),
        }
    )


def _decision_of(row: Record) -> Decision:
    return Decision(
        id=DecisionId(row["id"]),
        sequence=row["seq"],
        gate_id=GateId(row["gate_id"]),
        gate_version=row["gate_version"],
        policy_digest=row["policy_digest"],
        release_id=ReleaseId(row["release_id"]) if row["release_id"] else None,
        release_name=row["release_name"],
        verdict=Verdict(row["verdict"]),
        sentence=row["sentence"],
        checks=tuple(map(_recorded_of, row["checks"])),
        steps=tuple(Step(**step) for step in row["steps"]),
        decided_at=row["decided_at"],
        digest=row["digest"],
        override=_override_of(row["override"]),
    )


def _stored_of(row: Record) -> StoredGate:
    return StoredGate(
        id=GateId(row["id"]),
        version=row["version"],
        body=row["body"],
        policy_digest=row["policy_digest"],
        applied_at=row["applied_at"],
    )


def _in_force_of(row: Record) -> InForce:
    return InForce(DecisionId(row["decision_id"]), row["decided_at"], row["verified_at"])


def _sequence_of(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(key)
