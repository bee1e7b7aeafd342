"""Releases: which services, versions and commits want to go out together."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.releases.errors import ReleaseNotFoundError
    from tidegate.releases.model import DEFAULT_ENVIRONMENT, Release, ReleaseService
    from tidegate.releases.ports import ReleaseStore
    from tidegate.releases.service import CreatedRelease, ReleasesService
    from tidegate.releases.store import PostgresReleaseStore
else:
    __getattr__ = lazily(
        {
            "tidegate.releases.errors": ("ReleaseNotFoundError",),
            "tidegate.releases.model": (
                "DEFAULT_ENVIRONMENT",
                "Release",
                "ReleaseService",
            ),
            "tidegate.releases.ports": ("ReleaseStore",),
            "tidegate.releases.service": (
                "CreatedRelease",
                "ReleasesService",
            ),
            "tidegate.releases.store": ("PostgresReleaseStore",),
        }
    )

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "CreatedRelease",
    "PostgresReleaseStore",
    "Release",
    "ReleaseNotFoundError",
    "ReleaseService",
    "ReleaseStore",
    "ReleasesService",
]
