"""From what was read to what a check says: one pure function a kind of check."""

from tidegate.gates.model.measures.quiet import measure_quiet
from tidegate.gates.model.measures.regression import measure_regression
from tidegate.gates.model.measures.signal import measure_signal

__all__ = ["measure_quiet", "measure_regression", "measure_signal"]
