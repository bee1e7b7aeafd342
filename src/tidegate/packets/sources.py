"""Packets fed by what stands below: releases, evidence records, test reports and authorization runs."""

import asyncio
from collections.abc import Mapping, Sequence

from tidegate.evidence import CaseResult, CiReport, EvidenceBook, EvidenceService
from tidegate.isolation import AuthzRun, IsolationService
from tidegate.kernel import NotFoundError, ReleaseId, TidegateError, WorkspaceId, canonical_json, digest_of, format_utc
from tidegate.packets.model import JSON, EvidenceUse, Found, TestRun
from tidegate.releases import ReleasesService

__all__ = ["RecordedReleases", "StoredEvidence"]

_REPORTS = "/api/v1/ci/reports/"
_RUNS = "/release/authz-regression/runs/"
_RECORD = "evd_"
_GONE = "it is not in the store any more"
_AT_ONCE = 4  # connections: a packet leaves the others to gates
_PASSED, _SKIPPED = "passed", "skipped"


class RecordedReleases:
    """Keeps the promise of `Releases`."""

    def __init__(self, releases: ReleasesService) -> None:
        self._releases = releases

    async def find_release(self, workspace: WorkspaceId, release_id: ReleaseId) -> Mapping[str, JSON] | None:
        try:
            found = await self._releases.get(workspace, release_id)
        except NotFoundError:
            return None
        return {
            "id": found.id,
            "name": found.name,
            "environment": found.environment,
            "services": [
                {"service": each.service, "version": each.version, "commit": each.commit} for each in found.services
            ],
            "createdAt": format_utc(found.created_at),
        }


class StoredEvidence:
    """Keeps the promise of `EvidenceFinder`. What is not what its digest says is never handed out."""

    def __init__(self, *, book: EvidenceBook, reports: EvidenceService, runs: IsolationService) -> None:
        self._book = book
        self._reports = reports
        self._runs = runs

    async def find(self, workspace: WorkspaceId, uses: Sequence[EvidenceUse], *, with_bodies: bool) -> Sequence[Found]:
        turns = asyncio.Semaphore(_AT_ONCE)
        # In one question: a release may rest on a thousand of them.
        asked = [use.id for use in uses if use.uri.startswith(_REPORTS)]
        reports = {each.id: each for each in await self._reports.find_reports(workspace, asked)} if asked else {}

        async def look(use: EvidenceUse) -> Found:
            if use.uri.startswith(_REPORTS):
                return _report(use, reports.get(use.id), with_bodies=with_bodies)
            async with turns:
                return await self._look(workspace, use, with_bodies=with_bodies)

        return await asyncio.gather(*map(look, uses))

    async def _look(self, workspace: WorkspaceId, use: EvidenceUse, *, with_bodies: bool) -> Found:
        try:
            if use.uri.startswith(_RUNS):
                return _run(use, await self._runs.get_run(workspace, use.id), with_bodies=with_bodies)
            if with_bodies and use.id.startswith(_RECORD):
                return await self._record(workspace, use)
        except NotFoundError:
            return Found(missing=_GONE if with_bodies else None)
        return Found(missing="it has no body here" if with_bodies else None)

    async def _record(self, workspace: WorkspaceId, use: EvidenceUse) -> Found:
        try:
            _, content = await self._book.content(workspace, use.id)
        except NotFoundError:
            raise
        except TidegateError as error:
            return Found(missing=error.message)
        return Found(body=content) if digest_of(content) == use.digest else Found(missing="it is another one by now")


def _report(use: EvidenceUse, report: CiReport | None, *, with_bodies: bool) -> Found:
    if report is None:
        return Found(missing=_GONE if with_bodies else None)
    if not report.is_intact or report.digest != use.digest:
        return Found(missing="it was altered in the store" if with_bodies else None)
    ended = [(case.id, case.result) for case in report.cases]
    run = TestRun(
        report.subject.suite,
        report.subject.commit,
        tuple(name for name, result in ended if result is CaseResult.PASSED),
        tuple(name for name, result in ended if result is CaseResult.SKIPPED),
        tuple(name for name, result in ended if result in {CaseResult.FAILED, CaseResult.ERROR}),
    )
    if not with_bodies:
        return Found(run=run)
    body = canonical_json(report.stored_body)
    return (
        Found(body=body, run=run) if digest_of(body) == use.digest else Found(missing="its body is not kept", run=run)
    )


def _run(use: EvidenceUse, found: AuthzRun, *, with_bodies: bool) -> Found:
    if not found.is_intact or found.digest != use.digest:
        return Found(missing="it was altered in the store" if with_bodies else None)
    ended = [(case.id, case.outcome.value) for case in found.cases]
    run = TestRun(
        found.subject.suite,
        found.subject.commit,
        tuple(name for name, outcome in ended if outcome == _PASSED),
        tuple(name for name, outcome in ended if outcome == _SKIPPED),
        tuple(name for name, outcome in ended if outcome not in {_PASSED, _SKIPPED}),
    )
    return Found(missing=f"take it from {use.uri}" if with_bodies else None, run=run)
