"""Families, windows and signals: numbers over what happened, exact."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
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
    from tidegate.signals.past import MAX_STEP_ROWS, NO_STEPS, Stepped, StepReader, StepRows
    from tidegate.signals.ports import Dimension, LookingAtMore, SeriesReader, SignalReader
    from tidegate.signals.service import DEFAULT_WINDOW, SignalService
    from tidegate.signals.steps import StepCounts, StepSums, is_milli
    from tidegate.signals.subjects import NO_SUBJECTS, Grouped, ListedRows, SubjectReader, SubjectRows, Where
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.model": (
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
            ),
            "tidegate.signals.ports": (
                "Dimension",
                "LookingAtMore",
                "SeriesReader",
                "SignalReader",
            ),
            "tidegate.signals.service": (
                "DEFAULT_WINDOW",
                "SignalService",
            ),
            "tidegate.signals.steps": (
                "StepCounts",
                "StepSums",
                "is_milli",
            ),
            "tidegate.signals.past": ("MAX_STEP_ROWS", "NO_STEPS", "StepReader", "StepRows", "Stepped"),
            "tidegate.signals.subjects": (
                "NO_SUBJECTS",
                "Grouped",
                "ListedRows",
                "SubjectReader",
                "SubjectRows",
                "Where",
            ),
        }
    )

__all__ = [
    "DEFAULT_WINDOW",
    "MAX_STEP_ROWS",
    "MICRO",
    "NANO_PER_USD",
    "NO_STEPS",
    "NO_SUBJECTS",
    "Dimension",
    "Durations",
    "DurationsPoint",
    "Family",
    "Figures",
    "GroupTotals",
    "Grouped",
    "ListedRows",
    "LookingAtMore",
    "SeriesPoint",
    "SeriesReader",
    "SignalReader",
    "SignalScope",
    "SignalService",
    "StepCounts",
    "StepReader",
    "StepRows",
    "StepSums",
    "Stepped",
    "SubjectReader",
    "SubjectRows",
    "Totals",
    "Where",
    "duration_figures",
    "figures_of",
    "is_milli",
    "meter_figures",
]
