"""The moments at which rules are judged again, as the evaluator would have come by. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np

from tidegate.kernel import TimeRange
from tidegate.storage.native import Numbers

__all__ = ["Ticks"]

_NOW_AND_THEN_S: Final = 5
"""How often the evaluator asks what is not prompt."""
_ASK_AGAIN_S: Final = 30
"""How often it asks anew who was there within the last hour."""


@dataclass(frozen=True)
class Ticks:
    """Ends of steps: at each of them the window that ends there is judged."""

    start: datetime
    """Where the first step begins: a whole one since 1970."""
    step_s: int
    step_count: int
    is_prompt: bool = True

    @property
    def stride(self) -> int:
        """How many steps lie between two looks."""
        return 1 if self.is_prompt else -(-_NOW_AND_THEN_S // self.step_s)

    @cached_property
    def steps(self) -> Numbers:
        """Return the steps at whose end is looked."""
        return np.arange(0, self.step_count, self.stride)

    @cached_property
    def known_steps(self) -> Numbers:
        """Return for each look the step of the look at which it was last asked who had been there."""
        stride = self.stride * -(-_ASK_AGAIN_S // (self.step_s * self.stride))
        found: Numbers = self.steps - self.steps % stride
        return found

    @cached_property
    def moments(self) -> Sequence[datetime]:
        """Return when is looked: within the last second of a step, which is the end of the window then."""
        first = self.start.timestamp() + self.step_s - 1
        return [datetime.fromtimestamp(first + one * self.step_s, UTC) for one in self.steps.tolist()]

    def steps_of(self, length: timedelta) -> int:
        """Return how many steps a window is long; it is widened to whole ones."""
        return -(-int(length.total_seconds()) // self.step_s)

    def first_at(self, moment: datetime) -> int:
        """Return the first look at `moment` or after it."""
        stride_s = self.step_s * self.stride
        past = (moment - self.moments[0]).total_seconds()
        return max(0, -int(-past // stride_s))

    def reading(self, window: timedelta, before: timedelta) -> TimeRange:
        """Return what has to be read for windows of this length, and who was there `before` them."""
        lead = (self.steps_of(window) + self.steps_of(before) - 1) * self.step_s
        end = self.start + timedelta(seconds=self.step_s * self.step_count)
        return TimeRange(self.start - timedelta(seconds=lead), end)
