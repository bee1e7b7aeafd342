"""`AuthzRegressionRun` on the wire, named as in its source."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.isolation.model import AuthzCase, AuthzRun, CaseOutcome, RunTotals

MAX_CASES = 50_000  # a 16 MB body holds fewer
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Count = Annotated[int, Field(ge=0)]


def _as_text(value: object) -> object:
    """An answer is often an HTTP status: 403 and "403" say the same."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Answer = Annotated[
    str, BeforeValidator(_as_text, json_schema_input_type=str | int), StringConstraints(min_length=1, max_length=500)
]


class AuthzRegressionCase(WireModel):
    id: Text
    operation: Text
    """For example `GET /workspaces/{workspaceId}/documents`."""
    actor: Text
    """Who tried it, for example `member of another tenant`."""
    expected: Answer
    actual: Answer
    outcome: CaseOutcome


class AuthzRegressionTotals(WireModel):
    """Accepted so that senders may include them; what counts is recounted from the cases."""

    total: Count | None = None
    passed: Count | None = None
    failed: Count | None = None
    skipped: Count | None = None
    error: Count | None = None


class AuthzRegressionRun(WireModel):
    """One run of an authorization regression suite against one service at one commit."""

    suite: Word
    service: Word
    commit: Word
    run_id: Word
    """Chosen by the sender: the same run sent twice counts once, and another body under the same id is refused."""
    started_at: Utc
    finished_at: Utc
    cases: Annotated[list[AuthzRegressionCase], Field(max_length=MAX_CASES)]
    """May be empty: such a run is stored and passes nothing."""
    totals: AuthzRegressionTotals | None = None
    signature: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    """Stored as it came. Signatures are not verified yet and change no verdict."""

    def body(self) -> dict[str, Any]:
        """Return what is stored and digested: the wire form, without what was left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class RunTotalsOut(WireModel):
    total: int
    passed: int
    failed: int
    skipped: int
    error: int

    @classmethod
    def of(cls, totals: RunTotals) -> Self:
        return cls(
            total=totals.total,
            passed=totals.passed,
            failed=totals.failed,
            skipped=totals.skipped,
            error=totals.error,
        )


class AuthzRegressionRunOut(WireModel):
    """The run as received, with totals counted from its cases."""

    suite: str
    service: str
    commit: str
    run_id: str
    started_at: Utc
    finished_at: Utc
    cases: tuple[AuthzRegressionCase, ...]
    totals: RunTotalsOut
    signature: str | None
    digest: str
    received_at: Utc

    @classmethod
    def of(cls, run: AuthzRun) -> Self:
        return cls(
            suite=run.subject.suite,
            service=run.subject.service,
            commit=run.subject.commit,
            run_id=run.run_id,
            started_at=run.started_at,
            finished_at=run.finished_at,
            cases=tuple(map(_case_of, run.cases)),
            totals=RunTotalsOut.of(run.totals),
            signature=run.signature,
            digest=run.digest,
            received_at=run.received_at,
        )


def _case_of(case: AuthzCase) -> AuthzRegressionCase:
    return AuthzRegressionCase(
        id=case.id,
        operation=case.operation,
        actor=case.actor,
        expected=case.expected,
        actual=case.actual,
        outcome=case.outcome,
    )
