"""Made-up gates and releases for page tests; verdicts and sentences come from the real algebra."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.pages.worlds import HARBOR, NOW

from tidegate.gates import Check, CheckOutcome, CheckResult, Dashboard, Decision, Gate, GateNotFoundError
from tidegate.gates.model import EvidenceRef, RecordedCheck, RegressionSpec, RunSource, judge
from tidegate.kernel import Cursor, DecisionId, GateId, Page, ReleaseId, UnavailableError, WorkspaceId
from tidegate.releases import Release, ReleaseService

COMMIT = "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432"
_SPEC = RegressionSpec(
    source=RunSource.AUTHZ,
    suite=None,
    max_age=timedelta(hours=24),
    service=None,
    requires_cross_tenant_negatives=False,
    allows_skipped=False,
)
_FINDINGS: dict[CheckOutcome, tuple[str, str | None]] = {
    CheckOutcome.PASSED: ("412 of 412 cases passed.", None),
    CheckOutcome.FAILED: (
        "3 of 412 cases failed (allowed 0).",
        "fix 3 cases and report a run that passes",
    ),
    CheckOutcome.MISSING: (
        "No run of any suite was received.",
        f"run the suite at this commit and report it: tidegate ci report --suite authz --commit {COMMIT} FILE",
    ),
    CheckOutcome.STALE: ("The newest run is 26 h old (limit 24h).", "run the suite again"),
}


class FakeReleases:
    """The candidate of each workspace."""

    def __init__(self) -> None:
        self.candidates: dict[WorkspaceId, Release] = {}

    async def find_candidate(
        self,
        workspace: WorkspaceId,
        environment: str = "production",
    ) -> Release | None:
        return self.candidates.get(workspace)


class FakeGates:
    """Gates whose checks always find the same; never records."""

    def __init__(self, releases: FakeReleases) -> None:
        self.found: dict[WorkspaceId, list[tuple[Gate, tuple[CheckResult, ...]]]] = {}
        self.is_away = False
        self._releases = releases

    async def list_gates(self, workspace: WorkspaceId) -> list[Gate]:
        self._refuse_while_away()
        return [gate for gate, _ in self.found.get(workspace, ())]

    async def get_gate(self, workspace: WorkspaceId, gate_id: GateId) -> Gate:
        return (await self._find(workspace, gate_id))[0]

    async def board(
        self,
        workspace: WorkspaceId,
        *,
        release: str | None = None,
    ) -> list[Dashboard]:
        self._refuse_while_away()
        return [await self._dashboard(workspace, *found) for found in self.found.get(workspace, ())]

    async def dashboard(
        self,
        workspace: WorkspaceId,
        gate_id: GateId,
        *,
        release: str | None = None,
    ) -> Dashboard:
        return await self._dashboard(workspace, *await self._find(workspace, gate_id))

    async def history(
        self,
        workspace: WorkspaceId,
        gate_id: GateId,
        release: str | None = None,
        *,
        limit: int = 50,
        cursor: Cursor | None = None,
    ) -> Page[Decision]:
        dashboard = await self.dashboard(workspace, gate_id)
        first = int(cursor or 0)
        decisions = [make_decision(dashboard, number) for number in range(first, first + limit)]
        return Page(tuple(decisions), str(first + limit))

    async def _find(self, workspace: WorkspaceId, gate_id: GateId) -> tuple[Gate, tuple[CheckResult, ...]]:
        self._refuse_while_away()
        for gate, results in self.found.get(workspace, ()):
            if gate.id == gate_id:
                return gate, results
        raise GateNotFoundError(gate_id)

    async def _dashboard(self, workspace: WorkspaceId, gate: Gate, results: tuple[CheckResult, ...]) -> Dashboard:
        release = await self._releases.find_candidate(workspace)
        judgement = judge(gate, release, results if release else (), now=NOW)
        return Dashboard(
            judgement,
            decision_id=DecisionId("dec_00001"),
            decided_at=NOW - timedelta(minutes=3),
            verified_at=NOW - timedelta(seconds=2),
        )

    def _refuse_while_away(self) -> None:
        if self.is_away:
            raise UnavailableError("PostgreSQL does not answer. `tidegate doctor` says why.", retry_after_s=2)


class FakeTelemetry:
    """Knows when telemetry of the harbor workspace last arrived."""

    def __init__(self) -> None:
        self.last: dict[WorkspaceId, datetime] = {HARBOR: NOW - timedelta(seconds=3)}
        self.is_away = False

    async def last_span_at(self, workspace: WorkspaceId) -> int | None:
        if self.is_away:
            raise UnavailableError("The telemetry engine does not answer.")
        found = self.last.get(workspace)
        return int(found.timestamp()) if found else None


def make_release(name: str = "2026.02.1", *, services: Sequence[str] = ("harbor-api",)) -> Release:
    return Release(
        id=ReleaseId("rel_00001"),
        name=name,
        environment="production",
        services=tuple(ReleaseService(service, "1.8.2", COMMIT) for service in services),
        created_at=NOW - timedelta(hours=5),
        is_candidate=True,
    )


def make_gate(
    gate_id: str, *outcomes: CheckOutcome, title: str | None = None, evidence_uri: str = "/release/runs/run-8812"
) -> tuple[Gate, tuple[CheckResult, ...]]:
    checks = tuple(
        Check(
            id=f"check-{number}",
            title=f"Regression {number}",
            owner="backend",
            spec=_SPEC,
            runbook="auth_failure_rate_high",
        )
        for number, _ in enumerate(outcomes, start=1)
    )
    gate = Gate(
        id=GateId(gate_id),
        title=title or f"{gate_id.replace('-', ' ').capitalize()} gate",
        owner="security",
        checks=checks,
        policy_digest=f"sha256:{'ef' * 32}",
        version=1,
        sprint="03",
    )
    results = tuple(_result(check, outcome, evidence_uri) for check, outcome in zip(checks, outcomes, strict=True))
    return gate, results


def make_decision(dashboard: Dashboard, number: int) -> Decision:
    judgement = dashboard.judgement
    return Decision(
        id=DecisionId(f"dec_{number:05d}"),
        sequence=1_000 - number,
        gate_id=judgement.gate_id,
        gate_version=1,
        policy_digest=judgement.policy_digest,
        release_id=judgement.release_id,
        release_name=judgement.release_name,
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        checks=tuple(_recorded(result) for result in judgement.results),
        steps=judgement.steps,
        decided_at=NOW - timedelta(minutes=3 + number),
        digest=f"sha256:{number:064x}",
    )


def _result(check: Check, outcome: CheckOutcome, evidence_uri: str) -> CheckResult:
    reason, step = _FINDINGS[outcome]
    return CheckResult(
        check=check,
        outcome=outcome,
        reason=reason,
        measured_at=NOW - timedelta(seconds=2),
        value="3 of 412 failed",
        bound="0 failed at the commit, not older than 24h",
        stale_after=NOW + timedelta(hours=20),
        evidence=(EvidenceRef("run-8812", evidence_uri, f"sha256:{'ab' * 32}"),),
        step=step,
    )


def _recorded(result: CheckResult) -> RecordedCheck:
    return RecordedCheck(
        check=result.check.id,
        title=result.check.title,
        kind=result.check.kind,
        owner=result.check.owner,
        is_required=result.check.required,
        outcome=result.outcome,
        reason=result.reason,
        value=result.value,
        bound=result.bound,
        measured_at=result.measured_at,
        stale_after=result.stale_after,
        evidence=result.evidence,
        inputs_digest=result.inputs_digest,
        runbook=result.check.runbook,
    )
