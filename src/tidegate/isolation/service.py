"""Receiving authorization regression runs and finding the one that counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.audit import Doer
from tidegate.isolation.errors import AuthzRunConflictError, AuthzRunInvalidError, AuthzRunNotFoundError
from tidegate.isolation.model import AuthzRun, AuthzStanding, AuthzSubject, CaseOutcome
from tidegate.isolation.ports import AuthzRunStore
from tidegate.kernel import Clock, WorkspaceId, digest_of, parse_utc


@dataclass(frozen=True, slots=True)
class ReceivedRun:
    run: AuthzRun
    is_new: bool
    """False when the same run had been received before."""


class IsolationService:
    """Runs are kept as they came. The newest received of a subject (service, commit, suite) counts."""

    def __init__(self, *, store: AuthzRunStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def receive(self, workspace: WorkspaceId, body: Mapping[str, Any], *, by: Doer) -> ReceivedRun:
        """Store the run in `body`, which has the fields of `AuthzRegressionRun`.

        Raises:
            AuthzRunInvalidError: it ends before it starts, repeats a case, or contradicts itself.
            AuthzRunConflictError: its id was received with another body.
        """
        _refuse_contradictions(body)
        digest = digest_of(body)
        subject = AuthzSubject(body["service"], body["commit"], body["suite"])
        is_new = await self._store.add_run(
            workspace,
            body["runId"],
            subject=subject,
            body=body,
            digest=digest,
            received_at=self._clock.now(),
            deed=by.deed(
                "isolation:report",
                f"authz-run/{body['runId']}",
                after=digest,
                service=subject.service,
                commit=subject.commit,
                suite=subject.suite,
            ),
        )
        run = await self._store.find_run(workspace, body["runId"])
        if run is None or run.digest != digest:
            raise AuthzRunConflictError(body["runId"])
        return ReceivedRun(run, is_new)

    async def latest_run(
        self, workspace: WorkspaceId, service: str, *, commit: str | None = None, suite: str | None = None
    ) -> AuthzRun:
        """Return the run of `service` that was received last.

        Raises:
            AuthzRunNotFoundError: none was received.
        """
        run = await self._store.find_latest_run(workspace, service, commit=commit, suite=suite)
        if run is None:
            raise AuthzRunNotFoundError(service)
        return run

    async def get_run(self, workspace: WorkspaceId, run_id: str) -> AuthzRun:
        """Return one run.

        Raises:
            AuthzRunNotFoundError: none was received under this id.
        """
        run = await self._store.find_run(workspace, run_id)
        if run is None:
            raise AuthzRunNotFoundError(run_id)
        return run

    async def list_standings(
        self, workspace: WorkspaceId, service: str, *, commit: str, suite: str | None = None
    ) -> tuple[AuthzStanding, ...]:
        """Return what counts for `service` at `commit`: the newest received run of each suite."""
        return await self._store.list_standings(workspace, service, commit=commit, suite=suite)


def _refuse_contradictions(body: Mapping[str, Any]) -> None:
    if parse_utc(body["finishedAt"]) < parse_utc(body["startedAt"]):
        raise AuthzRunInvalidError("The run ends before it starts.", field="finishedAt")
    seen: set[str] = set()
    for position, case in enumerate(body["cases"]):
        if case["id"] in seen:
            raise AuthzRunInvalidError(
                f"The case {case['id']!r} stands twice in this run: give each case its own id.",
                field=f"cases.{position}.id",
            )
        seen.add(case["id"])
        if case["outcome"] == CaseOutcome.PASSED and case["expected"] != case["actual"]:
            raise AuthzRunInvalidError(
                f"The case {case['id']!r} says passed, but expected {case['expected']!r} and got {case['actual']!r}.",
                field=f"cases.{position}.outcome",
            )
