"""What one sees when one looks: lines over time, rows of a split. Pure."""

from dataclasses import dataclass
from datetime import datetime

from tidegate.signals import Figures, Totals

__all__ = ["Line", "Lines", "SplitRow"]


@dataclass(frozen=True, slots=True)
class Line:
    """Figures of each bucket for one value of a dimension; `key` is empty when the lines are not split."""

    key: str
    totals: tuple[Totals, ...]
    figures: tuple[Figures, ...]
    """As long as the starts of its `Lines`. A bucket without events counts 0, and its rates are `None`."""


@dataclass(frozen=True, slots=True)
class Lines:
    starts: tuple[datetime, ...]
    step_s: int
    lines: tuple[Line, ...]
    """The largest first."""
    unit: str = ""
    """Of the one metric that they show, as its sender calls it."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    key: str
    figures: Figures
