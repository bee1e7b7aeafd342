"""Which services of a release a check is about."""

from collections.abc import Sequence

from tidegate.releases import Release, ReleaseService


def services_of(named: str | None, release: Release) -> Sequence[ReleaseService]:
    """Return the services a check is about: all of the release, or the one it names.

    A named service that is not part of the release has neither version nor commit, so nothing counts for it.
    """
    if named is None:
        return release.services
    return (release.find_service(named) or ReleaseService(named, "", ""),)
