"""What an expression can be answered with."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.promql.evaluator import Sample
from tidegate.promql.series import Series

__all__ = ["Answer", "MatrixAnswer", "NumberAnswer", "TextAnswer", "VectorAnswer"]


@dataclass(frozen=True, slots=True)
class VectorAnswer:
    samples: Sequence[Sample]
    at_ms: int
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MatrixAnswer:
    series: Sequence[Series]
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    value: float
    at_ms: int
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TextAnswer:
    value: str
    at_ms: int
    warnings: Sequence[str] = ()


Answer = VectorAnswer | MatrixAnswer | NumberAnswer | TextAnswer
