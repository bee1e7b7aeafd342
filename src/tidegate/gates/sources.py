"""Where checks get their answers: signals, alerts, authorization runs and test reports."""

import asyncio
import re
from collections.abc import Collection, Sequence
from datetime import datetime

from tidegate.evidence import CiStanding, EvidenceService
from tidegate.gates.expressions import compile_bound
from tidegate.gates.model import (
    Check,
    CheckResult,
    QuietSpec,
    RegressionSpec,
    RunReading,
    RunSource,
    SignalReading,
    SignalSpec,
    SubjectReading,
    measure_quiet,
    measure_regression,
    measure_signal,
)
from tidegate.gates.model.measures.findings import Finding
from tidegate.gates.model.measures.signal import not_of_release, of_other_versions
from tidegate.gates.ports import AlertCatalogue, QuietReader
from tidegate.isolation import AuthzCase, AuthzRun, AuthzStanding, IsolationService
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.releases import Release, ReleaseService
from tidegate.signals import Family, SignalReader, SignalScope, Totals

_SHOWN = 3
# SIGNALS section 2 calls a route tenant-scoped when its template names the tenant.
_TENANT_SCOPED = re.compile(r"\{(workspace|tenant)_?id\}", re.IGNORECASE)
_FOREIGN_ACTOR = re.compile(r"foreign|cross|other|another|outsider|stranger", re.IGNORECASE)
_ALLOWED_ANSWER = re.compile(r"2\d\d|allow|ok\b|permit|grant|success|true\b", re.IGNORECASE)


_Question = tuple[WorkspaceId, Family, TimeRange, SignalScope]


class SignalSource:
    """Measures `signal` checks with the figures of the telemetry store."""

    def __init__(self, signals: SignalReader) -> None:
        self._signals = signals
        self._under_way: dict[_Question, asyncio.Future[Totals]] = {}

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, SignalSpec)  # noqa: S101 - sources are chosen by kind
        services = services_of(spec.service, release)
        totals = await asyncio.gather(*(self._totals(workspace, spec, own, now=now) for own in services))
        objections = await asyncio.gather(*(self._objection(workspace, spec, own, now=now) for own in services))
        return measure_signal(
            check,
            {own.service: SignalReading(read, now) for own, read in zip(services, totals, strict=True)},
            bound=compile_bound(spec.expression, spec.family, field="expression"),
            warn_bound=compile_bound(spec.warn_expression, spec.family, field="warn") if spec.warn_expression else None,
            now=now,
            objections=[one for one in objections if one],
        )

    async def _objection(
        self, workspace: WorkspaceId, spec: SignalSpec, own: ReleaseService, *, now: datetime
    ) -> Finding | None:
        """Return why the telemetry of `own` is not of this release, `None` when it is."""
        if not own.version:
            return not_of_release(own.service)
        if spec.is_release_only:
            return None
        window, scope = TimeRange(now - spec.window, now), SignalScope(service=own.service)
        seen = await self._signals.totals_by(workspace, spec.family, window, by="release", scope=scope)
        return of_other_versions(own.service, own.version, seen)

    async def _totals(self, workspace: WorkspaceId, spec: SignalSpec, own: ReleaseService, *, now: datetime) -> Totals:
        version = own.version if spec.is_release_only else None
        scope = SignalScope(service=own.service, release=version, tenant=spec.tenant)
        question = (workspace, spec.family, TimeRange(now - spec.window, now), scope)
        # Checks of a gate are measured at once and at one moment, and often ask the same: four of `ai-action` do.
        answer = self._under_way.get(question)
        if answer is None:
            answer = asyncio.ensure_future(self._ask(question))
            self._under_way[question] = answer
            answer.add_done_callback(lambda done: self._forget(question, done))
        return await asyncio.shield(answer)

    def _forget(self, question: "_Question", answer: "asyncio.Future[Totals]") -> None:
        del self._under_way[question]
        if not answer.cancelled():
            answer.exception()  # seen: when all who asked gave up, asyncio would complain that nobody looked

    async def _ask(self, question: "_Question") -> Totals:
        workspace, family, window, scope = question
        return await self._signals.totals(workspace, family, window, scope=scope)


class QuietSource:
    """Measures `alerts_quiet` checks: what the evaluator saw, and whether there was anything to see."""

    def __init__(self, *, alerts: QuietReader, catalogue: AlertCatalogue, signals: SignalReader) -> None:
        self._alerts = alerts
        self._families = {rule.code: rule.family for rule in catalogue.list_rules()}
        self._signals = signals

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, QuietSpec)  # noqa: S101 - sources are chosen by kind
        services = [own.service for own in services_of(spec.service, release)]
        window = TimeRange(now - spec.quiet_for, now)
        quiet = await self._alerts.read_quiet(workspace, spec.codes, services, since=window.start)
        families = {self._families[code] for code in spec.codes}
        counts = await asyncio.gather(*(self._activity(workspace, families, service, window) for service in services))
        outside = [name for name in services if release.find_service(name) is None]
        heard = {name: 0 if name in outside else count for name, count in zip(services, counts, strict=True)}
        return measure_quiet(check, quiet, heard, now=now)

    async def _activity(
        self, workspace: WorkspaceId, families: Collection[Family], service: str, window: TimeRange
    ) -> int:
        """Return the events of the family heard least: each has to be heard for its alerts to mean anything."""
        scope = SignalScope(service=service)
        totals = await asyncio.gather(
            *(self._signals.totals(workspace, family, window, scope=scope) for family in sorted(families))
        )
        return min((one.count for one in totals), default=0)


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


def services_of(named: str | None, release: Release) -> Sequence[ReleaseService]:
    """Return the services a check is about: all of the release, or the one it names.

    A named service that is not part of the release has neither version nor commit, so nothing counts for it.
    """
    if named is None:
        return release.services
    return (release.find_service(named) or ReleaseService(named, "", ""),)


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
