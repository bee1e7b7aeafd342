"""Telling people and machines outside: notices become deliveries, and deliveries become jobs."""

from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.audit import AuditTrail, Doer
from tidegate.deliveries.errors import ChannelNotFoundError, DeliveryNotFoundError, DeliveryPendingError
from tidegate.deliveries.model import (
    Attempt,
    Channel,
    ChannelId,
    Delivery,
    DeliveryState,
    Notice,
    fitted,
)
from tidegate.deliveries.ports import ChannelStore, DeliveryStore
from tidegate.jobs import JobId, JobStore, NewJob, Outbox
from tidegate.kernel import Clock, Cursor, IdFactory, Page, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["KIND", "DeliveryService"]

KIND: Final = "deliveries.send"
_URGENT: Final = {"P1": 10}
_OF_A_TEST: Final = "test"


class DeliveryService:
    """What is to be told, what was, and telling it again."""

    def __init__(  # noqa: PLR0913 - one argument a port
        self,
        *,
        database: Database,
        channels: ChannelStore,
        store: DeliveryStore,
        outbox: Outbox,
        jobs: JobStore,
        trail: AuditTrail,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._database = database
        self._channels = channels
        self._store = store
        self._outbox = outbox
        self._jobs = jobs
        self._trail = trail
        self._ids = ids
        self._clock = clock

    async def enqueue(self, connection: Connection, workspace: WorkspaceId, notices: Sequence[Notice]) -> list[JobId]:
        """Let `notices` go out, in the caller's transaction: with it or not at all.

        A notice whose id was added before is not told again. One that is too large is cut, never refused. Returns the
        jobs of those that are new, in their order.
        """
        return await self._enqueue(connection, workspace, notices, max_attempts=None)

    async def find_channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        """Return the channels by name: routes name them so."""
        return {channel.name: channel for channel in await self._channels.list_channels(workspace)}

    async def test(self, workspace: WorkspaceId, name_or_id: str, *, by: Doer) -> Delivery:
        """Tell a channel that this is a test, the whole way that a page goes, and once only.

        Raises:
            ChannelNotFoundError: there is none.
        """
        channel = await self._channels.find_channel(workspace, name_or_id)
        if channel is None:
            raise ChannelNotFoundError(name_or_id)
        notice = self._test_notice(workspace, channel)
        deed = by.deed("channels:test", f"channel/{channel.id}", name=channel.name, delivery=notice.id)
        async with self._database.transaction(workspace) as connection:
            await self._enqueue(connection, workspace, [notice], max_attempts=1)
            await self._trail.append(workspace, deed, within=connection)
        return await self.get_delivery(workspace, notice.id)

    async def get_delivery(self, workspace: WorkspaceId, delivery_id: str) -> Delivery:
        """Return one delivery.

        Raises:
            DeliveryNotFoundError: there is none.
        """
        found = await self._store.find_delivery(workspace, delivery_id)
        if found is None:
            raise DeliveryNotFoundError(delivery_id)
        return found

    async def list_attempts(self, workspace: WorkspaceId, delivery_id: str) -> Sequence[Attempt]:
        """Return the attempts at one delivery, the newest first."""
        return await self._store.list_attempts(workspace, delivery_id)

    async def list_deliveries(
        self,
        workspace: WorkspaceId,
        *,
        state: DeliveryState | None = None,
        channel: str | None = None,
        limit: int,
        cursor: Cursor | None,
    ) -> Page[Delivery]:
        """Return deliveries, the newest first; `channel` is a name or an id.

        Raises:
            ChannelNotFoundError: there is none of this name, and `channel` is no id.
        """
        channel_id = None if channel is None else await self._id_of(workspace, channel)
        return await self._store.list_deliveries(workspace, state=state, channel=channel_id, limit=limit, cursor=cursor)

    async def last_of_channels(self, workspace: WorkspaceId) -> Mapping[ChannelId, Delivery]:
        """Return the newest delivery of each channel that has one."""
        return await self._store.last_of_channels(workspace)

    async def replay(self, workspace: WorkspaceId, delivery_id: str, *, by: Doer) -> Delivery:
        """Tell it again under the same id; receivers that keep ids know it.

        Raises:
            DeliveryNotFoundError: there is none.
            DeliveryPendingError: it is still under way.
        """
        found = await self.get_delivery(workspace, delivery_id)
        deed = by.deed("deliveries:replay", f"delivery/{delivery_id}", channel=found.channel_name)
        async with self._database.transaction(workspace) as connection:
            job = JobId(found.job)
            if found.job and job in await self._jobs.replay(connection, workspace, [job]):
                added = job
            elif found.state is DeliveryState.PENDING:
                raise DeliveryPendingError(delivery_id)
            else:
                [added] = await self._outbox.add(connection, workspace, [_job_of(found.notice, max_attempts=None)])
            await self._store.set_jobs(connection, workspace, {delivery_id: added})
            await self._trail.append(workspace, deed, within=connection)
        return await self.get_delivery(workspace, delivery_id)

    async def _enqueue(
        self, connection: Connection, workspace: WorkspaceId, notices: Sequence[Notice], *, max_attempts: int | None
    ) -> list[JobId]:
        if not notices:
            return []
        kept = {notice.id: notice for notice in map(fitted, notices)}
        new = set(await self._store.add_deliveries(connection, workspace, list(kept.values()), now=self._clock.now()))
        added = [notice for notice in kept.values() if notice.id in new]
        if not added:
            return []
        jobs = await self._outbox.add(
            connection, workspace, [_job_of(notice, max_attempts=max_attempts) for notice in added]
        )
        await self._store.set_jobs(
            connection, workspace, {notice.id: job for notice, job in zip(added, jobs, strict=True)}
        )
        return jobs

    async def _id_of(self, workspace: WorkspaceId, name_or_id: str) -> ChannelId:
        if name_or_id.startswith("chn_"):  # one that was removed is asked for by its id
            return ChannelId(name_or_id)
        found = await self._channels.find_channel(workspace, name_or_id)
        if found is None:
            raise ChannelNotFoundError(name_or_id)
        return found.id

    def _test_notice(self, workspace: WorkspaceId, channel: Channel) -> Notice:
        notice_id, now = self._ids.new_id("msg"), self._clock.now()
        facts = {"event": _OF_A_TEST, "workspace": workspace, "channel": channel.name, "notice": notice_id}
        labels = {"alertname": "tidegate_test", "severity": "P2", "service": "tidegate"}
        alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": now.isoformat()}
        return Notice(
            id=notice_id,
            channel=channel.id,
            event=_OF_A_TEST,
            severity="P2",
            title=f"Test of the channel {channel.name}",
            lines=("Somebody asked tidegate to try this channel. Nothing is wrong.",),
            dedup_key=f"tidegate-test-{channel.id}",
            data={
                "version": "4",
                "groupKey": f"tidegate-test-{channel.id}",
                "status": "firing",
                "receiver": channel.name,
                "truncatedAlerts": 0,
                "groupLabels": labels,
                "commonLabels": labels,
                "commonAnnotations": {},
                "externalURL": "",
                "alerts": [alert],
                "tidegate": facts,
            },
        )


def _job_of(notice: Notice, *, max_attempts: int | None) -> NewJob:
    payload, priority = {"delivery": notice.id}, _URGENT.get(notice.severity, 0)
    if max_attempts is None:
        return NewJob(KIND, payload, key=notice.id, priority=priority)
    return NewJob(KIND, payload, key=notice.id, priority=priority, max_attempts=max_attempts)
