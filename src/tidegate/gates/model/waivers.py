"""What a waiver is: a named person accepts that one check does not pass, until a date. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.gates.model.checks import Check, CheckKind
from tidegate.kernel import GateId, ReleaseId, digest_of, format_utc

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Clocks of two servers may differ by this; a waiver given later than that is of no clock of ours."""
NEVER_WAIVED = frozenset({CheckKind.APPROVAL})
"""An approval is what a second person says: who goes without it overrides the gate, with a second person."""


@dataclass(frozen=True, slots=True)
class Waiver:
    id: str
    gate_id: GateId
    check_id: str
    question: str
    """`Check.question` when it was given: a check that asks something else since is not waived."""
    release_id: ReleaseId | None
    """`None` waives the check for every release."""
    release_name: str | None
    tenant: str | None
    """Only while the check is about this tenant alone."""
    owner: str
    """Who answers for it."""
    reason: str
    outcome: str
    """What the check said when it was given."""
    given_by: str
    """Id of the person."""
    given_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    """When somebody ended it before its time."""
    ended_by: str | None = None
    is_intact: bool = True
    """Whether what is stored is what was given."""

    @property
    def digest(self) -> str:
        """Digest of what was given; the end is no part of it."""
        return digest_of(
            {
                "id": self.id,
                "gate": self.gate_id,
                "check": self.check_id,
                "question": self.question,
                "release": self.release_id,
                "tenant": self.tenant,
                "owner": self.owner,
                "reason": self.reason,
                "outcome": self.outcome,
                "givenBy": self.given_by,
                "givenAt": format_utc(self.given_at),
                "expiresAt": format_utc(self.expires_at),
            }
        )

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it counts at `now`; at the instant that it ends with, it does not any more."""
        return (
            self.is_intact
            and self.ended_at is None
            and self.given_at <= now + CLOCK_TOLERANCE
            and now < self.expires_at
        )

    def covers(self, gate_id: GateId, check: Check, release_id: ReleaseId) -> bool:
        return (
            self.gate_id == gate_id
            and self.check_id == check.id
            and self.question == check.question
            and self.release_id in {None, release_id}
            and self.tenant in {None, check.spec.tenant_named}
            and check.kind not in NEVER_WAIVED
        )
