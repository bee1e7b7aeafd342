"""Test reports on the wire."""

from typing import Annotated, Self

from pydantic import StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.evidence.model import CiReport

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}$")]
_SHOWN = 20


class ReportTotalsOut(WireModel):
    """Counted from the cases of the file."""

    total: int
    passed: int
    failed: int
    skipped: int
    error: int


class FailureOut(WireModel):
    id: str
    message: str | None
    file: str | None
    """As its tool wrote it: often a path on the machine that ran it."""
    line: int | None


class CiReportOut(WireModel):
    id: str
    suite: str
    commit: str
    service: str | None
    repository: str | None
    """As the sender named it."""
    run_id: str
    format: str
    """Of the file; of several files each format once, joined by `+`."""
    totals: ReportTotalsOut
    flaky_count: int
    """Cases that failed in one appearance and passed in another; they count as failed."""
    failures: tuple[FailureOut, ...]
    """The first twenty."""
    warnings: tuple[str, ...]
    digest: str
    received_at: Utc

    @classmethod
    def of(cls, report: CiReport) -> Self:
        totals = report.totals
        return cls(
            id=report.id,
            suite=report.subject.suite,
            commit=report.subject.commit,
            service=report.subject.service,
            repository=report.repository,
            run_id=report.run_id,
            format=report.format,
            totals=ReportTotalsOut(
                total=totals.total,
                passed=totals.passed,
                failed=totals.failed,
                skipped=totals.skipped,
                error=totals.error,
            ),
            flaky_count=report.flaky_count,
            failures=tuple(
                FailureOut(id=case.id, message=case.message, file=case.file, line=case.line)
                for case in report.failures[:_SHOWN]
            ),
            warnings=report.warnings,
            digest=report.digest,
            received_at=report.received_at,
        )
