"""Authorization regression runs: who tried what, what was expected, what happened. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tidegate.kernel import digest_of, parse_utc


class CaseOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AuthzCase:
    """One attempt of one actor at one operation."""

    id: str
    operation: str
    actor: str
    expected: str
    actual: str
    outcome: CaseOutcome


@dataclass(frozen=True, slots=True)
class RunTotals:
    """How many cases ended how. Always counted here, never taken from the sender."""

    total: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    error: int = 0


@dataclass(frozen=True, slots=True)
class AuthzSubject:
    """What a run is about. Only a later-received run of the same subject replaces its result."""

    service: str
    commit: str
    suite: str


@dataclass(frozen=True, slots=True)
class AuthzRun:
    """A run as it was received."""

    run_id: str
    subject: AuthzSubject
    started_at: datetime
    finished_at: datetime
    cases: tuple[AuthzCase, ...]
    digest: str
    """Of the canonical JSON of what was sent."""
    received_at: datetime
    sequence: int
    """Order of receipt: the only order that counts."""
    signature: str | None = None
    is_intact: bool = True
    """False when the stored body no longer has the digest it was received with."""

    @property
    def totals(self) -> RunTotals:
        return count_cases(case.outcome for case in self.cases)


@dataclass(frozen=True, slots=True)
class AuthzStanding:
    """What counts for a subject: its newest run."""

    subject: AuthzSubject
    latest_sequence: int
    """Receipt of the newest run. It is kept apart from the run, so that a deleted run leaves a gap that is seen."""
    run: AuthzRun | None
    """`None` when the newest run is gone; an older one does not take its place."""


def count_cases(outcomes: Iterable[CaseOutcome]) -> RunTotals:
    counts = Counter(outcomes)
    return RunTotals(
        total=counts.total(),
        passed=counts[CaseOutcome.PASSED],
        failed=counts[CaseOutcome.FAILED],
        skipped=counts[CaseOutcome.SKIPPED],
        error=counts[CaseOutcome.ERROR],
    )


def read_run(
    body: Mapping[str, Any], *, digest: str, subject: AuthzSubject, received_at: datetime, sequence: int
) -> AuthzRun:
    """Return the run in a stored `body`, and whether it is still what was received.

    A body that was altered afterwards, dates included, no longer has its digest: the run stays, is not intact, and
    can pass nothing.
    """
    claimed = AuthzSubject(body["service"], body["commit"], body["suite"])
    return AuthzRun(
        run_id=body["runId"],
        subject=subject,
        started_at=parse_utc(body["startedAt"]),
        finished_at=parse_utc(body["finishedAt"]),
        cases=tuple(
            AuthzCase(
                id=case["id"],
                operation=case["operation"],
                actor=case["actor"],
                expected=case["expected"],
                actual=case["actual"],
                outcome=CaseOutcome(case["outcome"]),
            )
            for case in body["cases"]
        ),
        digest=digest,
        received_at=received_at,
        sequence=sequence,
        signature=body.get("signature"),
        is_intact=digest_of(body) == digest and claimed == subject,
    )
