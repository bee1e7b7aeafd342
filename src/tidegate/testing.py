"""Fakes that keep the promises of the ports; shipped to users, used by our own tests."""

from datetime import UTC, datetime, timedelta
from itertools import count

__all__ = ["CountingIds", "FakeClock"]


class FakeClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: datetime = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class CountingIds:
    """Ids that count upwards: `alr_00001`, `alr_00002`."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):05d}"
