"""What evidence needs from the state store."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.evidence.model import CiReport, CiStanding, CiSubject, ReadReport
from tidegate.kernel import WorkspaceId


class CiReportStore(Protocol):
    async def add_report(  # noqa: PLR0913 - one argument a column
        self,
        workspace: WorkspaceId,
        report_id: str,
        *,
        run_id: str,
        subject: CiSubject,
        read: ReadReport,
        source_digest: str,
        received_at: datetime,
        deed: Deed,
    ) -> bool:
        """Store a report and record it; return whether its subject had none of this run id.

        Of two at once exactly one is stored.
        """
        ...

    async def find_report(self, workspace: WorkspaceId, report_id: str) -> CiReport | None: ...

    async def find_reports(self, workspace: WorkspaceId, report_ids: Collection[str]) -> tuple[CiReport, ...]:
        """Return those that are there, in no order."""
        ...

    async def find_run(self, workspace: WorkspaceId, subject: CiSubject, run_id: str) -> CiReport | None: ...

    async def list_standings(
        self, workspace: WorkspaceId, *, commit: str, service: str | None, suite: str | None
    ) -> tuple[CiStanding, ...]:
        """Return what counts at this commit, by suite: subjects of `service` and those without a service."""
        ...
