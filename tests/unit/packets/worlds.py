"""Packets of made-up decisions; verdicts, sentences and digests come from the real algebra."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tidegate.attestations import PrivateKey, new_private_key
from tidegate.gates.gate_files import parse_gate_file
from tidegate.gates.model import (
    CheckOutcome,
    CheckResult,
    EvidenceRef,
    Gate,
    Judgement,
    Waived,
    Waiver,
    judge,
)
from tidegate.gates.reading import GateReader, body_of
from tidegate.gates.records import decision_json
from tidegate.kernel import GateId, ReleaseId, canonical_json, digest_of, format_utc
from tidegate.packets.model import EvidenceUse, Found, Parts, TestRun
from tidegate.packets.verifier import Key, read_key, uses_of
from tidegate.packets.writing import write_packet
from tidegate.releases import Release, ReleaseService

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
COMMIT = "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432"
BODY = b'{"suite":"authz"}'
RELEASE = Release(
    ReleaseId("rel_1"), "2026.11.0", "production", (ReleaseService("harbor", "1.4.2", COMMIT),), NOW, is_candidate=True
)
GATE_FILE = b"""
apiVersion: tidegate/v1
kind: Gate
id: auth-shell
title: Auth shell
owner: security
checks:
  - {id: failures, title: Failure rate, kind: signal, family: auth, owner: sre, expression: "failureRate < 0.20",
     warn: "failureRate < 0.10"}
  - {id: authz, title: Authorization, kind: regression, source: authz, owner: backend}
  - {id: smoke, title: Smoke, kind: regression, source: ci, owner: qa}
  - {id: optional, title: Optional, kind: regression, source: ci, owner: qa, required: false}
"""
FIGURES = {"harbor": {"count": 400, "failureRate": 0.05}}


class _NoRules:
    def list_rules(self) -> tuple[()]:
        return ()


class _NoRunbooks:
    def find_slug(self, name: str) -> None:
        return None


@cache
def gate_of(text: bytes = GATE_FILE) -> tuple[Gate, bytes]:
    file = parse_gate_file(text)
    return GateReader(alerts=_NoRules(), runbooks=_NoRunbooks()).read(file, version=3), body_of(file)


def ref(number: int, content: bytes = BODY) -> EvidenceRef:
    return EvidenceRef(f"rep_{number:05}", f"/api/v1/ci/reports/rep_{number:05}", digest_of(content))


@dataclass
class World:
    """What is decided on; change it, then ask for its packet."""

    outcomes: dict[str, CheckOutcome] = field(
        default_factory=lambda: {
            "failures": CheckOutcome.PASSED,
            "authz": CheckOutcome.PASSED,
            "smoke": CheckOutcome.PASSED,
            "optional": CheckOutcome.MISSING,
        }
    )
    waived: frozenset[str] = frozenset()
    evidence_count: int = 2
    figures: Mapping[str, Any] = field(default_factory=lambda: FIGURES)
    gate_file: bytes = GATE_FILE
    has_bodies: bool = True
    keys: Sequence[PrivateKey] = field(default_factory=lambda: [new_private_key()])

    @property
    def publics(self) -> list[Key]:
        return [read_key(key.public.pem.encode()) for key in self.keys]

    def waiver(self, check: str) -> Waiver:
        gate, _ = gate_of(self.gate_file)
        question = next(each.question for each in gate.checks if each.id == check)
        return Waiver(
            id=f"wvr_{check}", gate_id=GateId(gate.id), check_id=check, question=question, release_id=RELEASE.id,
            release_name=RELEASE.name, tenant=None, owner="security", reason="known, fixed on Monday",
            outcome="failed", given_by="mem_2", given_at=NOW - timedelta(hours=1), expires_at=NOW + timedelta(days=1),
        )  # fmt: skip

    def judgement(self) -> Judgement:
        gate, _ = gate_of(self.gate_file)
        results = []
        for check in gate.checks:
            outcome = self.outcomes[check.id]
            result = CheckResult(
                check=check,
                outcome=outcome,
                reason=f"{check.title} is {outcome}.",
                measured_at=NOW,
                evidence=tuple(ref(n) for n in range(self.evidence_count)) if check.id == "authz" else (),
                step=None if outcome is CheckOutcome.PASSED else f"look at {check.id}",
                inputs=self.figures if check.id == "failures" else None,
            )
            if check.id in self.waived:
                result = replace(
                    result, outcome=CheckOutcome.WAIVED, waived=Waived(CheckOutcome.FAILED, self.waiver(check.id))
                )
            results.append(result)
        return judge(gate, RELEASE, results, now=NOW)

    def decision(self) -> dict[str, Any]:
        judgement = self.judgement()
        row = {
            "workspace": "w", "id": "dec_1", "seq": 7, "gate_id": judgement.gate_id, "fingerprint": "sha256:0",
            "gate_version": judgement.gate_version, "policy_digest": judgement.policy_digest,
            "release_id": judgement.release_id, "release_name": judgement.release_name,
            "verdict": judgement.verdict.value, "sentence": judgement.sentence, "binding": None, "override": None,
            "checks": [_row_of(result) for result in judgement.results],
            "steps": [{"check": s.check, "owner": s.owner, "step": s.step} for s in judgement.steps],
            "decided_at": NOW, "digest": judgement.digest,
        }  # fmt: skip
        return json.loads(canonical_json(decision_json(row)))  # type: ignore[no-any-return]  # an object, see above

    def parts(self) -> Parts:
        decision = self.decision()
        uses = [EvidenceUse(*name, tuple(checks)) for name, checks in sorted(uses_of(decision["checks"]).items())]
        run = TestRun("authz", COMMIT, ("one", "two"), (), ())
        found = [Found(BODY if self.has_bodies else None, None, run if n == 0 else None) for n in range(len(uses))]
        return Parts(
            decision,
            json.loads(gate_of(self.gate_file)[1]),
            RELEASE_JSON,
            [_waiver_json(self.waiver(check)) for check in sorted(self.waived)],
            list(zip(uses, found, strict=True)),
        )

    def packet(self) -> bytes:
        return write_packet(self.parts(), self.keys)


RELEASE_JSON = {
    "id": RELEASE.id, "name": RELEASE.name, "environment": RELEASE.environment, "createdAt": format_utc(NOW),
    "services": [{"service": "harbor", "version": "1.4.2", "commit": COMMIT}],
}  # fmt: skip


def _row_of(result: CheckResult) -> dict[str, Any]:
    waived = result.waived
    return {
        "check": result.check.id, "title": result.check.title, "kind": result.check.kind.value,
        "owner": result.check.owner, "is_required": result.check.required, "outcome": result.outcome.value,
        "reason": result.reason, "value": result.value, "bound": result.bound,
        "measured_at": format_utc(result.measured_at), "stale_after": None,
        "evidence": [{"id": one.id, "uri": one.uri, "digest": one.digest} for one in result.evidence],
        "inputs_digest": result.inputs_digest, "inputs": canonical_json(result.inputs).decode(), "runbook": None,
        "waiver": None if waived is None else {
            "id": waived.waiver.id, "outcome": waived.outcome.value, "owner": waived.waiver.owner,
            "reason": waived.waiver.reason, "given_by": waived.waiver.given_by,
            "expires_at": format_utc(waived.waiver.expires_at), "digest": waived.waiver.digest,
        },
    }  # fmt: skip


def _waiver_json(waiver: Waiver) -> dict[str, Any]:
    return {
        "id": waiver.id, "gate": waiver.gate_id, "check": waiver.check_id, "question": waiver.question,
        "release": waiver.release_id, "tenant": waiver.tenant, "owner": waiver.owner, "reason": waiver.reason,
        "outcome": waiver.outcome, "givenBy": waiver.given_by, "givenAt": format_utc(waiver.given_at),
        "expiresAt": format_utc(waiver.expires_at),
    }  # fmt: skip
