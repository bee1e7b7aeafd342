"""Suites that passed at the commit of a release. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from tidegate.gates.model.checks import Check, CheckKind, CheckSpec
from tidegate.gates.model.measures.findings import Finding, at_in_words, in_words, plain, result_of
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, EvidenceRef
from tidegate.kernel import format_duration
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A sender's clock may be this far ahead of ours; beyond it its dates are not believed."""
_SHOWN = 3


class RunSource(StrEnum):
    """Where the runs of a regression check come from."""

    AUTHZ = "authz"
    CI = "ci"


@dataclass(frozen=True, slots=True)
class RegressionSpec(CheckSpec):
    """Suites that passed at the commit of the release."""

    kind: ClassVar[CheckKind] = CheckKind.REGRESSION
    source: RunSource
    suite: str | None
    """`None` means every suite reported at the commit."""
    max_age: timedelta
    service: str | None
    requires_cross_tenant_negatives: bool
    allows_skipped: bool

    def define(self) -> Mapping[str, JsonValue]:
        return {
            "source": self.source.value,
            "suite": self.suite,
            "maxAge": format_duration(self.max_age),
            "service": self.service,
            "requireCrossTenantNegatives": self.requires_cross_tenant_negatives or None,
            "allowSkipped": self.allows_skipped,
        }


@dataclass(frozen=True, slots=True)
class RunReading:
    """One run of a suite, summed up."""

    id: str
    sequence: int
    received_at: datetime
    finished_at: datetime | None
    """What the sender says; `None` when the format does not."""
    digest: str
    uri: str
    passed: int
    failed: int
    """Failures and errors."""
    skipped: int
    failed_ids: tuple[str, ...] = ()
    """The first few."""
    uncovered_operations: tuple[str, ...] = ()
    """Tenant-scoped operations without a cross-tenant negative."""
    hidden_count: int = 0
    """Failures that the report claims and does not hold."""
    is_intact: bool = True

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class SubjectReading:
    """A suite of a service at a commit, and the runs of it that can still be read."""

    source: RunSource
    suite: str
    service: str | None
    """`None` when the report was sent for a commit without naming a service."""
    commit: str
    latest_sequence: int
    """Receipt of the newest run. It outlives the run itself: deleted evidence holds."""
    runs: tuple[RunReading, ...]
    repository: str | None = None
    """Of the newest run, as its sender says."""

    def find_latest(self) -> RunReading | None:
        return next((run for run in self.runs if run.sequence == self.latest_sequence), None)


def measure_regression(
    check: Check,
    services: Sequence[ReleaseService],
    subjects: Sequence[SubjectReading],
    *,
    now: datetime,
) -> CheckResult:
    """Judge, for each service, the newest received run of each suite at exactly its commit.

    Order is the order of receipt. What a sender says about time can make a run older, never newer.
    """
    spec = check.spec
    assert isinstance(spec, RegressionSpec)  # noqa: S101 - measures are chosen by kind
    findings: list[Finding] = []
    for own in services:
        matching = [subject for subject in subjects if _is_about(subject, spec, own)]
        findings += [_judge(spec, own, subject, now=now) for subject in matching] or [_missing(spec, own)]
    return result_of(
        check, findings, now=now, bound=f"0 failed at the commit, not older than {format_duration(spec.max_age)}"
    )


def _is_about(subject: SubjectReading, spec: RegressionSpec, own: ReleaseService) -> bool:
    is_of_service = subject.service == own.service or (subject.service is None and spec.source is RunSource.CI)
    return (
        subject.source is spec.source
        and subject.commit == own.commit
        and is_of_service
        and spec.suite in {None, subject.suite}
    )


def _missing(spec: RegressionSpec, own: ReleaseService) -> Finding:
    if not own.commit:
        reason = f"The service {plain(own.service)} is not part of the release."
        return Finding(CheckOutcome.MISSING, reason, f"release {plain(own.service)}, or name another service")
    suite = f"the suite {plain(spec.suite)}" if spec.suite else "any suite"
    return Finding(
        CheckOutcome.MISSING,
        f"No run of {suite} was received for {own.service} at commit {own.commit[:12]}.",
        f"run the suite at this commit and report it: {_report_command(spec, own)}",
    )


def _judge(spec: RegressionSpec, own: ReleaseService, subject: SubjectReading, *, now: datetime) -> Finding:
    run = subject.find_latest()
    where = f"suite {plain(subject.suite)} of {own.service} at {own.commit[:12]}"
    again = f"run the suite again and report it: {_report_command(spec, own)}"
    if run is None:
        return Finding(
            CheckOutcome.MISSING, f"The newest run of the {where} is gone; what it said is not known.", again
        )
    refs = (EvidenceRef(run.id, run.uri, run.digest),)
    if not run.is_intact:
        reason = f"The run {plain(run.id)} of the {where} was altered after it was received."
        return Finding(CheckOutcome.ERROR, reason, again, evidence=refs)
    if own.repository is not None and subject.repository not in {None, own.repository}:
        reason = (
            f"The newest run of the {where} is of the repository {plain(subject.repository or '')}, "
            f"and the release is of {plain(own.repository)}."
        )
        return Finding(CheckOutcome.INCONCLUSIVE, reason, again, evidence=refs)
    if run.failed:
        return _failing(run, where, refs)
    outcome, reason = _doubts(spec, run, where, now=now) or (
        CheckOutcome.PASSED,
        (
            f"{run.passed} of {run.total} cases of the {where} passed{_skipped(run)}, "
            f"received {in_words(now - run.received_at)} ago (limit {format_duration(spec.max_age)})."
        ),
    )
    return Finding(
        outcome,
        reason,
        again if outcome is not CheckOutcome.PASSED else None,
        value=f"0 of {run.total} failed",
        stale_after=_done_at(run) + spec.max_age,
        evidence=refs,
    )


def _failing(run: RunReading, where: str, refs: tuple[EvidenceRef, ...]) -> Finding:
    shown = ", ".join(plain(case) for case in run.failed_ids[:_SHOWN])
    more = f" and {run.failed - _SHOWN} more" if run.failed > _SHOWN else ""
    cases = "case" if run.failed == 1 else "cases"
    return Finding(
        CheckOutcome.FAILED,
        f"{run.failed} of {run.total} cases failed (allowed 0) in the {where}: {shown}{more}.",
        f"fix {run.failed} {cases} ({shown}{more}) and report a run that passes",
        value=f"{run.failed} of {run.total} failed",
        evidence=refs,
    )


def _doubts(spec: RegressionSpec, run: RunReading, where: str, *, now: datetime) -> tuple[CheckOutcome, str] | None:
    """Return why a run without a failure still does not pass."""
    if run.hidden_count:
        return (
            CheckOutcome.INCONCLUSIVE,
            f"The newest run of the {where} claims {run.hidden_count} more failures than it holds.",
        )
    if run.total == 0:
        return CheckOutcome.MISSING, f"The newest run of the {where} holds no case: zero tests prove nothing."
    if run.passed == 0:
        return CheckOutcome.INCONCLUSIVE, f"All {run.skipped} cases of the {where} were skipped."
    if run.skipped and not spec.allows_skipped:
        return CheckOutcome.INCONCLUSIVE, f"{run.skipped} of {run.total} cases of the {where} were skipped (allowed 0)."
    if spec.requires_cross_tenant_negatives and run.uncovered_operations:
        first = plain(run.uncovered_operations[0])
        count = len(run.uncovered_operations)
        return (
            CheckOutcome.INCONCLUSIVE,
            f"{count} tenant-scoped operations in the {where} have no cross-tenant negative (allowed 0): {first}"
            + (f" and {count - 1} more." if count > 1 else "."),
        )
    return _age_doubts(spec, run, where, now=now)


def _age_doubts(spec: RegressionSpec, run: RunReading, where: str, *, now: datetime) -> tuple[CheckOutcome, str] | None:
    if run.received_at > now + CLOCK_TOLERANCE:
        return CheckOutcome.INCONCLUSIVE, f"The newest run of the {where} was received after now: the clock went back."
    if run.finished_at is not None and run.finished_at > run.received_at + CLOCK_TOLERANCE:
        ahead = in_words(run.finished_at - run.received_at)
        return CheckOutcome.INCONCLUSIVE, f"The newest run of the {where} says it ends {ahead} after it was received."
    age = now - _done_at(run)
    if age > spec.max_age:
        return (
            CheckOutcome.STALE,
            (
                f"The newest run of the {where} is {in_words(age)} old, of {at_in_words(_done_at(run))} "
                f"(limit {format_duration(spec.max_age)})."
            ),
        )
    return None


def _done_at(run: RunReading) -> datetime:
    """Return the older of both dates: a sender can make a run older, never newer."""
    return run.received_at if run.finished_at is None else min(run.received_at, run.finished_at)


def _skipped(run: RunReading) -> str:
    return f" ({run.skipped} skipped)" if run.skipped else ""


def _report_command(spec: RegressionSpec, own: ReleaseService) -> str:
    suite = spec.suite or ("authz" if spec.source is RunSource.AUTHZ else "SUITE")
    return f"tidegate ci report --suite {suite} --commit {own.commit} --service {own.service} FILE"
