"""Signals as Prometheus's clients ask for them: counters, histograms and gauges over PromQL."""

from tidegate.signals.prometheus.lookups import LookupService
from tidegate.signals.prometheus.points import EngineGauges
from tidegate.signals.prometheus.reading import SeriesReading
from tidegate.signals.prometheus.service import QueryService

__all__ = ["EngineGauges", "LookupService", "QueryService", "SeriesReading"]
