"""Releases on the wire."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.releases.model import DEFAULT_ENVIRONMENT, MAX_SERVICES, Release, ReleaseService

# Names stand in URLs, in reasons and on terminals: no white space, no slash, nothing that looks like one of our ids.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@:-]{0,127}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}$")]


class ReleaseServiceIn(WireModel):
    service: Word
    """The `service.name` that its telemetry carries."""
    version: Word
    commit: Word
    """Compared character by character with the commit of runs and reports."""
    repository: Word | None = None
    """Where the commit is, for example `acme/shop`: what names another repository never counts."""


class ReleaseIn(WireModel):
    name: Name
    services: Annotated[list[ReleaseServiceIn], Field(min_length=1, max_length=MAX_SERVICES)]
    environment: Word = DEFAULT_ENVIRONMENT

    def services_of(self) -> tuple[ReleaseService, ...]:
        return tuple(ReleaseService(own.service, own.version, own.commit, own.repository) for own in self.services)


class ReleaseServiceOut(WireModel):
    service: str
    version: str
    commit: str
    repository: str | None = None


class ReleaseOut(WireModel):
    id: str
    name: str
    environment: str
    services: tuple[ReleaseServiceOut, ...]
    created_at: Utc
    is_candidate: bool
    """Whether gates mean this release when none is named."""

    @classmethod
    def of(cls, release: Release) -> Self:
        return cls(
            id=release.id,
            name=release.name,
            environment=release.environment,
            services=tuple(
                ReleaseServiceOut(
                    service=own.service, version=own.version, commit=own.commit, repository=own.repository
                )
                for own in release.services
            ),
            created_at=release.created_at,
            is_candidate=release.is_candidate,
        )


class ReleasePageOut(WireModel):
    items: tuple[ReleaseOut, ...]
    next_cursor: str | None
