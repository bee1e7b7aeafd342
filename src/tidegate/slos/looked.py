"""What objectives answer with: a change that a file makes, and an objective with all that is known of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.slos.model import FreezeException, Objective, PolicyDecision
from tidegate.slos.states import ObjectiveState

__all__ = ["Change", "ChangeKind", "Looked"]


class ChangeKind(StrEnum):
    """What applying a file would do."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What a file does to one objective."""

    kind: ChangeKind
    objective: Objective
    version: int
    """After it."""
    before: str | None
    after: str
    """Digests."""


@dataclass(frozen=True, slots=True)
class Looked:
    """An objective, its state, and what its policy says."""

    state: ObjectiveState
    decision: PolicyDecision
    frozen_at: datetime | None
    exceptions: tuple[FreezeException, ...] = ()
    """Those that let releases through now."""
