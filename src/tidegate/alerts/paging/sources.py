"""Jobs, channels, members and schedules behind paging's own ports."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from tidegate.alerts.oncall.model import Schedule, Standing, channels_of
from tidegate.alerts.oncall.ports import ScheduleStore
from tidegate.alerts.paging.model import OnDuty
from tidegate.alerts.paging.ports import Channel, Message, Wake
from tidegate.deliveries import ChannelId, DeliveryService, Notice
from tidegate.deliveries.model import EmailSettings
from tidegate.jobs import NewJob, Outbox
from tidegate.kernel import Clock, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["DeliveryCourier", "JobWakes", "MemberRows", "ReadSchedules", "on_duty"]

_ATTEMPTS = 1_000  # a turn writes to PostgreSQL alone: what keeps it from that passes, and no page may die of it


class JobWakes:
    """Keeps the promises of `Wakes`."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def add(self, connection: Connection, workspace: WorkspaceId, wakes: Sequence[Wake]) -> None:
        jobs = [
            NewJob(
                wake.kind, dict(wake.payload), key=wake.key, run_at=wake.run_at, max_attempts=_ATTEMPTS,
                priority=wake.priority,
            )
            for wake in wakes
        ]  # fmt: skip
        await self._outbox.add(connection, workspace, jobs)


class MemberRows:
    """Keeps the promise of `Members`: persons who may come in now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_person(self, workspace: WorkspaceId, member: str) -> bool:
        if not member.startswith("usr_") or "\0" in member:
            return False
        async with self._database.transaction(workspace) as connection:
            return bool(
                await connection.fetchval(
                    """
                    SELECT EXISTS (SELECT FROM members WHERE workspace = $1 AND id = $2 AND kind = 'person'
                        AND removed_at IS NULL AND deactivated_at IS NULL)
                    """,
                    workspace,
                    member,
                )
            )


class DeliveryCourier:
    """Keeps the promises of `Courier` over channels and deliveries."""

    def __init__(self, deliveries: DeliveryService) -> None:
        self._deliveries = deliveries

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        found = await self._deliveries.find_channels(workspace)
        return {
            name: Channel(
                channel.id,
                name,
                "" if channel.is_enabled else f"disabled: {channel.disabled_why}",
                _address_of(channel.settings),
            )
            for name, channel in found.items()
        }

    async def enqueue(self, connection: Connection, workspace: WorkspaceId, messages: Sequence[Message]) -> None:
        if not messages:
            return
        notices = [
            Notice(
                id=message.id,
                channel=ChannelId(message.channel.id),
                event=message.event,
                severity=message.severity,
                title=message.title,
                lines=message.lines,
                links=message.links,
                dedup_key=message.dedup_key,
                data=message.data,
            )
            for message in messages
        ]
        await self._deliveries.enqueue(connection, workspace, notices)


class ReadSchedules:
    """Keeps the promises of `Schedules` over what was read of them."""

    def __init__(self, store: ScheduleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def names(self, workspace: WorkspaceId) -> frozenset[str]:
        return frozenset(schedule.name for schedule in await self._store.list_schedules(workspace))

    async def on_duty_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        names: Collection[str],
        *,
        channels: Mapping[str, Channel],
        at: datetime,
    ) -> Mapping[str, OnDuty]:
        now = self._clock.now()
        found = {each.name: each for each in await self._store.list_named_in(connection, workspace, names)}
        return {
            name: on_duty(found[name], channels, at=at, now=now)
            if name in found
            else OnDuty(f"there is no schedule {name} any more")
            for name in names
        }


def on_duty(schedule: Schedule, channels: Mapping[str, Channel], *, at: datetime, now: datetime) -> OnDuty:
    """Return the channels of whoever is on call by `schedule`; only those count that work, as far as is known."""
    duty = schedule.duty_at(at, now=now)
    if duty.standing is not Standing.ON_CALL:
        return OnDuty(duty.words, until=duty.until)
    addresses = {each.address: each.name for each in sorted(channels.values(), key=lambda each: each.name, reverse=True)
                 if each.address}  # fmt: skip
    reached: list[str] = []
    unreached: list[str] = []
    for person in duty.people:
        own = [
            name
            for name in channels_of(person, schedule.people, addresses)
            if name in channels and not channels[name].problem
        ]
        reached += own
        if not own:
            unreached.append(person.spoken or "somebody without a name")
    words = duty.words if not unreached else f"{duty.words}, but no channel reaches {', '.join(unreached)}"
    return OnDuty(words, tuple(dict.fromkeys(reached)), is_reached=not unreached, until=duty.until)


def _address_of(settings: object) -> str:
    """Return the one address that a channel mails to."""
    to = settings.to if isinstance(settings, EmailSettings) else ()
    return to[0].lower() if len(to) == 1 else ""
