"""Releases as marks on charts."""

from collections.abc import Sequence

from tidegate.kernel import MAX_LIMIT, TimeRange, WorkspaceId
from tidegate.releases import ReleasesService
from tidegate.signals.explore.ports import ReleaseMark

__all__ = ["AnnouncedReleases"]

_MOST = 50  # more of them are no marks but a wall


class AnnouncedReleases:
    """Keeps the promises of `ReleaseMarks`."""

    def __init__(self, releases: ReleasesService) -> None:
        self._releases = releases

    async def between(self, workspace: WorkspaceId, window: TimeRange) -> Sequence[ReleaseMark]:
        page = await self._releases.list(workspace, limit=MAX_LIMIT)
        marks = [
            ReleaseMark(release.name, release.environment, release.created_at)
            for release in page.items
            if window.start <= release.created_at < window.end
        ]
        return marks[:_MOST][::-1]
