"""How good answers were: evaluations that are sent, retrieval metrics, citation coverage."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.signals.quality.ports import ContentPolicy, Ingest
    from tidegate.signals.quality.service import EvaluationService
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.quality.ports": ("ContentPolicy", "Ingest"),
            "tidegate.signals.quality.service": ("EvaluationService",),
        }
    )

__all__ = ["ContentPolicy", "EvaluationService", "Ingest"]
