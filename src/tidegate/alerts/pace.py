"""How often something that costs the same each time is done: so many in a row, then one a pause. Pure: no clock."""

from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(slots=True)
class Pace:
    """One turn each `pause_s` in the long run; `in_a_row` of them may follow each other at once."""

    pause_s: float
    in_a_row: int = 1
    _even_at: float = float("-inf")
    """When all turns that were taken are paid for."""

    def wait_s(self, now: float) -> float:
        """Take a turn at `now`, and return how long to wait before it."""
        begins_at = max(now, self._even_at - (self.in_a_row - 1) * self.pause_s)
        self._even_at = max(self._even_at, begins_at) + self.pause_s
        return begins_at - now
