"""Making, changing and ending silences, and seeing first what they would cover."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tidegate.alerts.labels import has_no_tolerance, labels_of
from tidegate.alerts.paging.answers import Preview, SilenceWish
from tidegate.alerts.paging.errors import (
    SilenceInvalidError,
    SilenceNotFoundError,
    SilenceOverError,
    SilenceTooWideError,
    SilenceUnconfirmableError,
)
from tidegate.alerts.paging.model import (
    Matcher,
    Silence,
    SilenceState,
    covers_everything,
    matches,
    new_silence_problem,
)
from tidegate.alerts.paging.ports import PageStore, SilenceStore, Wakes
from tidegate.alerts.paging.service.placing import add_wakes
from tidegate.audit import Doer
from tidegate.kernel import (
    Clock,
    Cursor,
    IdFactory,
    InvalidInputError,
    Page,
    WorkspaceId,
    decode_cursor,
    digest_of,
    encode_cursor,
    format_utc,
    parse_utc,
)
from tidegate.storage import Database

__all__ = ["SilenceService"]

_SHOWN = 50


class SilenceService:
    """The silences of a workspace."""

    def __init__(
        self,
        *,
        silences: SilenceStore,
        pages: PageStore,
        wakes: Wakes,
        database: Database,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._silences = silences
        self._pages = pages
        self._wakes = wakes
        self._database = database
        self._ids = ids
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def preview(self, workspace: WorkspaceId, matchers: Sequence[Matcher]) -> Preview:
        """Return which alerts that fire now `matchers` cover."""
        async with self._database.transaction(workspace) as connection:
            firing = await self._pages.list_firing_in(connection, workspace, matchers=matchers)
        covered = [alert for alert in firing if matches(matchers, labels_of(alert))]
        strict = sum(map(has_no_tolerance, covered))
        return Preview(len(covered), tuple(covered[:_SHOWN]), strict, covers_everything(matchers))

    async def create(self, workspace: WorkspaceId, wish: SilenceWish, *, by: Doer) -> Silence:
        """Make a silence.

        Raises:
            SilenceInvalidError: it has no reason, no matcher, or a time that is none.
            SilenceTooWideError: it covers everything, and nobody said that it is meant to.
        """
        now = self._clock.now()
        silence = Silence(
            id=self._ids.new_id("sil"),
            matchers=wish.matchers,
            reason=wish.reason.strip(),
            starts_at=max(wish.starts_at or now, now),
            ends_at=wish.ends_at,
            created_by=by.member or by.actor,
            created_at=now,
            people=_person(by),
            recurring=wish.recurring,
            author=wish.author,
        )
        self._check(silence, now, covers_all=wish.covers_all)
        deed = by.deed("silences:create", f"silence/{silence.id}", after=_digest(silence), reason=silence.reason[:200])
        await self._silences.add_silence(workspace, silence, deed=deed)
        return silence

    async def change(self, workspace: WorkspaceId, silence_id: str, wish: SilenceWish, *, by: Doer) -> Silence:
        """Change a silence. Whoever stood for it stood for what it was: the one who changes it stands for it alone.

        Raises:
            SilenceNotFoundError: there is none.
            SilenceOverError: it is over.
            SilenceInvalidError: as for `create`.
            SilenceTooWideError: as for `create`.
        """
        now = self._clock.now()
        old = await self._open(workspace, silence_id, now)
        new = replace(
            old,
            matchers=wish.matchers,
            reason=wish.reason.strip(),
            starts_at=old.starts_at if old.starts_at <= now else max(wish.starts_at or now, now),
            ends_at=wish.ends_at,
            recurring=wish.recurring,
            people=_person(by),
            updated_at=now,
            author=wish.author or old.author,
        )
        self._check(new, now, covers_all=wish.covers_all)
        if not await self._set(workspace, old, new, action="silences:change", by=by):
            return await self.change(workspace, silence_id, wish, by=by)  # of what it is by now
        return new

    async def confirm(self, workspace: WorkspaceId, silence_id: str, *, by: Doer) -> Silence:
        """Stand for a silence as a second person, so that it covers what has no tolerance as well.

        Raises:
            SilenceNotFoundError: there is none.
            SilenceOverError: it is over.
            SilenceUnconfirmableError: who confirms is no person, or stands for it already.
        """
        now = self._clock.now()
        old = await self._open(workspace, silence_id, now)
        person = _person(by)
        if not person or person <= old.people:
            raise SilenceUnconfirmableError
        new = replace(old, people=old.people | person, updated_at=now)
        if not await self._set(workspace, old, new, action="silences:confirm", by=by):
            return await self.confirm(workspace, silence_id, by=by)  # of what it is by now
        return new

    async def expire(self, workspace: WorkspaceId, silence_id: str, *, by: Doer) -> Silence:
        """End a silence now; one that is over stays as it is.

        Raises:
            SilenceNotFoundError: there is none.
        """
        now = self._clock.now()
        old = await self.get(workspace, silence_id)
        if old.state_at(now) is SilenceState.EXPIRED:
            await self._hasten(workspace, now)  # whoever asks again may have been told that it did not work
            return old
        new = replace(old, starts_at=min(old.starts_at, now), ends_at=now, updated_at=now)
        if not await self._set(workspace, old, new, action="silences:expire", by=by):
            return await self.expire(workspace, silence_id, by=by)  # whatever it is by now
        await self._hasten(workspace, now)
        return new

    async def get(self, workspace: WorkspaceId, silence_id: str) -> Silence:
        """Return a silence.

        Raises:
            SilenceNotFoundError: there is none.
        """
        found = await self._silences.find_silence(workspace, silence_id) if "\0" not in silence_id else None
        if found is None:
            raise SilenceNotFoundError(silence_id)
        return found

    async def list_silences(
        self, workspace: WorkspaceId, *, with_expired: bool, limit: int, cursor: Cursor | None
    ) -> Page[Silence]:
        """Return silences, the one that ends last first."""
        after = _place_of(cursor) if cursor is not None else None
        ending_after = None if with_expired else self._clock.now()
        found = await self._silences.list_silences(workspace, ending_after=ending_after, limit=limit + 1, after=after)
        items = tuple(found[:limit])
        more = len(found) > limit
        return Page(items, encode_cursor(f"{format_utc(items[-1].ends_at)} {items[-1].id}") if more else None)

    async def _open(self, workspace: WorkspaceId, silence_id: str, now: datetime) -> Silence:
        found = await self.get(workspace, silence_id)
        if found.state_at(now) is SilenceState.EXPIRED:
            raise SilenceOverError
        return found

    def _check(self, silence: Silence, now: datetime, *, covers_all: bool) -> None:
        problem = new_silence_problem(silence, now)
        if problem is not None:
            raise SilenceInvalidError(problem[1], field=problem[0])
        if not covers_all and covers_everything(silence.matchers):
            raise SilenceTooWideError

    async def _set(self, workspace: WorkspaceId, old: Silence, new: Silence, *, action: str, by: Doer) -> bool:
        """Write `new`; `False` when somebody else changed it meanwhile: what they did must not be undone unseen."""
        deed = by.deed(action, f"silence/{new.id}", before=_digest(old), after=_digest(new))
        if not await self._silences.set_silence(workspace, new, before=old, deed=deed):
            return False
        if action == "silences:change":
            await self._hasten(workspace, self._clock.now())
        return True

    async def _hasten(self, workspace: WorkspaceId, now: datetime) -> None:
        """Let groups that wait for the end of a silence look again: it came earlier than they know."""
        async with self._database.transaction(workspace) as connection:
            await self._pages.lock_groups_in(connection, workspace)
            turns = await self._pages.hasten_in(connection, workspace, None, now=now)
            await add_wakes(self._wakes, connection, workspace, turns)


def _person(by: Doer) -> frozenset[str]:
    return frozenset({by.member}) if by.member is not None and by.member.startswith("usr_") else frozenset()


def _digest(silence: Silence) -> str:
    times = [format_utc(silence.starts_at), format_utc(silence.ends_at)]
    said = [*map(str, silence.matchers), silence.reason, *times, repr(silence.recurring), *sorted(silence.people)]
    return digest_of("\n".join(said).encode("utf-8", "surrogatepass"))


def _place_of(cursor: Cursor) -> tuple[datetime, str]:
    moment, _, silence_id = decode_cursor(cursor).partition(" ")
    if not silence_id:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return parse_utc(moment, field="cursor"), silence_id
