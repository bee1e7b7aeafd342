"""Families, windows and signals: numbers over what happened, exact."""

from tidegate.signals.model import NANO_PER_USD, Family, Figures, GroupTotals, SignalScope, Totals, figures_of
from tidegate.signals.ports import Dimension, SignalReader
from tidegate.signals.service import DEFAULT_WINDOW, SignalService

__all__ = [
    "DEFAULT_WINDOW",
    "NANO_PER_USD",
    "Dimension",
    "Family",
    "Figures",
    "GroupTotals",
    "SignalReader",
    "SignalScope",
    "SignalService",
    "Totals",
    "figures_of",
]
