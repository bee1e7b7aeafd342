"""What can go wrong when alerts are asked for as an Alertmanager is asked."""

from typing import ClassVar

from tidegate.kernel import MalformedError

__all__ = ["TooManyShownError"]


class TooManyShownError(MalformedError):
    """More fits than one answer holds; Alertmanager's API has no pages."""

    code: ClassVar[str] = "alerts_too_many_to_show"

    def __init__(self, limit: int, what: str) -> None:
        super().__init__(
            f"More than {limit:,} {what} fit. Ask for fewer with `filter`, or page through /api/v1/{what}."
        )
