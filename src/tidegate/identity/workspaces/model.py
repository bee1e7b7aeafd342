"""What a workspace is. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.kernel import WorkspaceId


class WorkspaceState(StrEnum):
    """Whether it may be used."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Nothing is taken in and nothing shown until the operator restores it."""
    DELETED = "deleted"
    """Only its id is left, so that nobody else ever gets it."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """An account of this installation."""

    id: WorkspaceId
    name: str
    state: WorkspaceState
    created_at: datetime
    deleted_at: datetime | None = None
