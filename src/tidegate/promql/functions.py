"""The functions of the supported subset, and those of a number each."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from tidegate.promql.series import Floats
from tidegate.promql.windows import RANGE_FUNCTIONS

__all__ = ["FUNCTIONS", "MATH_FUNCTIONS"]

MATH_FUNCTIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "sgn": np.sign,
    "sqrt": np.sqrt,
}

FUNCTIONS: Final = frozenset(
    {"absent", "absent_over_time", "clamp", "clamp_max", "clamp_min", "histogram_quantile", "scalar", "time", "vector"}
    | MATH_FUNCTIONS.keys()
    | RANGE_FUNCTIONS.keys()
)
