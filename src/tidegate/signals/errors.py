"""What can go wrong with signals."""

from datetime import timedelta
from typing import ClassVar

from tidegate.kernel import NotFoundError, UnavailableError


class FamilyNotFoundError(NotFoundError):
    """An address names a family that there is not."""

    code: ClassVar[str] = "family_not_found"


class CountingBehindError(UnavailableError):
    """Telemetry is stored that is not counted yet, for too long: figures would be of the past and look like now."""

    code: ClassVar[str] = "counting_behind"

    def __init__(self, lag: timedelta) -> None:
        super().__init__(
            f"Counting is {lag.total_seconds():.0f} s behind what is stored; figures wait until it has caught up."
        )
