"""Gates, dashboards and decisions on the wire. The contracts are named as in their source."""

from typing import Annotated, Self

from pydantic import Field

from tidegate.edge.wire import Utc, WireModel
from tidegate.gates.model import (
    Approval,
    Check,
    CheckKind,
    CheckOutcome,
    CheckResult,
    Dashboard,
    Decision,
    EvidenceRef,
    Gate,
    Override,
    RecordedCheck,
    RecordedOverride,
    RecordedWaiver,
    Step,
    Verdict,
    Waiver,
)
from tidegate.kernel import MAX_LIMIT


class ReleaseGateCheck(WireModel):
    """One check of a gate, without what is particular to its kind."""

    id: str
    title: str
    kind: CheckKind
    required: bool
    owner: str
    runbook: str | None
    """Path of the runbook page."""

    @classmethod
    def of(cls, check: Check) -> Self:
        return cls(
            id=check.id,
            title=check.title,
            kind=check.kind,
            required=check.required,
            owner=check.owner,
            runbook=runbook_path(check.runbook),
        )


class ReleaseGate(WireModel):
    """A gate of a workspace: which questions a release has to answer."""

    id: str
    title: str
    sprint: str | None
    owner: str
    version: int
    """0 for a gate that comes with the package."""
    policy_digest: str
    applied_at: Utc | None
    problem: str | None
    """Why the stored file cannot be read; such a gate holds."""
    checks: tuple[ReleaseGateCheck, ...]

    @classmethod
    def of(cls, gate: Gate) -> Self:
        return cls(
            id=gate.id,
            title=gate.title,
            sprint=gate.sprint,
            owner=gate.owner,
            version=gate.version,
            policy_digest=gate.policy_digest,
            applied_at=gate.applied_at,
            problem=gate.problem,
            checks=tuple(map(ReleaseGateCheck.of, gate.checks)),
        )


class ReleaseGateListOut(WireModel):
    items: tuple[ReleaseGate, ...]


class ReleaseGateEvidenceRef(WireModel):
    id: str
    uri: str
    digest: str

    @classmethod
    def of(cls, ref: EvidenceRef) -> Self:
        return cls(id=ref.id, uri=ref.uri, digest=ref.digest)


class ReleaseGateDashboardCheckStatus(WireModel):
    """What one check says, in one sentence a person can act on."""

    check: str
    kind: CheckKind
    outcome: CheckOutcome
    reason: str
    value: str | None
    bound: str | None
    measured_at: Utc
    stale_after: Utc | None
    evidence: tuple[ReleaseGateEvidenceRef, ...]
    runbook: Annotated[str | None, Field(exclude_if=lambda path: path is None)] = None
    """Path of the runbook page; left out when there is none."""
    waived: Annotated[CheckOutcome | None, Field(exclude_if=lambda outcome: outcome is None)] = None
    """What it says in truth, where a waiver lets it through; left out otherwise."""

    @classmethod
    def of(cls, result: CheckResult) -> Self:
        return cls(
            check=result.check.id,
            kind=result.check.kind,
            outcome=result.outcome,
            reason=result.reason,
            value=result.value,
            bound=result.bound,
            measured_at=result.measured_at,
            stale_after=result.stale_after,
            evidence=tuple(map(ReleaseGateEvidenceRef.of, result.evidence)),
            runbook=runbook_path(result.check.runbook),
            waived=result.waived.outcome if result.waived else None,
        )


class ReleaseGateStep(WireModel):
    """One thing to do before the gate says GO."""

    check: str
    owner: str
    step: str

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(check=step.check, owner=step.owner, step=step.step)


class ReleaseGateApproval(WireModel):
    """A person in a role who agreed to what the other checks say."""

    role: str
    person: str
    approved_at: Utc
    id: str
    check: str
    name: str

    @classmethod
    def of(cls, approval: Approval) -> Self:
        return cls(
            role=approval.role,
            person=approval.person,
            approved_at=approval.given_at,
            id=approval.id,
            check=approval.check_id,
            name=approval.name,
        )


class ReleaseGateOverride(WireModel):
    """Two people let a release out that its gate does not, until a moment; the verdict stays what the gate says."""

    id: str
    words: str
    """What is shown in the place of a plain GO: `GO (overridden by … until …)`."""
    reason: str
    requested_by: str
    confirmed_by: str
    expires_at: Utc

    @classmethod
    def of(cls, override: Override) -> Self:
        return cls(
            id=override.id,
            words=override.words,
            reason=override.reason,
            requested_by=override.requested_by,
            confirmed_by=override.confirmed_by or "",
            expires_at=override.expires_at,
        )

    @classmethod
    def of_recorded(cls, override: RecordedOverride) -> Self:
        return cls(
            id=override.id,
            words=override.words,
            reason=override.reason,
            requested_by=override.requested_by,
            confirmed_by=override.confirmed_by,
            expires_at=override.expires_at,
        )


class ReleaseGateWaiver(WireModel):
    """A named person accepted a check that does not pass, until a moment: then it blocks again."""

    check: str
    owner: str
    reason: str
    expires_at: Utc
    id: str
    release: str | None
    """Null: for every release."""
    tenant: str | None
    given_by: str

    @classmethod
    def of(cls, waiver: Waiver) -> Self:
        return cls(
            check=waiver.check_id,
            owner=waiver.owner,
            reason=waiver.reason,
            expires_at=waiver.expires_at,
            id=waiver.id,
            release=waiver.release_name,
            tenant=waiver.tenant,
            given_by=waiver.given_by,
        )


class ReleaseGateDashboard(WireModel):
    """What a gate says about a release now."""

    gate: str
    release: str | None
    """Name of the release; null when there is none to decide on, and the gate holds."""
    verdict: Verdict
    sentence: str
    decided_at: Utc
    """When this verdict was reached."""
    verified_at: Utc
    """When it was last measured and found the same."""
    policy_digest: str
    checks: tuple[ReleaseGateDashboardCheckStatus, ...]
    to_reach_go: tuple[ReleaseGateStep, ...]
    """Most urgent first; empty when it is GO."""
    approvals: tuple[ReleaseGateApproval, ...]
    waivers: tuple[ReleaseGateWaiver, ...]
    override: Annotated[ReleaseGateOverride | None, Field(exclude_if=lambda override: override is None)] = None
    """In force now; left out otherwise. `verdict` says hold or no_go all the same: who reads it alone stops."""

    @classmethod
    def of(cls, dashboard: Dashboard) -> Self:
        judgement = dashboard.judgement
        return cls(
            gate=judgement.gate_id,
            release=judgement.release_name,
            verdict=judgement.verdict,
            sentence=judgement.sentence,
            decided_at=dashboard.decided_at,
            verified_at=dashboard.verified_at,
            policy_digest=judgement.policy_digest,
            checks=tuple(map(ReleaseGateDashboardCheckStatus.of, judgement.results)),
            to_reach_go=tuple(map(ReleaseGateStep.of, judgement.steps)),
            approvals=tuple(map(ReleaseGateApproval.of, judgement.approvals)),
            waivers=tuple(map(ReleaseGateWaiver.of, judgement.waivers)),
            override=ReleaseGateOverride.of(judgement.override) if judgement.override else None,
        )


class ReleaseGateBoardOut(WireModel):
    items: tuple[ReleaseGateDashboard, ...]


class DecisionWaiverOut(WireModel):
    """The waiver that let a check through."""

    id: str
    outcome: CheckOutcome
    """What the check said in truth."""
    owner: str
    reason: str
    given_by: str
    expires_at: Utc
    digest: str

    @classmethod
    def of(cls, waiver: RecordedWaiver) -> Self:
        return cls(
            id=waiver.id,
            outcome=waiver.outcome,
            owner=waiver.owner,
            reason=waiver.reason,
            given_by=waiver.given_by,
            expires_at=waiver.expires_at,
            digest=waiver.digest,
        )


class DecisionCheckOut(WireModel):
    check: str
    title: str
    kind: str
    owner: str
    required: bool
    outcome: CheckOutcome
    reason: str
    value: str | None
    bound: str | None
    measured_at: Utc
    stale_after: Utc | None
    evidence: tuple[ReleaseGateEvidenceRef, ...]
    inputs_digest: str
    runbook: str | None
    waiver: DecisionWaiverOut | None

    @classmethod
    def of(cls, check: RecordedCheck) -> Self:
        return cls(
            check=check.check,
            title=check.title,
            kind=check.kind,
            owner=check.owner,
            required=check.is_required,
            outcome=check.outcome,
            reason=check.reason,
            value=check.value,
            bound=check.bound,
            measured_at=check.measured_at,
            stale_after=check.stale_after,
            evidence=tuple(map(ReleaseGateEvidenceRef.of, check.evidence)),
            inputs_digest=check.inputs_digest,
            runbook=runbook_path(check.runbook),
            waiver=DecisionWaiverOut.of(check.waiver) if check.waiver else None,
        )


class DecisionOut(WireModel):
    """A recorded decision; it never changes."""

    id: str
    sequence: int
    gate: str
    gate_version: int
    policy_digest: str
    release: str | None
    verdict: Verdict
    sentence: str
    checks: tuple[DecisionCheckOut, ...]
    to_reach_go: tuple[ReleaseGateStep, ...]
    decided_at: Utc
    digest: str
    override: Annotated[ReleaseGateOverride | None, Field(exclude_if=lambda override: override is None)] = None

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(
            id=decision.id,
            sequence=decision.sequence,
            gate=decision.gate_id,
            gate_version=decision.gate_version,
            policy_digest=decision.policy_digest,
            release=decision.release_name,
            verdict=decision.verdict,
            sentence=decision.sentence,
            checks=tuple(map(DecisionCheckOut.of, decision.checks)),
            to_reach_go=tuple(map(ReleaseGateStep.of, decision.steps)),
            decided_at=decision.decided_at,
            digest=decision.digest,
            override=ReleaseGateOverride.of_recorded(decision.override) if decision.override else None,
        )


class DecisionPageOut(WireModel):
    items: tuple[DecisionOut, ...]
    next_cursor: str | None


class SchemaListOut(WireModel):
    names: tuple[str, ...]


Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]


def runbook_path(slug: str | None) -> str | None:
    return f"/runbooks/{slug}" if slug else None
