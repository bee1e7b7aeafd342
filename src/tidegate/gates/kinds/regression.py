"""`regression`: suites that passed at the commit of the release, from authorization runs or test reports."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from tidegate.evidence import CiStanding, EvidenceService
from tidegate.gates.check_files import CheckFile, Duration, Name, read_length
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds.subjects import services_of
from tidegate.gates.model import (
    Check,
    CheckResult,
    RegressionSpec,
    RunReading,
    RunSource,
    SubjectReading,
    measure_regression,
)
from tidegate.gates.ports import Catalogues
from tidegate.isolation import AuthzCase, AuthzRun, AuthzStanding, IsolationService
from tidegate.kernel import WorkspaceId
from tidegate.releases import Release, ReleaseService

__all__ = ["RegressionCheckFile", "RegressionSource", "subject_of_authz", "subject_of_report", "uncovered_operations"]

_SHOWN = 3
# SIGNALS section 2 calls a route tenant-scoped when its template names the tenant.
_TENANT_SCOPED = re.compile(r"\{(workspace|tenant)_?id\}", re.IGNORECASE)
_FOREIGN_ACTOR = re.compile(r"foreign|cross|other|another|outsider|stranger", re.IGNORECASE)
_ALLOWED_ANSWER = re.compile(r"2\d\d|allow|ok\b|permit|grant|success|true\b", re.IGNORECASE)


class RegressionCheckFile(CheckFile):
    """Suites that passed at the commit of the release."""

    kind: Literal["regression"]
    source: RunSource
    """`authz`: authorization regression runs; `ci`: test reports."""
    suite: Name | None = None
    """One suite; left out, every suite reported at the commit has to pass, and there has to be one."""
    max_age: Duration = "24h"
    require_cross_tenant_negatives: bool = False
    """At least one refused attempt from another tenant for each tenant-scoped operation; `authz` only."""
    allow_skipped: bool | None = None
    """Whether skipped cases are let through; unless said, yes for `ci` and no for `authz`."""

    def read(self, place: str, catalogues: Catalogues) -> RegressionSpec:  # noqa: ARG002 - names nothing of the catalogues
        if self.require_cross_tenant_negatives and self.source is not RunSource.AUTHZ:
            raise GateFileInvalidError(
                "Only authorization regression runs say who tried what: remove it, or use `source: authz`.",
                field=f"{place}.requireCrossTenantNegatives",
            )
        allows_skipped = self.source is RunSource.CI if self.allow_skipped is None else self.allow_skipped
        return RegressionSpec(
            source=self.source,
            suite=self.suite,
            max_age=read_length(self.max_age, f"{place}.maxAge"),
            service=self.service,
            requires_cross_tenant_negatives=self.require_cross_tenant_negatives,
            allows_skipped=allows_skipped,
        )


class RegressionSource:
    """Measures `regression` checks with authorization runs or test reports."""

    def __init__(self, *, isolation: IsolationService, evidence: EvidenceService) -> None:
        self._isolation = isolation
        self._evidence = evidence

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, RegressionSpec)  # noqa: S101 - sources are chosen by kind
        services = services_of(spec.service, release)
        subjects = await asyncio.gather(*(self._subjects(workspace, spec, own) for own in services))
        return measure_regression(check, services, [one for many in subjects for one in many], now=now)

    async def _subjects(
        self, workspace: WorkspaceId, spec: RegressionSpec, own: ReleaseService
    ) -> list[SubjectReading]:
        if not own.commit:
            return []
        if spec.source is RunSource.AUTHZ:
            runs = await self._isolation.list_standings(workspace, own.service, commit=own.commit, suite=spec.suite)
            return [subject_of_authz(one) for one in runs]
        reports = await self._evidence.list_standings(
            workspace, commit=own.commit, service=own.service, suite=spec.suite
        )
        return [subject_of_report(one) for one in reports]


def subject_of_authz(standing: AuthzStanding) -> SubjectReading:
    run = standing.run
    return SubjectReading(
        source=RunSource.AUTHZ,
        suite=standing.subject.suite,
        service=standing.subject.service,
        commit=standing.subject.commit,
        latest_sequence=standing.latest_sequence,
        runs=() if run is None else (_reading_of_authz(run),),
    )


def _reading_of_authz(run: AuthzRun) -> RunReading:
    totals = run.totals
    failed = [case.id for case in run.cases if case.outcome in {"failed", "error"}]
    return RunReading(
        id=run.run_id,
        sequence=run.sequence,
        received_at=run.received_at,
        finished_at=run.finished_at,
        digest=run.digest,
        uri=f"/release/authz-regression/runs/{run.run_id}",
        passed=totals.passed,
        failed=totals.failed + totals.error,
        skipped=totals.skipped,
        failed_ids=tuple(failed[:_SHOWN]),
        uncovered_operations=uncovered_operations(run.cases),
        is_intact=run.is_intact,
    )


def subject_of_report(standing: CiStanding) -> SubjectReading:
    report = standing.report
    if report is None:
        runs: tuple[RunReading, ...] = ()
    else:
        totals = report.totals
        failed = totals.failed + totals.error
        runs = (
            RunReading(
                id=report.id,
                sequence=report.sequence,
                received_at=report.received_at,
                finished_at=None,
                digest=report.digest,
                uri=f"/api/v1/ci/reports/{report.id}",
                passed=totals.passed,
                failed=failed,
                skipped=totals.skipped,
                failed_ids=tuple(case.id for case in report.failures[:_SHOWN]),
                hidden_count=max(0, report.claimed_failed_count - failed),
                is_intact=report.is_intact,
            ),
        )
    return SubjectReading(
        source=RunSource.CI,
        suite=standing.subject.suite,
        service=standing.subject.service,
        commit=standing.subject.commit,
        latest_sequence=standing.latest_sequence,
        runs=runs,
        repository=report.repository if report is not None else None,
    )


def uncovered_operations(cases: Sequence[AuthzCase]) -> tuple[str, ...]:
    """Return the tenant-scoped operations that no actor of another tenant was refused.

    An operation is tenant-scoped when its template names the tenant (`{workspaceId}`, `{tenantId}`). An actor is of
    another tenant when its name says so: foreign, cross, other, another, outsider or stranger.
    """
    scoped = {case.operation for case in cases if _TENANT_SCOPED.search(case.operation)}
    covered = {case.operation for case in cases if case.outcome == "passed" and _is_cross_tenant_negative(case)}
    return tuple(sorted(scoped - covered))


def _is_cross_tenant_negative(case: AuthzCase) -> bool:
    return bool(_FOREIGN_ACTOR.search(case.actor)) and not _ALLOWED_ANSWER.match(case.expected)
