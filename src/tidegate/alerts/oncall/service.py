"""Schedules for people: set, looked at, asked, removed; and read by their jobs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from tidegate.alerts.oncall.errors import ScheduleNotFoundError, ScheduleUnreadError
from tidegate.alerts.oncall.fetching import purpose_of
from tidegate.alerts.oncall.model import Duty, Reading, Roster, Schedule, ScheduleKind
from tidegate.alerts.oncall.ports import Announcer, Reader, Recipient, ScheduleStore, Uses
from tidegate.alerts.oncall.rows import settings_json
from tidegate.alerts.oncall.wishes import Rules, ScheduleWish, Settled
from tidegate.audit import Doer
from tidegate.kernel import Clock, IdFactory, WorkspaceId, digest_of
from tidegate.storage import Connection
from tidegate.storage.envelopes import Envelopes

__all__ = ["Refreshed", "ScheduleRefresher", "ScheduleService"]

_log = structlog.get_logger("tidegate.oncall")
_AGAIN: Final = timedelta(minutes=2)  # after a try that failed, unless it is read more often than that anyway


class ScheduleService:
    """The schedules of a workspace."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        store: ScheduleStore,
        rules: Rules,
        uses: Uses,
        announcer: Announcer,
        envelopes: Envelopes,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._store = store
        self._rules = rules
        self._uses = uses
        self._announcer = announcer
        self._envelopes = envelopes
        self._ids = ids
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def list_schedules(self, workspace: WorkspaceId) -> Sequence[Schedule]:
        return await self._store.list_schedules(workspace)

    async def get_schedule(self, workspace: WorkspaceId, name: str) -> Schedule:
        """Return one schedule.

        Raises:
            ScheduleNotFoundError: there is none.
        """
        found = None if "\0" in name else await self._store.find_schedule(workspace, name)
        if found is None:
            raise ScheduleNotFoundError(name)
        return found

    async def find_kind(self, workspace: WorkspaceId, name: str) -> ScheduleKind | None:
        """Return of which kind a schedule is; `None` when there is none."""
        found = None if "\0" in name else await self._store.find_schedule(workspace, name)
        return None if found is None else found.kind

    async def duty(self, workspace: WorkspaceId, name: str, *, at: datetime | None = None) -> Duty:
        """Return who is on call at a moment, now unless said.

        Raises:
            ScheduleNotFoundError: there is no such schedule.
        """
        now = self._clock.now()
        return (await self.get_schedule(workspace, name)).duty_at(at or now, now=now)

    async def set_schedule(
        self, workspace: WorkspaceId, name: str, wish: ScheduleWish, *, by: Doer
    ) -> tuple[Schedule, bool]:
        """Set a schedule; return it and whether it is new. What was read counts on where the source stays.

        Raises:
            ScheduleInvalidError: a setting cannot be.
            ScheduleChangedError, ScheduleLimitError: somebody else set it meanwhile, or there are too many.
        """
        before = None if "\0" in name else await self._store.find_schedule(workspace, name)
        now = self._clock.now()
        settled = await asyncio.to_thread(self._rules.settled, name, wish, before, now=now)
        keeps = before is not None and before.kind is wish.kind and settled.secret is None
        secret, hint = (before.secret, before.secret_hint) if keeps and before is not None else (None, "")
        if settled.secret is not None:
            secret = self._envelopes.seal(workspace, purpose_of(name), settled.secret.encode())
            hint = f"…{settled.secret[-4:]}"
        schedule = Schedule(
            name=name, kind=wish.kind, revision=self._ids.new_id("rev"),
            created_at=before.created_at if before else now, changed_at=now,
            changed_by=by.member or by.actor, url=settled.url, host=settled.host,
            remote_id=wish.remote_id, time_zone=wish.time_zone, people=_people_of(wish, before),
            refresh=wish.refresh, stale_after=wish.stale_after, secret=secret, secret_hint=hint, body=settled.body,
            reading=_reading_of(before, wish, settled),
        )  # fmt: skip
        deed = by.deed(
            "schedules:set", f"schedule/{name}", before=_digest_of(before) if before else None,
            after=_digest_of(schedule), kind=str(wish.kind), secretChanged=settled.secret is not None,
        )  # fmt: skip
        await self._store.set_schedule(workspace, schedule, before=before.revision if before else None, deed=deed)
        return schedule, before is None

    async def remove(self, workspace: WorkspaceId, name: str, *, by: Doer) -> None:
        """Remove a schedule with its secret; whoever was told that it is stale is told that this is over.

        Raises:
            ScheduleNotFoundError: there is none.
            ScheduleInUseError: routes name it.
        """
        found = await self.get_schedule(workspace, name)
        deed = by.deed("schedules:remove", f"schedule/{name}", before=_digest_of(found))
        reachable = await self._announcer.reachable(workspace)

        async def take_leave(connection: Connection, schedule: Schedule, /) -> None:
            if schedule.reading.told_stale_at is not None:
                told = [each for each in reachable if each.name in schedule.reading.told_channels]
                await self._announcer.announce(
                    connection, workspace, schedule, to=told, now=self._clock.now(), is_removed=True
                )

        if not await self._store.delete_schedule(workspace, name, uses=self._uses, deed=deed, farewell=take_leave):
            raise ScheduleNotFoundError(name)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one try to read came to."""

    schedule: Schedule
    roster: Roster | None
    problem: str
    audience: Sequence[Recipient] = ()
    """Who is told of the schedule itself."""
    reachable: Sequence[Recipient] = ()


class ScheduleRefresher:
    """Reads schedules, each by a chain of jobs of its own: one that stalls keeps nobody else back."""

    def __init__(self, *, store: ScheduleStore, reader: Reader, announcer: Announcer, clock: Clock) -> None:
        self._store = store
        self._reader = reader
        self._announcer = announcer
        self._clock = clock

    async def read(self, workspace: WorkspaceId, name: str, *, revision: str, sequence: int) -> Refreshed | None:
        """Read outside of any transaction; `None` when this try is not the schedule's next one."""
        schedule = await self._store.find_schedule(workspace, name)
        if schedule is None or (schedule.revision, schedule.reading.sequence) != (revision, sequence):
            return None
        roster, problem = None, ""
        try:
            roster = await self._reader.read(workspace, schedule, now=self._clock.now())
        except ScheduleUnreadError as error:
            problem = error.message
        except Exception as error:  # noqa: BLE001 - the top of a job: a mistake of ours is a reading that failed
            _log.exception("a schedule broke", schedule=name)
            problem = f"tidegate made a mistake ({type(error).__name__}); its log says more."
        audience = await self._announcer.audience(workspace, name)
        reachable = await self._announcer.reachable(workspace) if schedule.reading.told_stale_at is not None else ()
        return Refreshed(schedule, roster, problem, audience, reachable)

    async def record(self, connection: Connection, workspace: WorkspaceId, done: Refreshed) -> None:
        """Write what a try came to, tell people when it is stale or is no more, and let the next one come."""
        now, was = self._clock.now(), done.schedule
        locked = await self._store.lock_schedule_in(connection, workspace, was.name)
        if locked is None or (locked.revision, locked.reading.sequence) != (was.revision, was.reading.sequence):
            return
        old = locked.reading
        reading = Reading(
            roster=done.roster or old.roster,
            read_at=now if done.roster is not None else old.read_at,
            tried_at=now,
            problem=done.problem,
            sequence=old.sequence + 1,
            told_stale_at=old.told_stale_at,
            told_channels=old.told_channels,
        )
        after = replace(locked, reading=reading)
        is_stale = now >= after.stale_at()
        if is_stale is (old.told_stale_at is None):
            # One end and one beginning share a moment, by which whoever is told knows them again.
            since = now if is_stale else old.told_stale_at
            told = replace(after, reading=replace(reading, told_stale_at=since))
            before = [each for each in done.reachable if each.name in old.told_channels]
            # Who was told is not known of schedules that were stale before that was written down.
            to = done.audience if is_stale or not old.told_channels else before
            await self._announcer.announce(connection, workspace, told, to=to, now=now)
            names = tuple(each.name for each in to) if is_stale else ()
            reading = replace(reading, told_stale_at=now if is_stale else None, told_channels=names)
        next_at = now + (after.refresh if done.roster is not None else min(after.refresh, _AGAIN))
        await self._store.set_reading_in(connection, workspace, after, reading, next_at=next_at)


def _reading_of(before: Schedule | None, wish: ScheduleWish, settled: Settled) -> Reading:
    """Return what was read before, if it was read where it is now."""
    if before is None or settled.secret is not None:
        return Reading()
    is_same = (before.kind, before.url, before.remote_id, before.time_zone, before.body) == (
        wish.kind, settled.url, wish.remote_id, wish.time_zone, settled.body
    )  # fmt: skip
    return Reading(before.reading.roster, before.reading.read_at) if is_same else Reading()


def _people_of(wish: ScheduleWish, before: Schedule | None) -> Mapping[str, tuple[str, ...]]:
    if wish.people is None:
        return before.people if before is not None else {}
    return {key.casefold(): channels for key, channels in wish.people.items()}


def _digest_of(schedule: Schedule) -> str:
    """Return the digest of all that may be shown."""
    return digest_of(
        {
            "name": schedule.name,
            "kind": str(schedule.kind),
            "settings": settings_json(schedule),
            "secretHint": schedule.secret_hint,
            "body": None if schedule.body is None else digest_of(schedule.body),
        }
    )
