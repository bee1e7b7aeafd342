"""A workspace whose alerts are sent to an Alertmanager on loopback."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import asyncpg
import pytest
from tests.contract.paging.conftest import BY, START, URL, RecordingCourier, Sea
from tests.doing import trail_of

from tidegate.alerts import PostgresAlertStore, PostgresWatchStore
from tidegate.alerts.forwarding.model import Target, TargetWish
from tidegate.alerts.forwarding.service import LIMITS, Forwarder, TargetService
from tidegate.alerts.forwarding.store import PostgresTargets, TargetListener
from tidegate.alerts.forwarding.tasks import handlers_of
from tidegate.alerts.paging.assembly import build_paging
from tidegate.egress import EgressClient, parse_allowances
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import Clock, RandomIds, WorkspaceId
from tidegate.kernel.keyring import Keyring
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes
from tidegate.testing import FakeClock


@dataclass
class Post:
    """A workspace that sends."""

    sea: Sea
    targets: TargetService

    async def set(self, url: str, *, name: str = "central", **wish: object) -> Target:
        wanted = replace(TargetWish(url), **wish)  # type: ignore[arg-type]
        target, _ = await self.targets.set_target(self.sea.workspace, name, wanted, by=BY)
        return target

    async def now(self, name: str = "central") -> Target:
        return await self.targets.get_target(self.sea.workspace, name)


async def open_post(database: Database, workspace: WorkspaceId, clock: Clock, fence: int) -> Post:
    """Put it together anew, as a process that starts does."""
    outbox, ids, trail = PostgresOutbox(clock=clock), RandomIds(), trail_of(database)
    paging = build_paging(
        database, outbox=outbox, courier=RecordingCourier(), trail=trail, ids=ids, clock=clock, url=URL
    )
    store, envelopes = PostgresTargets(database, trail, outbox), Envelopes(Keyring("one", {"one": _KEY}))
    calling = EgressClient(parse_allowances("127.0.0.0/8"), limits=replace(LIMITS, total_s=2.0, head_s=1.0))
    forwarder = Forwarder(store=store, calling=calling, envelopes=envelopes, clock=clock, url=URL)
    service = TargetService(store=store, calling=calling, envelopes=envelopes, ids=ids, clock=clock)
    paging = replace(paging, followers=(TargetListener(store, clock),))
    worker = Worker(ledger=PostgresLedger(database, clock=clock), handlers=handlers_of(forwarder), clock=clock)
    alerts = PostgresAlertStore(database, listener=paging)
    sea = Sea(database, workspace, clock, RecordingCourier(), paging, alerts, worker, fence)  # type: ignore[arg-type]
    return Post(sea, service)


_KEY = os.urandom(32)


@pytest.fixture
async def fence(database: Database) -> AsyncIterator[int]:
    watch = PostgresWatchStore(database)
    fence = await watch.claim_watch("forwarding-tests", lease=timedelta(hours=1))
    assert fence is not None
    yield fence
    await watch.release_watch(fence)


@pytest.fixture
async def post(
    database: Database,
    workspace: WorkspaceId,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
    fence: int,
) -> AsyncIterator[Post]:
    yield await open_post(database, workspace, FakeClock(START), fence)
    await owner_connection.execute("DELETE FROM jobs WHERE workspace = $1", workspace)
