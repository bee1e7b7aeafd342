"""What an override is: one person asked, another confirmed, for at most a day. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidegate.gates.model.moments import moment_in_words
from tidegate.gates.model.waivers import CLOCK_TOLERANCE
from tidegate.kernel import GateId, ReleaseId, digest_of, format_utc

MAX_OVERRIDE: Final = timedelta(hours=24)
"""GATES section 1."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """One check that kept the gate from GO when the override was asked for."""

    check: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Override:
    id: str
    gate_id: GateId
    policy_digest: str
    release_id: ReleaseId
    release_name: str
    reason: str
    checks: tuple[Overridden, ...]
    """What it lets through: nothing that blocks besides, or that fails where it had only not answered."""
    requested_by: str
    """Id of the member."""
    requested_name: str
    requested_at: datetime
    expires_at: datetime
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    is_intact: bool = True

    @property
    def digest(self) -> str:
        """Digest of what was asked for."""
        return digest_of(
            {
                "id": self.id,
                "gate": self.gate_id,
                "policy": self.policy_digest,
                "release": self.release_id,
                "reason": self.reason,
                "checks": [[one.check, one.outcome] for one in self.checks],
                "requestedBy": self.requested_by,
                "requestedAt": format_utc(self.requested_at),
                "expiresAt": format_utc(self.expires_at),
            }
        )

    @property
    def confirmed_digest(self) -> str:
        """Digest of what was asked for and who confirmed it: what was altered in the store is not in force."""
        confirmed_at = format_utc(self.confirmed_at) if self.confirmed_at else None
        return digest_of({"asked": self.digest, "by": self.confirmed_by, "at": confirmed_at})

    def is_open(self, now: datetime) -> bool:
        """Return whether it waits for the second person."""
        return self.is_intact and self.confirmed_at is None and self.ended_at is None and now < self.expires_at

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it counts at `now`; at the instant that it ends with, it does not any more."""
        return (
            self.is_intact
            and self.ended_at is None
            and self.confirmed_at is not None
            and self.confirmed_by not in {None, self.requested_by}
            and self.confirmed_at <= now + CLOCK_TOLERANCE
            and now < self.expires_at
            and self.expires_at - self.requested_at <= MAX_OVERRIDE
        )

    @property
    def words(self) -> str:
        """Return what stands in the place of a plain GO."""
        return f"GO (overridden by {self.people} until {moment_in_words(self.expires_at)})"

    @property
    def people(self) -> str:
        return " and ".join(name for name in (self.requested_name, self.confirmed_name) if name)


def newest_in_force(overrides: Sequence[Override], now: datetime) -> tuple[Override, ...]:
    """Return those that count at `now`, the one that lasts longest first."""
    return tuple(
        sorted((one for one in overrides if one.is_in_force(now)), key=lambda one: (one.expires_at, one.id))[::-1]
    )
