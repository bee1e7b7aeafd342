"""What a release is: a name for a set of services at their versions and commits. Pure."""

from dataclasses import dataclass
from datetime import datetime

from tidegate.kernel import ReleaseId

DEFAULT_ENVIRONMENT = "production"
MAX_SERVICES = 100


@dataclass(frozen=True, slots=True)
class ReleaseService:
    """One service of a release; evidence counts for it only at exactly this commit."""

    service: str
    version: str
    commit: str
    repository: str | None = None
    """Where the commit is; forks share commits. `None`: the release does not say."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release as it was created; it never changes."""

    id: ReleaseId
    name: str
    environment: str
    services: tuple[ReleaseService, ...]
    created_at: datetime
    is_candidate: bool
    """Whether it is the newest of its environment; the order is the order of receipt."""

    def find_service(self, service: str) -> ReleaseService | None:
        return next((own for own in self.services if own.service == service), None)
