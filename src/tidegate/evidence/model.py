"""Test reports as they count: cases and how they ended, never the totals that a file claims. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tidegate.kernel import digest_of


class CaseResult(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ReportCase:
    """One appearance of a case in a report."""

    id: str
    result: CaseResult
    message: str | None = None
    """First line of why it failed."""
    file: str | None = None
    """Where it stands, as its tool wrote it; kept of those that failed."""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ReportTotals:
    total: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    error: int = 0


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was read from a report file."""

    cases: tuple[ReportCase, ...]
    flaky_count: int
    """Cases that failed in one appearance and passed in another; they count as failed."""
    claimed_failed_count: int
    """Failures and errors that the file says it has."""
    warnings: tuple[str, ...]
    """What was odd and left out, in words."""
    format: str = "junit"
    repository: str | None = None
    """The repository that the sender names; `None`: it named none."""


@dataclass(frozen=True, slots=True)
class CiSubject:
    """What a report is about. Only a later-received report of the same subject replaces its result."""

    suite: str
    commit: str
    service: str | None
    """`None`: about the commit, whatever service."""


@dataclass(frozen=True, slots=True)
class SentReport:
    """A report as it was sent."""

    content: bytes
    run_id: str | None = None
    """Chosen by the sender; else a report is known by its digest."""
    repository: str | None = None
    format: str | None = None
    """`None`: it is found out."""
    is_bundle: bool = False
    """Whether `content` is several files of one run, put together by `bundle_of`."""


@dataclass(frozen=True, slots=True)
class CiReport:
    """A report as it was received."""

    id: str
    run_id: str
    subject: CiSubject
    cases: tuple[ReportCase, ...]
    flaky_count: int
    claimed_failed_count: int
    warnings: tuple[str, ...]
    source_digest: str
    digest: str
    received_at: datetime
    sequence: int
    """Order of receipt: the only order that counts."""
    format: str = "junit"
    repository: str | None = None
    """The repository that the sender named; a run of another one proves nothing."""
    is_intact: bool = True
    """False when the stored body no longer has the digest it was stored with."""

    @property
    def totals(self) -> ReportTotals:
        return count_cases(case.result for case in self.cases)

    @property
    def stored_body(self) -> dict[str, Any]:
        """What is digested of it."""
        read = ReadReport(
            self.cases, self.flaky_count, self.claimed_failed_count, self.warnings, self.format, self.repository
        )
        return body_of(self.subject, read)

    @property
    def hides_failures(self) -> bool:
        """Return whether the file claims failures that are not in it."""
        totals = self.totals
        return self.claimed_failed_count > totals.failed + totals.error

    @property
    def failures(self) -> tuple[ReportCase, ...]:
        return tuple(case for case in self.cases if case.result in {CaseResult.FAILED, CaseResult.ERROR})


@dataclass(frozen=True, slots=True)
class CiStanding:
    """What counts for a subject: its newest report."""

    subject: CiSubject
    latest_sequence: int
    """Receipt of the newest report, kept apart from it: a deleted report leaves a gap that is seen."""
    report: CiReport | None
    """`None` when the newest report is gone; an older one does not take its place."""


def count_cases(results: Iterable[CaseResult]) -> ReportTotals:
    counts = Counter(results)
    return ReportTotals(
        total=counts.total(),
        passed=counts[CaseResult.PASSED],
        failed=counts[CaseResult.FAILED],
        skipped=counts[CaseResult.SKIPPED],
        error=counts[CaseResult.ERROR],
    )


def body_of(subject: CiSubject, read: ReadReport) -> dict[str, Any]:
    """Return what is stored and digested of a report; `report_of` reads it."""
    body = {
        "suite": subject.suite,
        "commit": subject.commit,
        "service": subject.service,
        "cases": [_stored(case) for case in read.cases],
        "flakyCount": read.flaky_count,
        "claimedFailedCount": read.claimed_failed_count,
        "warnings": list(read.warnings),
        "format": read.format,
    }
    return body | ({"repository": read.repository} if read.repository else {})


def _stored(case: ReportCase) -> list[Any]:
    stored = [case.id, case.result.value, case.message]
    return stored if case.file is None else [*stored, case.file, case.line]


def report_of(  # noqa: PLR0913 - one argument a column
    body: Mapping[str, Any],
    *,
    report_id: str,
    run_id: str,
    subject: CiSubject,
    source_digest: str,
    digest: str,
    received_at: datetime,
    sequence: int,
) -> CiReport:
    """Return the report in a stored `body`, and whether it is still what was stored; the inverse of `body_of`."""
    claimed = CiSubject(body["suite"], body["commit"], body["service"])
    return CiReport(
        id=report_id,
        run_id=run_id,
        subject=subject,
        cases=tuple(ReportCase(name, CaseResult(result), *rest) for name, result, *rest in body["cases"]),
        flaky_count=body["flakyCount"],
        claimed_failed_count=body["claimedFailedCount"],
        warnings=tuple(body["warnings"]),
        source_digest=source_digest,
        digest=digest,
        received_at=received_at,
        sequence=sequence,
        format=body.get("format", "junit"),
        repository=body.get("repository"),
        is_intact=digest_of(body) == digest and claimed == subject,
    )
