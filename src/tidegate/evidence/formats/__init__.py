"""Readers of what CI and tools write: bytes in, what they say out. No I/O, no clock; only named errors come out."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.evidence.formats.cyclonedx import BomReading, read_cyclonedx
    from tidegate.evidence.formats.detection import EVIDENCE_FORMATS, REPORT_FORMATS, detect_format
    from tidegate.evidence.formats.load import LoadReading, read_load
    from tidegate.evidence.formats.preview_coverage import PreviewReading, read_preview_coverage
    from tidegate.evidence.formats.reports import merge_reports, read_report
    from tidegate.evidence.formats.repository_settings import RepositoryReading, read_repository_settings
    from tidegate.evidence.formats.sarif import Execution, ScanReading, read_sarif
    from tidegate.evidence.formats.summaries import READ_KINDS, summarise
else:
    __getattr__ = lazily(
        {
            "tidegate.evidence.formats.detection": ("EVIDENCE_FORMATS", "REPORT_FORMATS", "detect_format"),
            "tidegate.evidence.formats.cyclonedx": ("BomReading", "read_cyclonedx"),
            "tidegate.evidence.formats.load": ("LoadReading", "read_load"),
            "tidegate.evidence.formats.preview_coverage": ("PreviewReading", "read_preview_coverage"),
            "tidegate.evidence.formats.reports": ("merge_reports", "read_report"),
            "tidegate.evidence.formats.repository_settings": ("RepositoryReading", "read_repository_settings"),
            "tidegate.evidence.formats.sarif": ("Execution", "ScanReading", "read_sarif"),
            "tidegate.evidence.formats.summaries": ("READ_KINDS", "summarise"),
        }
    )

__all__ = [
    "EVIDENCE_FORMATS",
    "READ_KINDS",
    "REPORT_FORMATS",
    "BomReading",
    "Execution",
    "LoadReading",
    "PreviewReading",
    "RepositoryReading",
    "ScanReading",
    "detect_format",
    "merge_reports",
    "read_cyclonedx",
    "read_load",
    "read_preview_coverage",
    "read_report",
    "read_repository_settings",
    "read_sarif",
    "summarise",
]
