"""Schedules and paging over a real state store; what they read is served on loopback."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import pytest
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.paging.conftest import BY, START, URL, RecordingCourier, Sea
from tests.doing import trail_of

from tidegate.alerts import PostgresAlertStore, PostgresWatchStore
from tidegate.alerts.oncall.assembly import build_schedules
from tidegate.alerts.oncall.fetching import LIMITS
from tidegate.alerts.oncall.schemas import ScheduleIn
from tidegate.alerts.oncall.service import ScheduleService
from tidegate.alerts.oncall.store import PostgresSchedules
from tidegate.alerts.paging.assembly import build_paging
from tidegate.alerts.paging.ports import Channel
from tidegate.alerts.paging.sources import ReadSchedules
from tidegate.egress import EgressClient, parse_allowances
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.kernel.keyring import Keyring
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes
from tidegate.testing import FakeClock


@dataclass
class MailCourier(RecordingCourier):
    """Channels that mail to `NAME@example.com`."""

    problems: dict[str, str] = field(default_factory=dict)

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        return {
            name: Channel(f"chn_{name}", name, self.problems.get(name, ""), f"{name}@example.com")
            for name in self.names
        }


@dataclass
class Watch:
    """A workspace with schedules."""

    sea: Sea
    schedules: ScheduleService
    remote: HttpReceiver
    courier: MailCourier

    async def set(self, name: str, **wish: object) -> None:
        wanted = ScheduleIn.model_validate(wish).wish(await self.schedules.find_kind(self.sea.workspace, name))
        await self.schedules.set_schedule(self.sea.workspace, name, wanted, by=BY)
        await self.sea.work()

    def told(self) -> list[tuple[str, str]]:
        return [(message.channel.name, message.event) for _, message in self.courier.sent]

    async def words(self) -> list[str]:
        """Return why people were told, or were not, of what fires."""
        async with self.sea.database.transaction(self.sea.workspace) as connection:
            rows = await connection.fetch(
                "SELECT words FROM paging_decisions WHERE workspace = $1 ORDER BY seq", self.sea.workspace
            )
        return [row["words"] for row in rows]


def at(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def shift(person: str, begins: timedelta, ends: timedelta) -> list[str]:
    return [
        f"UID:{person}{begins}", f"DTSTART:{at(START + begins)}", f"DTEND:{at(START + ends)}",
        f"ATTENDEE:mailto:{person}@example.com",
    ]  # fmt: skip


@pytest.fixture
async def watch(
    database: Database, workspace: WorkspaceId, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Watch]:  # fmt: skip
    clock = FakeClock(START)
    courier = MailCourier(names=("ann", "bob", "team", "boss"), clock=clock)
    outbox, ids, trail = PostgresOutbox(clock=clock), RandomIds(), trail_of(database)
    store = PostgresSchedules(database, trail, outbox)
    paging = build_paging(
        database, outbox=outbox, courier=courier, trail=trail, ids=ids, clock=clock, url=URL,
        schedules=ReadSchedules(store, clock),
    )  # fmt: skip
    async with HttpReceiver().serving() as remote:
        built = build_schedules(
            store, announcer=paging.announcer,
            calling=EgressClient(parse_allowances(remote.url.removeprefix("http://")), limits=LIMITS),
            envelopes=Envelopes(Keyring("one", {"one": os.urandom(32)})), ids=ids, clock=clock,
        )  # fmt: skip
        watching = PostgresWatchStore(database)
        fence = await watching.claim_watch("oncall-tests", lease=timedelta(hours=1))
        assert fence is not None
        handlers = {**paging.handlers, **built.handlers}
        worker = Worker(ledger=PostgresLedger(database, clock=clock), handlers=handlers, clock=clock)
        alerts = PostgresAlertStore(database, listener=paging.listener)
        sea = Sea(database, workspace, clock, courier, paging, alerts, worker, fence)
        schedules = built.services[ScheduleService]
        assert isinstance(schedules, ScheduleService)
        yield Watch(sea, schedules, remote, courier)
        await watching.release_watch(fence)
    await owner_connection.execute("DELETE FROM jobs WHERE workspace = $1", workspace)
