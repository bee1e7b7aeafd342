"""Evidence: test reports of CI, and records of all kinds that gates ask for."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.evidence.model import CaseResult, CiReport, CiStanding, CiSubject, ReportTotals
    from tidegate.evidence.ports import CiReportStore
    from tidegate.evidence.records.assembly import Evidence, build_evidence
    from tidegate.evidence.records.model import (
        KINDS,
        ContentState,
        EvidenceRecord,
        EvidenceStanding,
        EvidenceSubject,
        Review,
        ReviewVerdict,
        Signature,
    )
    from tidegate.evidence.records.schemas import ReleaseGateEvidenceInput
    from tidegate.evidence.records.service import EvidenceBook
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
            "tidegate.evidence.records.assembly": ("Evidence", "build_evidence"),
            "tidegate.evidence.records.model": (
                "KINDS",
                "ContentState",
                "EvidenceRecord",
                "EvidenceStanding",
                "EvidenceSubject",
                "Review",
                "ReviewVerdict",
                "Signature",
            ),
            "tidegate.evidence.records.schemas": ("ReleaseGateEvidenceInput",),
            "tidegate.evidence.records.service": ("EvidenceBook",),
            "tidegate.evidence.service": ("EvidenceService",),
            "tidegate.evidence.store": ("PostgresCiReportStore",),
        }
    )

__all__ = [
    "KINDS",
    "CaseResult",
    "CiReport",
    "CiReportStore",
    "CiStanding",
    "CiSubject",
    "ContentState",
    "Evidence",
    "EvidenceBook",
    "EvidenceRecord",
    "EvidenceService",
    "EvidenceStanding",
    "EvidenceSubject",
    "PostgresCiReportStore",
    "ReleaseGateEvidenceInput",
    "ReportTotals",
    "Review",
    "ReviewVerdict",
    "Signature",
    "build_evidence",
]
