"""Receiving test reports and finding the one that counts."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

from tidegate.audit import Doer
from tidegate.evidence.errors import ReportConflictError, ReportNotFoundError
from tidegate.evidence.formats.bundles import files_of
from tidegate.evidence.formats.reports import merge_reports, read_report
from tidegate.evidence.model import CiReport, CiStanding, CiSubject, ReadReport, SentReport
from tidegate.evidence.ports import CiReportStore
from tidegate.kernel import Clock, IdFactory, WorkspaceId, digest_of


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    report: CiReport
    is_new: bool
    """False when the same report had been received before."""


class EvidenceService:
    """Reports are kept as they came. The newest received of a subject (suite, commit, service) counts."""

    def __init__(self, *, store: CiReportStore, ids: IdFactory, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def receive(
        self, workspace: WorkspaceId, subject: CiSubject, sent: SentReport, *, by: Doer
    ) -> ReceivedReport:
        """Read and store a report of tests.

        The same file about the same subject counts once, at its first receipt: sending yesterday's green report again
        does not hide today's red one.

        Raises:
            ReportUnreadableError: it is no report in a format that is known.
            ReportOfOtherKindError: it is evidence of another kind, which has a door of its own.
            ReportEntitiesRefusedError: it declares entities.
            ReportTooLargeError: it is larger than any report is read.
            ReportConflictError: its run id was received with another report, or from another repository.
        """
        # A report of 16 MB takes half a second to parse; the event loop serves others meanwhile.
        read = replace(await asyncio.to_thread(_read, sent), repository=sent.repository)
        source_digest = digest_of(sent.content)
        report_id, run_id = self._ids.new_id("rpt"), sent.run_id or source_digest
        is_new = await self._store.add_report(
            workspace,
            report_id,
            run_id=run_id,
            subject=subject,
            read=read,
            source_digest=source_digest,
            received_at=self._clock.now(),
            deed=by.deed(
                "evidence:report",
                f"report/{report_id}",
                suite=subject.suite,
                commit=subject.commit,
                service=subject.service,
                runId=run_id,
                repository=sent.repository,
                sourceDigest=source_digest,
            ),
        )
        report = await self._store.find_run(workspace, subject, run_id)
        if report is None or (report.source_digest, report.repository) != (source_digest, sent.repository):
            raise ReportConflictError(run_id)
        return ReceivedReport(report, is_new)

    async def get_report(self, workspace: WorkspaceId, report_id: str) -> CiReport:
        """Return one report.

        Raises:
            ReportNotFoundError: none has this id.
        """
        report = await self._store.find_report(workspace, report_id)
        if report is None:
            raise ReportNotFoundError(report_id)
        return report

    async def find_reports(self, workspace: WorkspaceId, report_ids: Collection[str]) -> tuple[CiReport, ...]:
        """Return those of these reports that are there, in no order."""
        return await self._store.find_reports(workspace, report_ids)

    async def latest_report(self, workspace: WorkspaceId, suite: str, service: str | None, commit: str) -> CiReport:
        """Return the newest received report of a suite at a commit.

        Raises:
            ReportNotFoundError: none was received.
        """
        standings = await self._store.list_standings(workspace, commit=commit, service=service, suite=suite)
        reports = [one.report for one in standings if one.report is not None and one.subject.service == service]
        if not reports:
            raise ReportNotFoundError(suite)
        return reports[0]

    async def list_standings(
        self, workspace: WorkspaceId, *, commit: str, service: str | None = None, suite: str | None = None
    ) -> tuple[CiStanding, ...]:
        """Return what counts for `service` at `commit`, reports that name no service included."""
        return await self._store.list_standings(workspace, commit=commit, service=service, suite=suite)


def _read(sent: SentReport) -> ReadReport:
    if not sent.is_bundle:
        return read_report(sent.content, format=sent.format)
    return merge_reports([(name, read_report(content, format=sent.format)) for name, content in files_of(sent.content)])
