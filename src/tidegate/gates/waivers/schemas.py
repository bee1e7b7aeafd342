"""Waivers on the wire."""

from typing import Annotated, Self

from pydantic import StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.gates.model import Waiver
from tidegate.gates.waivers.model import WaiverWish

_Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class WaiverIn(WireModel):
    """One check, for one release or tenant where they are named, until a moment."""

    check: _Line
    release: _Line | None = None
    """Name or id of a release; left out, every release until it expires."""
    tenant: _Line | None = None
    """Only for a check that asks about this tenant."""
    owner: _Line
    """Who answers for it."""
    reason: _Reason
    expires_at: Utc
    """With an offset; at this instant the check blocks again."""

    def wish(self) -> WaiverWish:
        return WaiverWish(
            check=self.check,
            owner=self.owner,
            reason=self.reason,
            expires_at=self.expires_at,
            release=self.release,
            tenant=self.tenant,
        )


class WaiverOut(WireModel):
    """A waiver as it was given; it never changes, but can be ended before its time."""

    id: str
    gate: str
    check: str
    release: str | None
    """Null: for every release."""
    tenant: str | None
    owner: str
    reason: str
    outcome: str
    """What the check said when it was given."""
    given_by: str
    given_at: Utc
    expires_at: Utc
    ended_at: Utc | None
    ended_by: str | None
    is_in_force: bool
    """Whether it counts now; false as well when what is stored was altered."""
    digest: str

    @classmethod
    def of(cls, waiver: Waiver, *, is_in_force: bool) -> Self:
        return cls(
            id=waiver.id,
            gate=waiver.gate_id,
            check=waiver.check_id,
            release=waiver.release_name,
            tenant=waiver.tenant,
            owner=waiver.owner,
            reason=waiver.reason,
            outcome=waiver.outcome,
            given_by=waiver.given_by,
            given_at=waiver.given_at,
            expires_at=waiver.expires_at,
            ended_at=waiver.ended_at,
            ended_by=waiver.ended_by,
            is_in_force=is_in_force,
            digest=waiver.digest,
        )


class WaiverPageOut(WireModel):
    items: tuple[WaiverOut, ...]
    next_cursor: str | None
