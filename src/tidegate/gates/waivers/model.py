"""What is asked about waivers. Pure; what a waiver is stands in `gates.model`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.kernel import GateId


class WaiverState(StrEnum):
    IN_FORCE = "in_force"
    OVER = "over"
    """Expired, or ended before its time."""


@dataclass(frozen=True, slots=True)
class WaiverFilter:
    gate_id: GateId | None = None
    state: WaiverState | None = None


@dataclass(frozen=True, slots=True)
class WaiverWish:
    """What somebody wants to accept, and until when."""

    check: str
    owner: str
    reason: str
    expires_at: datetime
    release: str | None = None
    """Name or id; `None` waives the check for every release."""
    tenant: str | None = None
