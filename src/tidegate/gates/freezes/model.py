"""What somebody wants of freezes. Pure; what a freeze is stands in `gates.model`."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["ExceptionWish", "FreezeWish"]


@dataclass(frozen=True, slots=True)
class FreezeWish:
    title: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class ExceptionWish:
    reason: str
    expires_at: datetime
    release: str | None = None
