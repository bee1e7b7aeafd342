"""How long a job waits before it is tried again. Pure: randomness comes in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

__all__ = ["STANDARD_DELAYS", "Backoff"]

# Standard Webhooks, "Retry schedule": a receiver that is restarted is back after the first, one whose people are away
# for a weekend before the last. Twelve attempts take five days.
STANDARD_DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays by attempt; attempts beyond the last delay wait as long as it."""

    delays: tuple[timedelta, ...] = STANDARD_DELAYS
    spread: float = 0.2
    """Up to this part of the delay is added at random, so that what failed together does not come back together."""

    def __post_init__(self) -> None:
        if not self.delays or any(delay < timedelta(0) for delay in self.delays) or not 0 <= self.spread <= 1:
            raise ValueError("A backoff has one delay at least, none of them negative, and a spread from 0 to 1.")

    def after(self, attempt: int, *, random: Callable[[], float]) -> timedelta:
        """Return how long to wait after `attempt` (1 is the first) failed; never less than its delay."""
        delay = self.delays[min(max(attempt, 1), len(self.delays)) - 1]
        return delay * (1 + self.spread * random())
