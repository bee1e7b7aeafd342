"""Who belongs to a workspace. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidegate.edge.proven import Role
from tidegate.identity.errors import EmailInvalidError

INVITATION_LENGTH = timedelta(days=7)
MAX_NAME_CHARACTERS = 200
MAX_EMAIL_CHARACTERS = 254  # RFC 5321: a path has 256 with its angle brackets
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)


class MemberKind(StrEnum):
    """Whether somebody or something."""

    PERSON = "person"
    SERVICE_ACCOUNT = "service-account"


@dataclass(frozen=True, slots=True)
class Member:
    """A person or a service account in one workspace."""

    id: str
    kind: MemberKind
    name: str
    email: str | None
    """`None` for a service account."""
    role: Role
    added_at: datetime
    added_by: str
    """Id of the member, else of the credential."""
    deactivated_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None


class InvitationState(StrEnum):
    """What became of an invitation."""

    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An offer of a role; the one-time secret that takes it up is not here."""

    id: str
    email: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def state_at(self, moment: datetime) -> InvitationState:
        if self.used_at is not None:
            return InvitationState.USED
        if self.withdrawn_at is not None:
            return InvitationState.WITHDRAWN
        return InvitationState.OPEN if moment < self.expires_at else InvitationState.EXPIRED


def email_of(text: str) -> str:
    """Return an address as it is kept: in lower case, which is how people are told apart.

    Raises:
        EmailInvalidError: it is none.
    """
    email = text.strip().lower()
    if len(email) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        raise EmailInvalidError
    return email
