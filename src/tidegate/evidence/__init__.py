"""Evidence from CI: test reports, read and counted here."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.evidence.model import CaseResult, CiReport, CiStanding, CiSubject, ReportTotals
    from tidegate.evidence.ports import CiReportStore
    from tidegate.evidence.service import EvidenceService
    from tidegate.evidence.store import PostgresCiReportStore
else:
    __getattr__ = lazily(
        {
            "tidegate.evidence.model": (
                "CaseResult",
                "CiReport",
                "CiStanding",
                "CiSubject",
                "ReportTotals",
            ),
            "tidegate.evidence.ports": ("CiReportStore",),
            "tidegate.evidence.service": ("EvidenceService",),
            "tidegate.evidence.store": ("PostgresCiReportStore",),
        }
    )

__all__ = [
    "CaseResult",
    "CiReport",
    "CiReportStore",
    "CiStanding",
    "CiSubject",
    "EvidenceService",
    "PostgresCiReportStore",
    "ReportTotals",
]
