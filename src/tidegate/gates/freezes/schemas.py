"""Freezes on the wire."""

from typing import Self

from tidegate.edge.wire import Utc, WireModel
from tidegate.gates.approvals.schemas import Line, Text
from tidegate.gates.freezes.model import ExceptionWish, FreezeWish
from tidegate.gates.model import FreezeException, FreezeWindow


class FreezeIn(WireModel):
    """A time in which nothing goes out."""

    title: Line
    reason: Text
    starts_at: Utc
    """With an offset."""
    ends_at: Utc
    """With an offset; at this instant it is over."""
    zone: Line = "UTC"
    """Name of the time zone of the calendar that it stands in, like `Europe/Berlin`."""

    def wish(self) -> FreezeWish:
        return FreezeWish(self.title, self.reason, self.starts_at, self.ends_at, self.zone)


class FreezeExceptionIn(WireModel):
    """Why one release goes out in a freeze, and until when."""

    reason: Text
    expires_at: Utc
    release: Line | None = None
    """Name or id; left out, the candidate."""

    def wish(self) -> ExceptionWish:
        return ExceptionWish(self.reason, self.expires_at, self.release)


class FreezeExceptionOut(WireModel):
    """Asked for by one person, accepted by another."""

    id: str
    release: str
    reason: str
    requested_by: str
    requested_name: str
    requested_at: Utc
    expires_at: Utc
    accepted_by: str | None
    accepted_name: str | None
    accepted_at: Utc | None

    @classmethod
    def of(cls, exception: FreezeException) -> Self:
        return cls(
            id=exception.id,
            release=exception.release_name,
            reason=exception.reason,
            requested_by=exception.requested_by,
            requested_name=exception.requested_name,
            requested_at=exception.requested_at,
            expires_at=exception.expires_at,
            accepted_by=exception.accepted_by,
            accepted_name=exception.accepted_name,
            accepted_at=exception.accepted_at,
        )


class FreezeOut(WireModel):
    """A freeze as it was set; it never changes, but can be lifted before its time."""

    id: str
    title: str
    reason: str
    starts_at: Utc
    ends_at: Utc
    zone: str
    set_by: str
    set_at: Utc
    lifted_at: Utc | None
    lifted_by: str | None
    is_in_force: bool
    exceptions: tuple[FreezeExceptionOut, ...]
    digest: str

    @classmethod
    def of(cls, window: FreezeWindow, *, is_in_force: bool) -> Self:
        return cls(
            id=window.id,
            title=window.title,
            reason=window.reason,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            zone=window.zone,
            set_by=window.set_by,
            set_at=window.set_at,
            lifted_at=window.lifted_at,
            lifted_by=window.lifted_by,
            is_in_force=is_in_force,
            exceptions=tuple(map(FreezeExceptionOut.of, window.exceptions)),
            digest=window.digest,
        )


class FreezePageOut(WireModel):
    items: tuple[FreezeOut, ...]
    next_cursor: str | None
