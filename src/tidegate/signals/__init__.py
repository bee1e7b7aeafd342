"""Families, windows and signals: numbers over what happened, exact."""

from tidegate.signals.model import (
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

__all__ = [
    "DEFAULT_WINDOW",
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
    "Totals",
    "duration_figures",
    "figures_of",
    "meter_figures",
]
