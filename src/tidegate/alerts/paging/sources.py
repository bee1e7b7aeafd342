"""Jobs, channels and members behind paging's own ports."""

from collections.abc import Mapping, Sequence

from tidegate.alerts.paging.ports import Channel, Message, Wake
from tidegate.deliveries import ChannelId, DeliveryService, Notice
from tidegate.jobs import NewJob, Outbox
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["DeliveryCourier", "JobWakes", "MemberRows"]

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
            name: Channel(channel.id, name, "" if channel.is_enabled else f"disabled: {channel.disabled_why}")
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
