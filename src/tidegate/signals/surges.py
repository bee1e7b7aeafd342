"""Whether what was just stored holds more trouble than what came before it: then nobody waits for the next closing.

Pure: it counts rows, decides nothing about alerts, and may be wrong at the cost of one early or one ordinary closing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tidegate.storage.native import Columns, Numbers, Words

__all__ = ["Surges"]

_MEMORY: Final = 0.2  # of a flush in the mean of all: five flushes, a second and a quarter under load
_SIGMAS: Final = 3.0  # of a count as noisy as chance makes it: one flush in a thousand by chance alone
_FIRST_ERROR_STATUS: Final = 400
_FINE_RUNS: Final = frozenset({"", "ok"})


@dataclass(slots=True)
class _Mean:
    value: float = 0.0

    def is_exceeded_by(self, count: int) -> bool:
        """Return whether `count` is more than the noise around what came so far, and remember it."""
        before = self.value
        self.value += _MEMORY * (count - before)
        return count > before + _SIGMAS * math.sqrt(before)


@dataclass(slots=True)
class Surges:
    """Compares each flush with those before it; leaks are compared with leaks, whatever else fails beside them."""

    _troubles: _Mean = field(default_factory=_Mean)
    _leaks: _Mean = field(default_factory=_Mean)

    def note(self, spans: Sequence[Columns]) -> bool:
        """Hear of a flush, and return whether it holds more failures, denials or leaks than chance would explain."""
        troubles = sum(int(np.count_nonzero(_troubled(one))) for one in spans)
        leaks = sum(int(np.count_nonzero(_said(one.words["detail"], {"leak"}))) for one in spans)
        has_more_troubles, has_more_leaks = self._troubles.is_exceeded_by(troubles), self._leaks.is_exceeded_by(leaks)
        return has_more_troubles or has_more_leaks


def _troubled(spans: Columns) -> Numbers:
    words = spans.words
    found: Numbers = (
        (spans.numbers["http_status"] >= _FIRST_ERROR_STATUS)
        | ~_said(words["error_type"], {""})
        | ~_said(words["denial_class"], {""})
        | ~_said(words["run_outcome"], _FINE_RUNS)
    )
    return found


def _said(words: Words, wanted: set[str] | frozenset[str]) -> Numbers:
    """Return which rows have one of the `wanted` words."""
    is_wanted = np.array([word in wanted for word in words.words], bool)
    found: Numbers = is_wanted[words.codes] if len(words.codes) else np.zeros(0, bool)
    return found
