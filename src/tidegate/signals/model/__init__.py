"""Families, windows and what their counters mean. Pure."""

from tidegate.signals.model.figures import Figures, duration_figures, figures_of, meter_figures
from tidegate.signals.model.totals import (
    MICRO,
    NANO_PER_USD,
    Durations,
    DurationsPoint,
    Family,
    GroupTotals,
    SeriesPoint,
    SignalScope,
    Totals,
)

__all__ = [
    "MICRO",
    "NANO_PER_USD",
    "Durations",
    "DurationsPoint",
    "Family",
    "Figures",
    "GroupTotals",
    "SeriesPoint",
    "SignalScope",
    "Totals",
    "duration_figures",
    "figures_of",
    "meter_figures",
]
