"""Channels and deliveries over the real state store, with receivers on loopback."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.doing import BY, trail_of
from tests.unit.deliveries.notices import make_notice

from tidegate.deliveries import Deliveries, build_deliveries
from tidegate.deliveries.channels import Added, ChannelService
from tidegate.deliveries.model import ChannelKind, Delivery, Notice
from tidegate.deliveries.senders.smtp import InstallationMail
from tidegate.deliveries.service import KIND, DeliveryService
from tidegate.deliveries.wishes import ChannelWish
from tidegate.egress import EgressLimits, parse_allowances
from tidegate.jobs import JobId, PostgresLedger, Worker
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.kernel.keyring import Keyring
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes
from tidegate.testing import FakeClock

ENVELOPES = Envelopes(Keyring("k1", {"k1": b"e" * 32}))
LOOPBACK = parse_allowances("127.0.0.0/8, ::1/128")
QUICK = EgressLimits(total_s=20.0, head_s=10.0, body_bytes=4_096, at_once=8, is_status_enough=True)
IMPATIENT = EgressLimits(total_s=0.3, head_s=0.2, body_bytes=4_096, at_once=8, is_status_enough=True)


class World:
    """One workspace."""

    def __init__(
        self,
        database: Database,
        workspace: WorkspaceId,
        *,
        limits: EgressLimits = QUICK,
        mail: InstallationMail | None = None,
    ) -> None:
        self.database, self.workspace, self.clock = database, workspace, FakeClock()
        self.ids = RandomIds()
        self.built: Deliveries = build_deliveries(
            database,
            trail_of(database),
            allowed=LOOPBACK,
            envelopes=ENVELOPES,
            ids=self.ids,
            clock=self.clock,
            mail=mail,
            limits=limits,
        )
        self.deliveries: DeliveryService = self.built.deliveries
        channels = self.built.services[ChannelService]
        assert isinstance(channels, ChannelService)
        self.channels = channels
        self.worker = Worker(
            ledger=PostgresLedger(database), handlers=self.built.handlers, clock=self.clock, random=lambda: 0.0
        )

    async def add(self, kind: ChannelKind = ChannelKind.WEBHOOK, *, name: str = "ops", **wish: Any) -> Added:
        return await self.channels.add(self.workspace, name, ChannelWish(kind, **wish), by=BY)

    async def tell(self, added: Added, **changes: Any) -> Notice:
        """Let a notice go out to a channel; return it."""
        notice = make_notice(**({"id": self.ids.new_id("msg"), "channel": added.channel.id} | changes))
        await self.enqueue([notice])
        return notice

    async def enqueue(self, notices: Sequence[Notice]) -> list[JobId]:
        async with self.database.transaction(self.workspace) as connection:
            return await self.deliveries.enqueue(connection, self.workspace, notices)

    async def work(self) -> int:
        """Run what is due of this workspace, once."""
        return await self.worker.run_once()

    async def delivered(self, notice: Notice) -> Delivery:
        return await self.deliveries.get_delivery(self.workspace, notice.id)

    async def come_due(self) -> None:
        """Let the time pass until the next attempt."""
        async with self.database.transaction(self.workspace) as connection:
            await connection.execute(
                "UPDATE jobs SET run_at = now() WHERE workspace = $1 AND kind = $2 AND state IN ('scheduled', 'ready')",
                self.workspace,
                KIND,
            )

    async def waits(self) -> timedelta:
        """Return how long the one job of the workspace waits from now."""
        async with self.database.transaction(self.workspace) as connection:
            found: timedelta = await connection.fetchval(
                "SELECT run_at - now() FROM jobs WHERE workspace = $1 AND kind = $2", self.workspace, KIND
            )
        return found
