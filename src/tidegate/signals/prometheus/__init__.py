"""Signals as Prometheus's clients ask for them: counters, histograms and gauges over PromQL."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.signals.prometheus.lookups import LookupService
    from tidegate.signals.prometheus.model import CATALOGUE, ReadingKind
    from tidegate.signals.prometheus.points import EngineGauges
    from tidegate.signals.prometheus.reading import SeriesReading
    from tidegate.signals.prometheus.service import QueryService
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.prometheus.lookups": ("LookupService",),
            "tidegate.signals.prometheus.model": ("CATALOGUE", "ReadingKind"),
            "tidegate.signals.prometheus.points": ("EngineGauges",),
            "tidegate.signals.prometheus.reading": ("SeriesReading",),
            "tidegate.signals.prometheus.service": ("QueryService",),
        }
    )

__all__ = ["CATALOGUE", "EngineGauges", "LookupService", "QueryService", "ReadingKind", "SeriesReading"]
