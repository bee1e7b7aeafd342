"""Families, windows and signals: numbers over what happened, exact."""

from tidegate.signals.model import (
    MICRO,
    NANO_PER_USD,
    Durations,
    DurationsPoint,
    Family,
    Figures,
    GroupTotals,
    SeriesPoint,
    SignalScope,
    Totals,
    duration_figures,
    figures_of,
    meter_figures,
)
from tidegate.signals.ports import Dimension, LookingAtMore, SeriesReader, SignalReader
from tidegate.signals.service import DEFAULT_WINDOW, SignalService
from tidegate.signals.steps import StepCounts, StepSums, is_milli

__all__ = [
    "DEFAULT_WINDOW",
    "MICRO",
    "NANO_PER_USD",
    "Dimension",
    "Durations",
    "DurationsPoint",
    "Family",
    "Figures",
    "GroupTotals",
    "LookingAtMore",
    "SeriesPoint",
    "SeriesReader",
    "SignalReader",
    "SignalScope",
    "SignalService",
    "StepCounts",
    "StepSums",
    "Totals",
    "duration_figures",
    "figures_of",
    "is_milli",
    "meter_figures",
]
