"""Setting and lifting freezes, asking for and accepting exceptions."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.audit import Doer
from tidegate.gates.approvals.errors import PersonRequiredError
from tidegate.gates.freezes.errors import (
    FreezeExceptionNotFoundError,
    FreezeExceptionNotOpenError,
    FreezeInvalidError,
    FreezeNotFoundError,
    FreezeOverError,
)
from tidegate.gates.freezes.model import ExceptionWish, FreezeWish
from tidegate.gates.freezes.ports import FreezeStore, Makers, Names, Releases
from tidegate.gates.model import FreezeException, FreezeWindow
from tidegate.kernel import DEFAULT_LIMIT, Clock, Cursor, IdFactory, Page, WorkspaceId

__all__ = ["FreezeService"]

_LONGEST: Final = timedelta(days=366)  # what lasts longer is no freeze but a policy


class FreezeService:
    """A freeze holds by its moments alone: nothing has to run for it to begin or to end."""

    def __init__(
        self, *, store: FreezeStore, names: Names, releases: Releases, makers: Makers, ids: IdFactory, clock: Clock
    ) -> None:
        self._store = store
        self._names = names
        self._releases = releases
        self._makers = makers
        self._ids = ids
        self._clock = clock

    async def set(self, workspace: WorkspaceId, wish: FreezeWish, *, by: Doer) -> FreezeWindow:
        """Freeze the releases of a workspace from one moment to another.

        Raises:
            FreezeInvalidError: the times or the zone are wrong; the field is named.
        """
        now = self._clock.now()
        try:
            ZoneInfo(wish.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise FreezeInvalidError(f"There is no time zone {wish.zone!r}: `Europe/Berlin`.", field="zone") from error
        if wish.ends_at <= max(wish.starts_at, now):
            raise FreezeInvalidError("It would be over before it begins, or is already.", field="endsAt")
        if wish.ends_at - wish.starts_at > _LONGEST:
            raise FreezeInvalidError(f"A freeze lasts at most {_LONGEST.days} days.", field="endsAt")
        window = FreezeWindow(
            id=self._ids.new_id("frz"),
            title=wish.title,
            reason=wish.reason,
            starts_at=wish.starts_at,
            ends_at=wish.ends_at,
            zone=wish.zone,
            set_by=by.member or by.actor,
            set_at=now,
        )
        await self._store.add(workspace, window, by=by)
        return window

    async def lift(self, workspace: WorkspaceId, freeze_id: str, *, by: Doer) -> FreezeWindow:
        """End a freeze before its time.

        Raises:
            FreezeNotFoundError, FreezeOverError: there is none, or none any more.
        """
        return await self._store.lift(workspace, freeze_id, at=self._clock.now(), by=by)

    async def ask(self, workspace: WorkspaceId, freeze_id: str, wish: ExceptionWish, *, by: Doer) -> FreezeException:
        """Ask that one release goes out all the same; it counts for nothing until another person accepts it.

        Raises:
            FreezeNotFoundError, FreezeOverError: there is no such freeze, or none any more.
            ReleaseNotFoundError: there is no such release.
            FreezeInvalidError: the time is wrong, or there is no release.
            PersonRequiredError: no person asks.
        """
        now = self._clock.now()
        window = await self.get(workspace, freeze_id)
        if window.lifted_at is not None or window.ends_at <= now:
            raise FreezeOverError(freeze_id)
        name = await self._names.find_name(workspace, by.member)
        if name is None or by.member is None:
            raise PersonRequiredError
        if not now < wish.expires_at <= window.ends_at:
            raise FreezeInvalidError("An exception ends after now and not after its freeze.", field="expiresAt")
        release = (
            await self._releases.get(workspace, wish.release)
            if wish.release is not None
            else await self._releases.find_candidate(workspace)
        )
        if release is None:
            raise FreezeInvalidError("There is no release yet, so nothing to except.", field="release")
        exception = FreezeException(
            id=self._ids.new_id("fex"),
            release_id=release.id,
            release_name=release.name,
            reason=wish.reason,
            requested_by=by.member,
            requested_name=name,
            requested_at=now,
            expires_at=wish.expires_at,
        )
        await self._store.add_exception(workspace, freeze_id, exception, by=by)
        return exception

    async def weigh(
        self, workspace: WorkspaceId, freeze_id: str, exception_id: str
    ) -> tuple[FreezeException, frozenset[str]]:
        """Return a request that waits, and who may not accept it: who asked, and who made the release.

        Raises:
            FreezeNotFoundError, FreezeExceptionNotFoundError: there is none.
            FreezeExceptionNotOpenError: it waits for nobody.
        """
        window = await self.get(workspace, freeze_id)
        exception = next((one for one in window.exceptions if one.id == exception_id), None)
        if exception is None:
            raise FreezeExceptionNotFoundError(exception_id)
        is_open = exception.accepted_at is None and self._clock.now() < exception.expires_at
        if not (exception.is_intact and is_open and window.lifted_at is None):
            raise FreezeExceptionNotOpenError(exception_id)
        makers = await self._makers.find_makers(workspace, release_id=exception.release_id, evidence=())
        return exception, makers | {exception.requested_by}

    async def accept(
        self, workspace: WorkspaceId, freeze_id: str, exception: FreezeException, *, by: Doer
    ) -> FreezeException:
        """Put a request in force that was weighed; whether `by` may is asked before.

        Raises:
            PersonRequiredError: no person accepts.
            FreezeExceptionNotOpenError: somebody else was first, or it is over.
        """
        name = await self._names.find_name(workspace, by.member)
        if name is None or by.member is None:
            raise PersonRequiredError
        accepted = replace(exception, accepted_by=by.member, accepted_name=name, accepted_at=self._clock.now())
        await self._store.accept(workspace, freeze_id, accepted, by=by)
        return accepted

    async def get(self, workspace: WorkspaceId, freeze_id: str) -> FreezeWindow:
        """Return one freeze.

        Raises:
            FreezeNotFoundError: there is none.
        """
        window = await self._store.find(workspace, freeze_id)
        if window is None:
            raise FreezeNotFoundError(freeze_id)
        return window

    async def list(
        self, workspace: WorkspaceId, *, limit: int = DEFAULT_LIMIT, cursor: Cursor | None = None
    ) -> Page[FreezeWindow]:
        """Return freezes, newest first."""
        return await self._store.page(workspace, limit=limit, cursor=cursor)

    def is_in_force(self, window: FreezeWindow) -> bool:
        return window.is_in_force(self._clock.now())
