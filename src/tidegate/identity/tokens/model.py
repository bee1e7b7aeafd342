"""What a token is to be. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.edge.proven import Scope

DEFAULT_OVERLAP = timedelta(hours=24)
MAX_OVERLAP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a new token is to be."""

    scope: Scope
    name: str = ""
    member: str | None = None
    """`None`: of who makes it."""
    services: frozenset[str] | None = None
    environments: frozenset[str] | None = None
    expires_at: datetime | None = None
