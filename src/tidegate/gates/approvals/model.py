"""What somebody wants of approvals and overrides. Pure; what they are stands in `gates.model`."""

from dataclasses import dataclass
from datetime import datetime

from tidegate.gates.model import Approval, Check, Judgement

__all__ = ["ApprovalWish", "Desk", "FunctionHolders", "OverrideWish", "Weighed"]


@dataclass(frozen=True, slots=True)
class ApprovalWish:
    check: str
    role: str
    binding: str
    """What was looked at."""
    release: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class OverrideWish:
    reason: str
    expires_at: datetime
    release: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What there is to approve at a gate now."""

    judgement: Judgement
    checks: tuple[Check, ...]
    """Those that ask for approvals, without polls."""
    approvals: tuple[Approval, ...]
    """Those that are not withdrawn, in order of receipt."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A wish that can be fulfilled, and who made what would be approved."""

    desk: Desk
    makers: frozenset[str]


@dataclass(frozen=True, slots=True)
class FunctionHolders:
    """Who speaks for one function."""

    function: str
    members: tuple[str, ...]
