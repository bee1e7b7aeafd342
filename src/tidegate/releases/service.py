"""Creating and finding releases."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from tidegate.audit import Deed, Doer
from tidegate.kernel import DEFAULT_LIMIT, Clock, Cursor, IdFactory, Page, ReleaseId, WorkspaceId, digest_of
from tidegate.releases.errors import ReleaseExistsError, ReleaseNotFoundError, ReleaseServiceRepeatedError
from tidegate.releases.model import DEFAULT_ENVIRONMENT, Release, ReleaseService
from tidegate.releases.ports import ReleaseStore

_MAX_NAMED: Final = 20  # services in a record of the audit; its digest is over all of them


@dataclass(frozen=True, slots=True)
class CreatedRelease:
    release: Release
    is_new: bool
    """False when the same release had been created before."""


class ReleasesService:
    """The releases of a workspace. One candidate an environment: the newest created."""

    def __init__(self, *, store: ReleaseStore, ids: IdFactory, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def create(
        self,
        workspace: WorkspaceId,
        name: str,
        services: Sequence[ReleaseService],
        *,
        environment: str = DEFAULT_ENVIRONMENT,
        by: Doer,
    ) -> CreatedRelease:
        """Create a release; the same one again is answered with the first.

        Raises:
            ReleaseExistsError: the name belongs to a release with other contents.
            ReleaseServiceRepeatedError: a service stands twice in it.
        """
        _refuse_repeated(services)
        release_id = ReleaseId(self._ids.new_id("rel"))
        is_new = await self._store.add_release(
            workspace,
            release_id,
            name=name,
            environment=environment,
            services=services,
            created_at=self._clock.now(),
            deed=_deed_of(by, release_id, name=name, environment=environment, services=services),
        )
        release = await self.get(workspace, name)
        if not is_new and (set(release.services) != set(services) or release.environment != environment):
            raise ReleaseExistsError(name)
        return CreatedRelease(release, is_new)

    async def get(self, workspace: WorkspaceId, name_or_id: str) -> Release:
        """Return a release by its name or id.

        Raises:
            ReleaseNotFoundError: the workspace has none.
        """
        release = await self._store.find_release(workspace, name_or_id)
        if release is None:
            raise ReleaseNotFoundError(name_or_id)
        return release

    async def find_candidate(self, workspace: WorkspaceId, environment: str = DEFAULT_ENVIRONMENT) -> Release | None:
        return await self._store.find_candidate(workspace, environment)

    async def list(
        self, workspace: WorkspaceId, *, limit: int = DEFAULT_LIMIT, cursor: Cursor | None = None
    ) -> Page[Release]:
        return await self._store.list_releases(workspace, limit=limit, cursor=cursor)


def _deed_of(
    by: Doer, release_id: ReleaseId, *, name: str, environment: str, services: Sequence[ReleaseService]
) -> Deed:
    contents: dict[str, Any] = {
        "name": name,
        "environment": environment,
        "services": [asdict(each) for each in services],
    }
    return by.deed(
        "releases:create",
        f"release/{release_id}",
        after=digest_of(contents),
        name=name,
        environment=environment,
        services=[each.service for each in services[:_MAX_NAMED]],
    )


def _refuse_repeated(services: Sequence[ReleaseService]) -> None:
    seen: set[str] = set()
    for position, own in enumerate(services):
        if own.service in seen:
            raise ReleaseServiceRepeatedError(own.service, position)
        seen.add(own.service)
