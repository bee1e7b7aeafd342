"""Counting stored runs again: what people ask for and see of it. Counting itself is above."""

from tidegate.signals.repricing.model import ModelDiff, ModelFigures, Recount, RecountState
from tidegate.signals.repricing.ports import Recounts

__all__ = ["ModelDiff", "ModelFigures", "Recount", "RecountState", "Recounts"]
